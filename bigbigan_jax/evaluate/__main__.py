"""Scores generated images: python -m bigbigan_jax.evaluate --help."""

import argparse
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from bigbigan_jax.arguments import ended
from bigbigan_jax.checkpoints import absolute
from bigbigan_jax.checkpoints.evaluations import evaluation_file
from bigbigan_jax.data import open_source
from bigbigan_jax.evaluate import results
from bigbigan_jax.evaluate.command import IMAGES, parse
from bigbigan_jax.evaluate.folders import score_folders
from bigbigan_jax.evaluate.plot import write_plot
from bigbigan_jax.evaluate.protocol import EvaluationProtocol
from bigbigan_jax.evaluate.references import reference_of
from bigbigan_jax.evaluate.watch import watch
from bigbigan_jax.hub import Model, load
from bigbigan_jax.hub.exported import SUFFIX
from bigbigan_jax.inception import InceptionFeatures, read_weights
from bigbigan_jax.progress import tracked
from bigbigan_jax.reports import write_json


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    flags = parse(arguments)
    return ended(_score_folders if flags.command == IMAGES else _score_models, flags)


def _score_folders(flags: argparse.Namespace) -> None:
    weights = read_weights(flags.inception)
    result = score_folders(
        flags.dir,
        flags.against,
        flags.size,
        InceptionFeatures(weights, weights.outputs),
        parts=flags.parts,
        keep=flags.keep,
        shown=_shown,
    )
    _show(flags, [result])


def _score_models(flags: argparse.Namespace) -> None:
    protocol_of = _protocols(flags)
    if flags.watch:
        watch(absolute(flags.workdir), lambda model: _score(flags, protocol_of, model))
    else:
        _score(flags, protocol_of, load(flags.workdir, flags.step))


def _score(
    flags: argparse.Namespace,
    protocol_of: Callable[[int, int], EvaluationProtocol],
    model: Model,
) -> None:
    """Scores a model, shows what was found and writes it into the workdir."""
    workdir, truncations = absolute(flags.workdir), [None, *flags.truncation]
    step, weights = model.about["step"], model.about["weights"]
    protocol = protocol_of(model.generated_size, model.networks.image_channels)
    protocols = protocol.of_results(truncations)
    if flags.watch and results.are_known(evaluation_file(workdir, step, weights), protocols):
        print(f"step {step} has been scored already", file=sys.stderr)
    else:
        found = protocol(model, truncations, _shown)
        print(f"\n{model.about['source']}")
        _show(flags, found)
        if not flags.workdir.endswith(SUFFIX):
            results.record(workdir, step, weights, found)
    if flags.plot:
        write_plot(flags.plot, workdir, protocols, flags.samples)


def _protocols(flags: argparse.Namespace) -> Callable[[int, int], EvaluationProtocol]:
    """Checks what flags name; returns what makes the protocol for a size and channels of images."""
    weights = read_weights(flags.inception)
    inception = InceptionFeatures(weights, weights.outputs)
    sources = [open_source(flags.data, split, flags.data_dir) for split in flags.references]

    @functools.cache
    def protocol(size: int, channels: int) -> EvaluationProtocol:
        references = [
            reference_of(source, size, channels, inception, flags.keep, flags.cache, _shown)
            for source in sources
        ]
        return EvaluationProtocol(
            inception, references, flags.samples, flags.parts, flags.keep, flags.seed
        )

    return protocol


def _show(flags: argparse.Namespace, found: Sequence[results.Result]) -> None:
    print(results.as_table(found), flush=True)
    if flags.json:
        write_json(flags.json, vars(flags), [result.as_json() for result in found])


def _shown(batches: Iterable[np.ndarray], count: int, text: str) -> Iterator[np.ndarray]:
    return tracked(batches, count, text, size=len)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
