"""Scores as pictures: FID over the steps of training, and IS against FID by truncation."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from etils import epath

from bigbigan_jax.checkpoints.evaluations import evaluations_in, read_evaluations

Points = dict[str, list[tuple[float, float, float]]]


def write_plot(
    path: Path, workdir: epath.Path, protocols: Sequence[Mapping[str, Any]], samples: int
) -> None:
    """Draws FID of the widest features against the step, and IS against FID where z is truncated.

    Args:
      path: PNG to write.
      workdir: whose evaluations are drawn.
      protocols: only results by one of these are drawn, as others cannot be compared.
      samples: of them.
    """
    # Slow to import; most uses of the command draw nothing.
    import matplotlib

    matplotlib.use("Agg")  # no display
    from matplotlib import pyplot as plt

    over_steps, by_truncation = _lines(workdir, protocols)
    pictures = 2 if by_truncation else 1
    figure, (axes,) = plt.subplots(
        1, pictures, figsize=(8 * pictures, 5), squeeze=False, layout="constrained"
    )
    for name, points in over_steps.items():
        steps, values, spreads = zip(*points, strict=True)
        axes[0].errorbar(steps, values, spreads, marker="o", markersize=3, label=name)
    axes[0].set(xlabel="training step", ylabel=f"FID of {samples:,} samples", ylim=(0, None))
    for name, points in by_truncation.items():
        limits, fids, scores = zip(*points, strict=True)
        axes[1].plot(fids, scores, marker="o", markersize=3, label=name)
        axes[1].set(xlabel="FID", ylabel="Inception Score")
        for limit, *place in zip(limits, fids, scores, strict=True):
            axes[1].annotate(f"{limit:g}" if math.isfinite(limit) else "none", place)
    for each in axes:
        each.grid(alpha=0.3)
        each.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _lines(workdir: epath.Path, protocols: Sequence[Mapping[str, Any]]) -> tuple[Points, Points]:
    """By name, (step, FID, its spread) without truncation, and (truncation, FID, IS) of a step."""
    over_steps: Points = {}
    by_truncation: Points = {}
    for evaluations in filter(None, map(read_evaluations, evaluations_in(workdir))):
        step = evaluations["step"]
        for result in evaluations["results"]:
            if result["protocol"] not in protocols:
                continue
            scores, truncation = result["scores"], result["truncation"]
            width = max(int(name[4:]) for name in scores if name.startswith("fid_"))
            fid, name = scores[f"fid_{width}"], f"FID ({width}), {result['reference']}"
            if truncation is None:
                over_steps.setdefault(name, []).append((step, fid["value"], fid["spread"]))
            if "is" in scores:
                limit = math.inf if truncation is None else truncation
                point = (limit, fid["value"], scores["is"]["value"])
                by_truncation.setdefault(f"{name}, step {step}", []).append(point)
    return over_steps, {name: sorted(at) for name, at in by_truncation.items() if len(at) > 1}
