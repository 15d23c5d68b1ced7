"""What scores cost: images a second through Inception, and seconds for each score.

    python -m benchmarks.evaluation
    python -m benchmarks.evaluation --keep=50000

Weights and features are random, which takes the same time.
"""

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from bigbigan_jax.evaluate.collecting import Collected, collect
from bigbigan_jax.inception import LOGITS, SIDE, TAPS, Inception, InceptionFeatures
from bigbigan_jax.inception.weights import InceptionWeights
from bigbigan_jax.scores import (
    FrechetReference,
    InceptionSplit,
    frechet_with_error,
    inception_score,
    kernel_distance,
    manifold_scores,
)

_BATCH = 256


def random_inception() -> InceptionFeatures:
    """The whole network, with random weights."""
    params = Inception().init(jax.random.key(0), jnp.zeros((1, SIDE, SIDE, 3)))["params"]
    params = jax.tree.map(np.asarray, params)
    return InceptionFeatures(InceptionWeights(params, (*TAPS, LOGITS), "random"), (2048, LOGITS))


def timed(name: str, work: Callable[[], object]) -> object:
    """Does the work once and prints the seconds it took."""
    began = time.perf_counter()
    result = work()
    print(f"{name:<58} {time.perf_counter() - began:8.1f} s", flush=True)
    return result


def made_up(samples: int, width: int, seed: int) -> np.ndarray:
    """Features of so many images, float32, with unequal variances."""
    rng = np.random.default_rng(seed)
    scale = np.geomspace(1, 0.01, width, dtype=np.float32)
    return rng.standard_normal((samples, width), np.float32) * scale


class MadeUp:
    """Stands where Inception does: what it is given are the features themselves."""

    def __init__(self, width: int):
        self.outputs = (width,)

    def __call__(self, features: np.ndarray) -> dict[int, np.ndarray]:
        return {self.outputs[0]: features}


def collected(features: np.ndarray, parts: int, keep: int) -> Collected:
    """What scores need to know of features that come in batches."""
    batches = (features[start : start + _BATCH] for start in range(0, len(features), _BATCH))
    network = MadeUp(features.shape[1])
    return collect(batches, len(features), network, parts=parts, keep=keep)


def main() -> None:
    """Runs each once, the network after a first time that compiles; prints a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=256, help="through the network")
    parser.add_argument("--side", type=int, default=128, help="of them, in pixels")
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--keep", type=int, default=10_000, help="for KID and neighbours")
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--parts", type=int, default=10)
    arguments = parser.parse_args()
    print(f"{arguments.samples:,} samples, {arguments.width}-D, {jax.devices()[0]}")

    shape = (arguments.images, arguments.side, arguments.side, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    network = random_inception()
    network(images)
    began = time.perf_counter()
    network(images)
    rate = arguments.images / (time.perf_counter() - began)
    print(f"{f'Inception, images of {arguments.side} px':<58} {rate:8.1f} images/s", flush=True)

    real = made_up(arguments.samples, arguments.width, 0)
    generated = made_up(arguments.samples, arguments.width, 1)
    of_real = collected(real, 1, arguments.keep)
    of_generated = timed(
        "moments of the samples", lambda: collected(generated, arguments.parts, arguments.keep)
    )
    width = arguments.width
    whole, reference = of_generated.whole(width), of_real.whole(width)
    timed("FID from moments", lambda: FrechetReference(reference).distance(whole))
    reference = FrechetReference(reference)
    parts = of_generated.moments[width]
    timed("FID and its standard error", lambda: frechet_with_error(parts, reference))
    logits = np.random.default_rng(2).normal(size=(arguments.samples, LOGITS))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    split = np.array_split(probabilities, arguments.parts)
    timed("IS", lambda: inception_score([InceptionSplit.of(part) for part in split]))
    kept = of_real.kept, of_generated.kept
    of_kept = f"of {len(kept[0]):,} and {len(kept[1]):,}"
    timed(f"KID {of_kept}", lambda: kernel_distance(*kept))
    timed(f"precision, recall, density, coverage {of_kept}", lambda: manifold_scores(*kept))


if __name__ == "__main__":
    main()
