"""Counts in the text of an optimised HLO module, of which a large one has hundreds of megabytes."""

import dataclasses
import math
import re

KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "ragged-all-to-all",
    "collective-permute",
    "collective-broadcast",
)

# An asynchronous collective is counted where it ends, at "-done", for that has the result's shape
# alone. In the other notation (async-start calling a computation) the collective stands in the
# computation, without a suffix.
_COLLECTIVE = re.compile(rf" ({'|'.join(KINDS)})(?:-done)?\(")
_CHANNEL = re.compile(r"\bchannel_id=(\d+)")
_ARRAY = re.compile(r"\b([a-z]+)(\d*)(?:e\d\w*)?\[([\d,]*)\]")
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_CUSTOM_CALL = re.compile(r' custom-call\(.*?custom_call_target="([^"]*)"')
_KERNEL = "tpu_custom_call"
_LOOP = re.compile(r" while\(")
_INSTRUCTION = re.compile(r"^  (?:ROOT )?%?[\w.-]+ = ", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Collective:
    """The collectives of one kind.

    Attributes:
      count: instructions of the program; one in a loop counts once.
      bytes: of the results on one device, layout padding left out. The result of an all-reduce is
        as large as what a device puts in, that of an all-gather N times as large, that of a
        reduce-scatter an N-th.
    """

    count: int = 0
    bytes: int = 0


@dataclasses.dataclass(frozen=True)
class ModuleCounts:
    """What is counted in a module.

    Attributes:
      collectives: by kind.
      unknown: custom calls that count -1 in each of the compiler's costs.
      kernels: custom calls with a program of their own, such as the compiler's for attention. They
        count what their authors say they cost, or nothing.
      loops: `while` instructions; cost analyses count their bodies once.
      instructions: of all computations.
      estimated_cycles: sum of the cycles by the compiler's estimate over the instructions that have
        one. Collectives have none.
    """

    collectives: dict[str, Collective]
    unknown: int
    kernels: int
    loops: int
    instructions: int
    estimated_cycles: int


def count(text: str, devices: int) -> ModuleCounts:
    """Counts in all computations of a module.

    Args:
      text: of the module, `compiled.as_text()`.
      devices: over which the collectives go.
    """
    targets = [match[1] for match in _CUSTOM_CALL.finditer(text)]
    return ModuleCounts(
        collectives=collectives(text, devices),
        unknown=len(targets) - targets.count(_KERNEL),
        kernels=targets.count(_KERNEL),
        loops=sum(1 for _ in _LOOP.finditer(text)),
        instructions=sum(1 for _ in _INSTRUCTION.finditer(text)),
        estimated_cycles=sum(int(match[1]) for match in _CYCLES.finditer(text)),
    )


def collectives(text: str, devices: int) -> dict[str, Collective]:
    """The collectives of a module by kind; those that it has not are left out.

    The TPU compiler writes some reduce-scatters as a fusion of an all-reduce and a slice, called
    all-reduce-scatter: it is counted as the reduce-scatter that it is. One that goes on beside
    several computations stands in each of them, with the same channel: it is counted once.
    """
    found: dict[str, Collective] = {}
    channels = set()
    for match in _COLLECTIVE.finditer(text):
        begin = text.rfind("\n", 0, match.start()) + 1
        name, equals, result = text[begin : match.start()].partition(" = ")
        if not equals or '"' in name:
            continue  # not an instruction, but words in a comment or a name
        kind, size = match[1], size_of(result)
        channel = _CHANNEL.search(text, match.end(), text.find("\n", match.end()))
        if channel and (kind, channel[1]) in channels:
            continue
        channels.add((kind, channel and channel[1]))
        if kind == "all-reduce" and _computation(text, begin).startswith("%all-reduce-scatter"):
            kind, size = "reduce-scatter", size // devices
        before = found.get(kind, Collective())
        found[kind] = Collective(before.count + 1, before.bytes + size)
    return found


def size_of(shape: str) -> int:
    """Bytes of an HLO shape, such as "(f32[2,3]{1,0:T(8,128)}, u8[4])", without padding."""
    bits = 0
    for kind, width, dimensions in _ARRAY.findall(shape):
        size = 8 if kind == "pred" else int(width or 0)  # a token has neither width nor size
        bits += size * math.prod(int(n) for n in dimensions.split(",") if n)
    return math.ceil(bits / 8)


def _computation(text: str, position: int) -> str:
    """The name of the computation that the line at a position is in."""
    end = text.rfind(" {\n", 0, position)
    return text[text.rfind("\n", 0, max(end, 0)) + 1 : max(end, 0)]
