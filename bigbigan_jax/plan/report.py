"""The numbers of plans as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from bigbigan_jax.plan.estimate import ROOFLINE
from bigbigan_jax.plan.topologies import GIB

Numbers = Mapping[str, Any]
Row = tuple[str, str]

_PARTS = {
    "parameters": "parameters",
    "optimizer": "optimiser",
    "ema": "EMA",
    "statistics": "BatchNorm and spectral statistics",
    "other_state": "counters of steps",
    "images": "images",
    "padding": "padding of all these",
    "results": "results with room of their own",
    "temporaries": "activations and other temporaries",
    "program": "program",
}

_COLUMNS = (
    "slice",
    "devices",
    "batch",
    "HBM GiB a device",
    "TFLOP a device",
    "step ms",
    "of it collectives",
    "step ms by cycles",
    "MFU",
    "images/s",
    "days",
)


def describe(numbers: Numbers) -> str:
    """The plan for one slice, a line a number."""
    name = numbers["accelerator_type"]
    title = f"{numbers['topology']}{f' ({name})' if name else ''}: "
    title += f"{numbers['chips']} chips, {numbers['devices']} devices, batch size "
    title += f"{numbers['batch_size']} ({numbers['batch_size_per_device']} a device)"
    if not numbers["fits"]:
        return "\n".join([title, *_misfit(numbers)])
    rows = [*_memory(numbers["hbm"]), *_computation(numbers), *_speed(numbers)]
    lines = [f"  {label:<44} {value}".rstrip() for label, value in rows]
    return "\n".join([title, *lines, *(f"  note: {note}" for note in numbers["notes"])])


def summarize(plans: Sequence[Numbers], markdown: bool = False) -> str:
    """A table with a line for each slice.

    "step ms by cycles" is the step with the computation by the instructions' cycles.
    """
    rows = [list(_COLUMNS), *map(_summary, plans)]
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        lines.insert(1, "|---" + "|---:" * (len(_COLUMNS) - 1) + "|")
    else:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for first, *others in rows:
            cells = [cell.rjust(n) for cell, n in zip(others, widths[1:], strict=True)]
            lines.append("  ".join([first.ljust(widths[0]), *cells]))
    footnotes = []
    if any(numbers.get("computation_source") == ROOFLINE for numbers in plans):
        footnotes = ["", "~: computation by the roofline of FLOPs and bytes alone"]
    return "\n".join(lines + footnotes)


def _summary(numbers: Numbers) -> list[str]:
    row = [numbers["topology"], str(numbers["devices"]), str(numbers["batch_size"])]
    if not numbers["fits"]:
        sizes = numbers["needed_bytes_per_device"], numbers["available_bytes_per_device"]
        row.append("{:.2f} of {:.2f}: does not fit".format(*(n / GIB for n in sizes)))
        return row + ["-"] * (len(_COLUMNS) - len(row))
    hbm = numbers["hbm"]
    sizes = hbm["total_bytes_per_device"], hbm["available_bytes_per_device"]
    row.append("{:.2f} of {:.2f}".format(*(n / GIB for n in sizes)))
    if numbers["step_seconds"] is None:
        return row + ["?"] * (len(_COLUMNS) - len(row))
    cycles = numbers["cycles_seconds"]
    mark = "~" if numbers["computation_source"] == ROOFLINE else ""
    return row + [
        f"{numbers['flops_per_device'] / 1e12:.3g}",
        f"{mark}{numbers['step_seconds'] * 1e3:.3g}",
        f"{mark}{numbers['collective_share']:.1%}",
        "?" if cycles is None else f"{(cycles + numbers['collective_seconds']) * 1e3:.3g}",
        f"{mark}{numbers['mfu']:.1%}",
        f"{mark}{numbers['images_per_second']:,.0f}",
        f"{mark}{numbers['days']:.3g}",
    ]


def _misfit(numbers: Numbers) -> list[str]:
    needed, available = (
        numbers[f"{name}_bytes_per_device"] / GIB for name in ("needed", "available")
    )
    line = f"  does not fit: a device has {available:.2f} GiB, the step needs {needed:.2f} GiB"
    return [line, "  what would help:", *(f"    {way}" for way in numbers["advice"])]


def _memory(hbm: Numbers) -> list[Row]:
    parts = hbm["parts_bytes_per_device"]
    rows = [("HBM a device, GiB", "")]
    rows += [(f"  {label}", f"{parts[name] / GIB:.3f}") for name, label in _PARTS.items()]
    for unit in ("device", "chip"):
        total, available = (hbm[f"{name}_bytes_per_{unit}"] for name in ("total", "available"))
        text = f"{total / GIB:.2f} of {available / GIB:.2f} ({total / available:.0%})"
        rows.append((f"  total, of what a {unit} has", text))
    if hbm["peak_bytes_per_device"]:
        text = f"{hbm['peak_bytes_per_device'] / GIB:.3f}"
        rows.append(("  peak of the buffers in use at a time", text))
    return rows


def _computation(numbers: Numbers) -> list[Row]:
    if numbers["step_seconds"] is None:
        return _collectives(numbers)
    flops = numbers["flops_per_device"], numbers["flops_per_chip"]
    raw, cycles = numbers["optimal_seconds"], numbers["cycles_seconds"]
    return [
        ("TFLOP a step: device; chip", "{:.4g}; {:.4g}".format(*(n / 1e12 for n in flops))),
        ("GB read and written a step: device", f"{numbers['bytes_accessed_per_device'] / 1e9:.4g}"),
        (
            "computation, ms",
            f"{_ms(numbers['computation_seconds'])} (by the {numbers['computation_source']})",
        ),
        ("  compiler's sum as it says it", _ms(raw)),
        ("  roofline of FLOPs and bytes", _ms(numbers["roofline_seconds"])),
        ("  by the instructions' cycles", _ms(cycles)),
        *_collectives(numbers),
    ]


def _collectives(numbers: Numbers) -> list[Row]:
    rows = []
    for kind, found in numbers["collectives"].items():
        size = found["result_bytes_per_device"] / 2**20
        rows.append((f"{kind}: count; MiB of results a device", f"{found['count']}; {size:,.2f}"))
    if numbers["collective_seconds"] is not None:
        share = (
            f"{_ms(numbers['collective_seconds'])} ({numbers['collective_share']:.1%} of a step)"
        )
        rows.append(("collectives, ms, by a model of the network", share))
    return rows


def _speed(numbers: Numbers) -> list[Row]:
    if numbers["step_seconds"] is None:
        return []
    return [
        ("step, ms: computation, then collectives", _ms(numbers["step_seconds"])),
        ("share of the peak bf16 FLOP/s (MFU)", f"{numbers['mfu']:.1%}"),
        (
            "steps/s; images/s",
            f"{numbers['steps_per_second']:.4g}; {numbers['images_per_second']:,.0f}",
        ),
        (f"days for {numbers['steps']:,} steps", f"{numbers['days']:.3g}"),
    ]


def _ms(seconds: float | None) -> str:
    return "not known" if seconds is None else f"{seconds * 1e3:.4g}"
