"""The paper's numbers beside those measured, as text and as a picture."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from bigbigan_jax.config_rows import Row
from bigbigan_jax.reports import aligned
from bigbigan_jax.table.rows import Result

Results = Mapping[str, Sequence[Result]]  # of the seeds, by row
_MEASURES = ("1-NN", "1-NN, E(x)", "label kept")


def as_table(rows: Mapping[str, Row], results: Results) -> str:
    """Lines of the table: the mean over seeds, ± half the range of them where there are several."""
    lines = [["", "seeds", "steps", "paper", *_MEASURES]]
    for name, found in results.items():
        steps = sorted({result["steps"] for result in found})
        cells = [rows[name].title, str(len(found)), " ".join(map(str, steps))]
        cells.append(f"{rows[name].paper['1-NN']:.2f}" if "1-NN" in rows[name].paper else "")
        lines.append([*cells, *(_cell(measure, found) for measure in _MEASURES)])
    return "\n".join(aligned(lines))


def write_plot(path: Path, rows: Mapping[str, Row], results: Results) -> None:
    """Draws each row's measured accuracy, every seed, beside the paper's."""
    # Slow to import; the table is there before the picture.
    import matplotlib

    matplotlib.use("Agg")  # no display
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 1.2 + 0.45 * len(results)), layout="constrained")
    for place, (name, found) in enumerate(results.items()):
        paper, measured = rows[name].paper.get("1-NN"), [result["1-NN"] for result in found]
        label = None if place else "paper"
        if paper is not None:
            axes.plot(paper, place, "D", color="C1", markersize=8, mfc="none", label=label)
        label = None if place else "measured, a point a seed"
        axes.plot(measured, [place] * len(measured), "o", color="C0", markersize=5, label=label)
    axes.set_yticks(range(len(results)), [rows[name].title for name in results])
    axes.invert_yaxis()
    axes.set(xlabel="1-NN accuracy, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _cell(measure: str, found: Sequence[Result]) -> str:
    values = [result[measure] for result in found if measure in result]
    if not values:
        return ""
    spread = f" ± {(max(values) - min(values)) / 2:.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"
