"""Accuracy against the step of training, as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

_ACCURACIES = ("top-1", "top-1, train-val")


def write_plot(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Draws a line for each probe of a model's checkpoints, and a dashed one for each baseline.

    Args:
      path: PNG to write.
      rows: with "of", "probe", "features" and accuracies; those of checkpoints with their
        "training step".
    """
    # Slow to import; most uses of the command draw nothing.
    import matplotlib

    matplotlib.use("Agg")  # no display
    from matplotlib import pyplot as plt

    curves: dict[str, list[tuple[int, float]]] = {}
    baselines: dict[str, float] = {}
    for row in rows:
        judged = next(name for name in _ACCURACIES if name in row)
        parts = [row["of"], row["probe"], row["features"], row.get("labels", ""), judged]
        name, accuracy = ", ".join(filter(None, parts)), 100 * row[judged]
        if "training step" in row:
            curves.setdefault(name, []).append((row["training step"], accuracy))
        else:
            baselines[name] = accuracy
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, points in curves.items():
        axes.plot(*zip(*sorted(points), strict=True), marker="o", markersize=3, label=name)
    for i, (name, accuracy) in enumerate(baselines.items()):
        axes.axhline(accuracy, linestyle="--", linewidth=1, color=f"C{len(curves) + i}", label=name)
    axes.set(xlabel="training step", ylabel="top-1, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
