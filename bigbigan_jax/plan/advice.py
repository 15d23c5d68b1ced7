"""What would make a step fit."""

import math
from collections.abc import Mapping

from ml_collections import ConfigDict

from bigbigan_jax.plan.memory import Shortage
from bigbigan_jax.plan.topologies import GIB


def advise(
    config: ConfigDict, state: Mapping[str, int], shortage: Shortage, devices: int
) -> list[str]:
    """Ways out, each with its numbers.

    All of what is needed beyond the state is taken to grow with the batch; what the compiler needs
    for a batch of another size may differ by a little.

    Args:
      config: of the step that does not fit.
      state: bytes a device by purpose (see `state_bytes`).
      shortage: what the compiler said.
      devices: of the slice.
    """
    training = config.training
    needed, available = shortage.needed_bytes, shortage.available_bytes
    kept = sum(size for name, size in state.items() if name != "images")
    ways = []
    if not training.shard_weights and devices > 1:
        weights = state["parameters"] + state["optimizer"] + state["ema"]
        saved = round((1 - 1 / devices) * weights)
        after = needed - saved
        outcome = "fits" if after <= available else "does not suffice alone"
        ways.append(
            f"--config.training.shard_weights=True saves {saved / GIB:.2f} GiB a device, which "
            f"leaves {after / GIB:.2f} GiB: {outcome}"
        )
    if not training.get("rematerialize", True) and kept < available:
        encoder = ("encoder",) if config.model.encoder.trunk.startswith("resnet") else ()
        networks = ("generator", "discriminator", *encoder)
        ways.append(
            f'--config.training.rematerialize="{networks}" keeps fewer activations and computes '
            "them again; plan with it to see how many"
        )
    return ways + _smaller_batches(config, kept, needed, available, devices)


def _smaller_batches(
    config: ConfigDict, kept: int, needed: int, available: int, devices: int
) -> list[str]:
    """More devices, fewer images, or the same images in several turns."""
    accumulation = config.training.get("gradient_accumulation", 1)
    at_once = config.batch_size // devices // accumulation
    room = (available - kept) * at_once // max(1, needed - kept)
    if room < 1:
        return [
            f"a smaller batch does not suffice: weights, optimiser and averages alone take "
            f"{kept / GIB:.2f} GiB of the {available / GIB:.2f} GiB of a device"
        ]
    turns = next(n for n in range(2, at_once + 1) if at_once % n == 0 and at_once // n <= room)
    more = math.ceil(at_once / room * devices)
    return [
        f"about {more} devices of this kind for the same batch: some {room} images a device fit at "
        f"a time, not {at_once}",
        f"--config.training.gradient_accumulation={turns * accumulation}, if BatchNorm may see the "
        "parts alone",
        f"--config.batch_size={room * devices * accumulation} on this slice",
    ]
