"""How fast BiGAN trains on MNIST, beside the machine's own rate of matrix products.

    python -m benchmarks.bigan_mnist
    python -m benchmarks.bigan_mnist --rows bigan bigbigan --steps=1875 --programs=10

Images are noise of MNIST's size, on the device. Products are those of a hidden layer of training, a
batch by its weights, and those of large square matrices. They and training take turns, program by
program, and the fastest of each counts, so that what else the machine does meets all.
"""

import argparse
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bigbigan_jax.mesh import data_mesh, replicated
from bigbigan_jax.plan.compiling import compiled_cost
from bigbigan_jax.training.programs import Programs, abstract_batch, lower_update
from bigbigan_jax.training.run import build_family

CONFIG = Path(__file__).parents[1] / "configs" / "bigan_mnist.py"
IMAGES = 60_000
SIDE = 2048  # of the square matrices
PRODUCT_FLOP = 4e11  # in a program of products
Numbers = dict[str, float]


def main() -> None:
    """Prints the numbers of each row."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bigan_mnist",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", nargs="+", default=["bigan"], help="of configs/bigan_mnist.py")
    parser.add_argument("--steps", type=int, default=100, help="in a program")
    parser.add_argument("--programs", type=int, default=5, help="to run, the first not timed")
    flags = parser.parse_args()
    print(f"{jax.devices()[0].device_kind}, {jax.device_count()} devices, jax {jax.__version__}")
    for row in flags.rows:
        print(row)
        for name, value in measure(row, flags.steps, flags.programs).items():
            print(f"  {name:<48} {value:,.4g}")


def measure(row: str, steps: int, programs: int, width: int = 1024, side: int = SIDE) -> Numbers:
    """Numbers by name, with their unit.

    Args:
      row: of `configs/bigan_mnist.py`.
      steps: of training in a program.
      programs: how many to run of training, and of products.
      width: units of the hidden layers.
      side: of the square matrices.
    """
    config = runpy.run_path(str(CONFIG))["get_config"](row)
    config.model.width = width
    family, mesh = build_family(config), data_mesh()
    made, batch_size = Programs.of(family, mesh), config.batch_size
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.integers(0, 256, (IMAGES, 28, 28, 1), np.uint8))
    shape = (steps, family.batches_per_step, batch_size)
    batch = {"images": images, "index": jnp.asarray(rng.integers(0, IMAGES, shape, np.int32))}
    batch = jax.device_put(batch, replicated(mesh))
    key = jax.jit(lambda: jax.random.key(0), out_shardings=replicated(mesh))()
    state = made.init(key)

    def train(last: Any) -> Any:
        return made.update(last[0], batch, key)

    training, of_layer, of_square = fastest(
        train, (state, None), [_products(batch_size, width), _products(side, side)], programs
    )
    flop = _flop_of_a_step(family, batch_size, mesh)
    rate, layer, square = steps * flop / training, PRODUCT_FLOP / of_layer, PRODUCT_FLOP / of_square
    return {
        "a step, ms": training / steps * 1e3,
        "images/s": steps * family.batches_per_step * batch_size / training,
        "GFLOP a step, by the compiler": flop / 1e9,
        "GFLOP/s of training": rate / 1e9,
        f"GFLOP/s of products {batch_size}×{width} by {width}×{width}": layer / 1e9,
        f"GFLOP/s of products {side}×{side} by {side}×{side}": square / 1e9,
        "training, of the first, %": 100 * rate / layer,
        "training, of the second, %": 100 * rate / square,
        f"the row's {config.steps} steps, minutes": config.steps * training / steps / 60,
    }


def fastest(
    train: Callable[[Any], Any], result: Any, others: list[Callable[[], Any]], calls: int
) -> list[float]:
    """The shortest seconds of a call of each; the first calls do not count.

    Args:
      train: is fed its own results.
      result: for its first call.
      others: what is called in turn with it.
      calls: of each.
    """
    seconds = []
    for _ in range(calls):
        times = [time.perf_counter()]
        result = jax.block_until_ready(train(result))
        times.append(time.perf_counter())
        for other in others:
            jax.block_until_ready(other())
            times.append(time.perf_counter())
        seconds.append(np.diff(times))
    return np.min(seconds[1:], axis=0).tolist()


def _products(rows: int, width: int) -> Callable[[], jax.Array]:
    """A program of `PRODUCT_FLOP` in products of [rows, width] by [width, width]."""
    count = round(PRODUCT_FLOP / (2 * rows * width**2))
    left = jax.random.normal(jax.random.key(0), (rows, width))
    right = jax.random.normal(jax.random.key(1), (width, width)) / width**0.5

    @jax.jit
    def multiply(left: jax.Array, right: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, count, lambda _, product: product @ right, left)

    return lambda: multiply(left, right)


def _flop_of_a_step(family: Any, batch_size: int, mesh: Any) -> float:
    batch = abstract_batch(family, batch_size, mesh)
    compiled = lower_update(Programs.of(family, mesh), mesh, batch).compile()
    return compiled_cost(compiled)["flops"] * mesh.size


if __name__ == "__main__":
    main()
