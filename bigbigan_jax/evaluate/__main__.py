"""Scores generated images: python -m bigbigan_jax.evaluate --help."""

import argparse
import functools
import json
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
from bigbigan_jax.inception import InceptionFeatures, read_weights
from bigbigan_jax.progress import tracked


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
    evaluation_of = functools.cache(_evaluations(flags))
    workdir = absolute(flags.workdir)
    exported = flags.workdir.endswith(".safetensors")
    truncations = [None, *flags.truncation]

    def score(model: Model) -> None:
        step, weights = model.about["step"], model.about["weights"]
        evaluation = evaluation_of(model.generated_size, model.networks.image_channels)
        protocols = evaluation.protocols(truncations)
        file = evaluation_file(workdir, step, weights)
        if flags.watch and results.are_known(file, protocols):
            print(f"step {step} has been scored already", file=sys.stderr)
        else:
            found = evaluation(model, truncations, _shown)
            print(f"\n{model.about['source']}")
            _show(flags, found)
            if not exported:
                results.record(workdir, step, weights, found)
        if flags.plot:
            write_plot(flags.plot, workdir, protocols, flags.samples)

    if flags.watch:
        watch(workdir, score)
    else:
        score(load(flags.workdir, flags.step))


def _evaluations(flags: argparse.Namespace) -> Callable[[int, int], EvaluationProtocol]:
    """Makes the evaluation of models of a size and a number of channels; checks flags before."""
    weights = read_weights(flags.inception)
    inception = InceptionFeatures(weights, weights.outputs)
    sources = [open_source(flags.data, split, flags.data_dir) for split in flags.references]

    def evaluation(size: int, channels: int) -> EvaluationProtocol:
        references = [
            reference_of(source, size, channels, inception, flags.keep, flags.cache, _shown)
            for source in sources
        ]
        return EvaluationProtocol(
            inception, references, flags.samples, flags.parts, flags.keep, flags.seed
        )

    return evaluation


def _show(flags: argparse.Namespace, found: Sequence[results.Result]) -> None:
    print(results.as_table(found), flush=True)
    if flags.json:
        rows = [result.as_json() for result in found]
        flags.json.parent.mkdir(parents=True, exist_ok=True)
        flags.json.write_text(json.dumps({"results": rows}, indent=1) + "\n")


def _shown(batches: Iterable[np.ndarray], count: int, text: str) -> Iterator[np.ndarray]:
    return tracked(batches, count, text, size=len)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
