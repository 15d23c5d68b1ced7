"""TPU generations and slices.

Peak bf16 FLOP/s, HBM, and the links between chips are those of the Cloud TPU documentation,
https://cloud.google.com/tpu/docs/v3 and its siblings v4, v5e, v5p, v6e. A link's bandwidth in one
direction is there as the interconnect of a chip over its 4 or 6 links (v5e 1600 Gbit/s, v5p
4800 Gbit/s, v6e 800 GB/s both ways) or, for v3 and v4, as the all-reduce bandwidth of a pod (340
TB/s over 1024 chips, 1.1 PB/s over 4096). The documentation no longer has v2: its numbers and the
clocks of v2 and v3 are of Jouppi et al., "A Domain-Specific Supercomputer for Training Deep Neural
Networks" (CACM 2020); the clock of v4 of arXiv 2304.01433, those of v5e and v5p of
https://jax-ml.github.io/scaling-book/tpus. None is published for v6e.

`usable_gib` is what libtpu 0.0.51 says in its out-of-memory message that a device has.
"""

import dataclasses
import math
import re
from typing import Any

from bigbigan_jax.plan.errors import SliceError

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
    """A TPU generation.

    Attributes:
      devices: JAX devices a chip; one a core on v2 and v3.
      peak_tflops: bf16, a chip.
      hbm_gb: a chip, as advertised; usable_gib is what the compiler grants, a chip.
      hbm_gb_per_second: a chip.
      link_gb_per_second: one link between chips, in one direction.
      clock_mhz: of the cores; None where it is not published.
      dimensions: of the network.
      wrap: an axis whose length is a multiple of this closes to a ring.
      max_chips: of a slice.
      accelerator: the name for gcloud, before the number; cores_named, whether that counts cores.
      options: for `jax.experimental.topologies.get_topology_desc`.
    """

    name: str
    devices: int
    peak_tflops: float
    hbm_gb: float
    usable_gib: float
    hbm_gb_per_second: float
    link_gb_per_second: float
    clock_mhz: float | None
    dimensions: int
    wrap: int
    max_chips: int
    accelerator: str
    cores_named: bool
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


_MEGACORE = {"chip_config_name": "megacore"}  # both cores of a chip are one device

CHIPS = {
    chip.name: chip
    for chip in (
        Chip("v2", 2, 46, 16, 14.96, 700, 62, 700, 2, 16, 256, "v2", True),
        Chip("v3", 2, 123, 32, 30.96, 900, 82, 940, 2, 32, 1024, "v3", True),
        Chip("v4", 1, 275, 32, 30.75, 1228, 45, 1050, 3, 4, 4096, "v4", True, _MEGACORE),
        Chip("v5e", 1, 197, 16, 15.75, 819, 50, 1500, 2, 16, 256, "v5litepod", False),
        Chip("v5p", 1, 459, 95, 95.73, 2765, 100, 1750, 3, 4, 6144, "v5p", True),
        Chip("v6e", 1, 918, 32, 31.24, 1638, 100, None, 2, 16, 256, "v6e", False),
    )
}


@dataclasses.dataclass(frozen=True)
class Slice:
    """Chips that are wired to each other.

    Attributes:
      chip: the generation.
      shape: chips along each axis of the network.
    """

    chip: Chip
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """As on the command line, such as "v3:8x8"."""
        return f"{self.chip.name}:{'x'.join(map(str, self.shape))}"

    @property
    def chips(self) -> int:
        """Their number."""
        return math.prod(self.shape)

    @property
    def devices(self) -> int:
        """The number of JAX devices."""
        return self.chips * self.chip.devices

    @property
    def accelerator_type(self) -> str | None:
        """gcloud's name, such as "v3-128"; None where that names no slice, or another shape.

        For v4 and v5p several shapes share a name, and gcloud wants the shape beside it.
        """
        short, long = min(self.shape), max(self.shape)
        if self.chip.dimensions == 2:
            usual = long in (short, 2 * short) and not long & (long - 1) and short <= long
            if not usual or self.shape != (short, long) or (self.chip.cores_named and short < 2):
                return None
        elif self.chips < 4:
            return None
        return f"{self.chip.accelerator}-{self.chips * (2 if self.chip.cores_named else 1)}"


def parse_slice(text: str) -> Slice:
    """Reads a slice such as "v3:8x8" or "v4:4x4x4".

    Raises:
      SliceError: says what would be right for the generation.
    """
    name, colon, shape = text.strip().partition(":")
    if name not in CHIPS or not colon:
        raise SliceError(
            f"--topology={text}: it must be a generation ({', '.join(CHIPS)}), a colon and the "
            "chips along each axis, such as v3:8x8 or v4:4x4x4"
        )
    chip = CHIPS[name]
    example = f"{name}:8x8" if chip.dimensions == 2 else f"{name}:4x4x4"
    match = re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", shape)
    if not match or shape.count("x") + 1 != chip.dimensions:
        raise SliceError(
            f"--topology={text}: a slice of {name} has {chip.dimensions} axes of 1 chip or more, "
            f"such as {example}"
        )
    found = Slice(chip, tuple(map(int, shape.split("x"))))
    if found.chips > chip.max_chips:
        raise SliceError(
            f"--topology={text}: these are {found.chips} chips; a slice of {name} has at most "
            f"{chip.max_chips}"
        )
    return found
