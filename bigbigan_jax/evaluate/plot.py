"""Scores as pictures: FID over the steps of training, and IS against FID by truncation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from etils import epath

from bigbigan_jax.checkpoints.evaluations import evaluations_in, read_evaluations


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

    over_steps: dict[str, list[tuple[int, float, float]]] = {}
    by_truncation: dict[str, list[tuple[float, float, float]]] = {}
    for evaluations in filter(None, map(read_evaluations, evaluations_in(workdir))):
        step = evaluations["step"]
        for result in evaluations["results"]:
            if result["protocol"] not in protocols:
                continue
            scores, truncation = result["scores"], result["truncation"]
            fid = max((n for n in scores if n.startswith("fid_")), key=lambda n: int(n[4:]))
            value, spread = scores[fid]["value"], scores[fid]["spread"]
            name = f"{fid}, {result['reference']}"
            if truncation is None:
                over_steps.setdefault(name, []).append((step, value, spread))
            if "is" in scores:
                at = float("inf") if truncation is None else truncation
                line = by_truncation.setdefault(f"{name}, step {step}", [])
                line.append((at, value, scores["is"]["value"]))
    by_truncation = {name: sorted(line) for name, line in by_truncation.items() if len(line) > 1}
    figure, axes = plt.subplots(
        1, 2 if by_truncation else 1, figsize=(14 if by_truncation else 8, 5), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for name, points in over_steps.items():
        steps, values, spreads = zip(*sorted(points), strict=True)
        axes[0, 0].errorbar(steps, values, spreads, marker="o", markersize=3, label=name)
    axes[0, 0].set(xlabel="training step", ylabel=f"FID of {samples:,} samples", ylim=(0, None))
    for name, points in by_truncation.items():
        limits, fids, scores = zip(*points, strict=True)
        axes[0, 1].plot(fids, scores, marker="o", markersize=3, label=name)
        for limit, x, y in points:
            axes[0, 1].annotate("none" if limit == float("inf") else f"{limit:g}", (x, y))
    if by_truncation:
        axes[0, 1].set(xlabel="FID", ylabel="Inception Score")
    for each in axes[0]:
        each.grid(alpha=0.3)
        each.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
