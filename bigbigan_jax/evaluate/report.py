"""What a finished run prints: where everything is, and the scores its configuration asks for."""

import jax

from bigbigan_jax.training.loop import Outcome
from bigbigan_jax.training.random_streams import stream
from bigbigan_jax.training.reporter import sheet_path
from bigbigan_jax.training.run import Run

DESCRIPTIONS = {
    "label_kept": "held-out x whose label G(E(x)) keeps",
    "confidence": "confidence in samples G(z)",
    "z_1nn": "1-NN accuracy on held-out z_mean",
}


def print_report(run: Run, outcome: Outcome) -> None:
    """Prints on process 0; all processes must call it."""
    scores = label_table(run, outcome) if "labels" in run.config.scores else ""
    if jax.process_index():
        return
    places = {"checkpoint": run.workdir / "checkpoints" / str(outcome.step)}
    places |= {name: sheet_path(run, name, outcome.step) for name in ("samples", "reconstructions")}
    print()
    for name, path in places.items():
        if path.exists():  # no checkpoint of a last step that was not finite, for one
            print(f"{name:<16} {path}")
    print(scores)


def label_table(run: Run, outcome: Outcome) -> str:
    """The label scores of the trained and of the untrained model, side by side."""
    # Scikit-learn is slow to import; a run without these scores must not pay for it.
    from bigbigan_jax.evaluate.labels import LabelScores

    score = LabelScores(
        run.family, run.programs, run.source, run.eval_source, run.config.batch_size
    )
    key = stream(run.key(), "scores")
    trained, untrained = score(outcome.state, key), score(run.initial_state(), key)
    lines = ["", f"{'':<40} {'trained':>9} {'untrained':>9}"]
    lines += [
        f"{text:<40} {trained[name]:>9.1%} {untrained[name]:>9.1%}"
        for name, text in DESCRIPTIONS.items()
    ]
    lines.append(
        f"by a classifier that is right on {score.classifier_accuracy:.1%} of held-out real images"
    )
    return "\n".join(lines)
