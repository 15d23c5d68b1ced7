"""Time of the computation on one device, by the compiler's count and by the chip's peak rates.

`optimal_seconds` of the compiler's cost analysis adds up, over the instructions, the longer of
computing and of moving bytes between HBM and the core. Found by compiling programs with libtpu
0.0.51:

  - A collective is in it as the reading and writing of its buffers on the device; the links between
    the chips are not, and it is the same for any number of them.
  - An instruction that the cost analysis does not know, which most custom calls are, adds -1, be it
    as light as the "ConcatBitcast" of the prefetches on v5e and later. With hundreds of them the
    sum is negative, and as it is kept in float32, what is added to it drowns in rounding. Kernels
    ("tpu_custom_call") add what their authors estimate, or nothing.
  - The body of a loop counts once. So do its FLOPs and its bytes.

The instructions' own `estimated_cycles` come from a finer model of the core and are larger: for the
ResNet-50 model on v3 nearly twice. Collectives have none.
"""

import dataclasses
import math

from bigbigan_jax.plan.topologies import Chip

COMPILER, RECOVERED, ROOFLINE = "compiler", "compiler, unknowns removed", "roofline"


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Seconds of computation of one step, collectives left out.

    Attributes:
      seconds: the best estimate.
      source: COMPILER; RECOVERED, where the -1 of each unknown instruction was taken out of the
        compiler's sum; or ROOFLINE, where that is not possible.
      roofline_seconds: the longer of all FLOPs at the peak bf16 rate and all bytes at the peak HBM
        bandwidth. On v4 and later some of the bytes counted stay in the core's own memory, so this
        may be too long; what holds up a core besides makes it too short.
      cycles_seconds: sum of the instructions' cycles over the clock; None where no clock is known.
    """

    seconds: float
    source: str
    roofline_seconds: float
    cycles_seconds: float | None


def estimate(
    chip: Chip,
    flops: float,
    bytes_accessed: float,
    optimal_seconds: float,
    unknown: int,
    instructions: int,
    cycles: int,
) -> Estimate:
    """Judges what the compiler says of the program of one device.

    Args:
      chip: the generation.
      flops: a step and device.
      bytes_accessed: a step and device.
      optimal_seconds: the compiler's sum, or NaN where there is none.
      unknown: number of instructions that it does not know.
      instructions: number of all.
      cycles: sum of the instructions' estimates.
    """
    roofline = max(
        flops / (chip.peak_tflops * 1e12 / chip.devices),
        bytes_accessed / (chip.hbm_gb_per_second * 1e9 / chip.devices),
    )
    clock = chip.clock_mhz
    by_cycles = cycles / (clock * 1e6) if clock and cycles else None
    seconds, source = _cleaned(optimal_seconds, roofline, unknown, instructions)
    return Estimate(seconds, source, roofline, by_cycles)


def _cleaned(optimal: float, roofline: float, unknown: int, instructions: int) -> tuple[float, str]:
    """The compiler's sum without its sentinels, or else the roofline."""
    floor = 0.98 * roofline  # the published rates are rounded
    if not unknown:
        good = math.isfinite(optimal) and optimal >= floor
        return (optimal, COMPILER) if good else (roofline, ROOFLINE)
    restored = optimal + unknown
    alone = restored - 1 < floor <= restored  # no other number of sentinels explains the sum
    # Each addition to a sum near `unknown` rounds by up to half a unit in the last of 24 bits.
    rounding = instructions * 2.0 ** (math.frexp(unknown)[1] - 25)
    if math.isfinite(restored) and alone and rounding <= 0.1 * restored:
        return restored, RECOVERED
    return roofline, ROOFLINE
