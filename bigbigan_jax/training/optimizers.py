"""Optimisers (arXiv 1907.02544, appendix A: Adam with β1 = 0, constant rate, no weight decay)."""

import optax


def adam_without_momentum(
    learning_rate: float, b2: float, eps: float
) -> optax.GradientTransformation:
    """Adam with β1 = 0, which spares the memory of the first moment: it is the gradient itself.

    Args:
      learning_rate: constant.
      b2: decay of the second moment.
      eps: added to its root.
    """
    return optax.chain(
        optax.scale_by_rms(decay=b2, eps=eps, eps_in_sqrt=False, bias_correction=True),
        optax.scale_by_learning_rate(learning_rate),
    )
