"""Optimisers."""

from typing import Any

import jax
import jax.numpy as jnp
import optax


def adam_without_momentum(
    learning_rate: optax.ScalarOrSchedule, b2: float, eps: float
) -> optax.GradientTransformation:
    """BigBiGAN's: Adam with β1 = 0, constant rate, no weight decay (arXiv 1907.02544, appendix A).

    It spares the memory of the first moment, which is the gradient itself.

    Args:
      learning_rate: constant; one that changes with the count of updates is a deviation.
      b2: decay of the second moment.
      eps: added to its root.
    """
    return optax.chain(
        optax.scale_by_rms(decay=b2, eps=eps, eps_in_sqrt=False, bias_correction=True),
        optax.scale_by_learning_rate(learning_rate),
    )


def adam_decaying(
    learning_rate: float,
    final_learning_rate: float,
    steps: int,
    *,
    b1: float,
    b2: float,
    eps: float,
    weight_decay: float,
) -> optax.GradientTransformation:
    """BiGAN's: Adam on gradients with L2 decay, its rate falling in the second half of training.

    The authors' code (of arXiv 1605.09782) lets it fall after each epoch; that it falls with each
    update is a decision. Gains of BatchNorm, which are one-dimensional and called "scale", do not
    decay there on ImageNet, and nowhere here; offsets do.

    Args:
      learning_rate: in the first half.
      final_learning_rate: at the end, fallen exponentially.
      steps: of the whole training.
      b1: decay of the first moment.
      b2: decay of the second.
      eps: added to its root.
      weight_decay: times the weights but gains, added to the gradients.
    """
    half = max(1, steps // 2)

    def rate(count: jax.Array) -> jax.Array:
        fallen = jnp.clip((count - half) / half, 0, 1)
        return learning_rate * (final_learning_rate / learning_rate) ** fallen

    return optax.chain(
        _add_decayed(weight_decay),
        optax.scale_by_adam(b1, b2, eps),
        optax.scale_by_learning_rate(rate),
    )


def _add_decayed(weight_decay: float) -> optax.GradientTransformation:
    """`optax.add_decayed_weights` but for gains; a mask of its own would change its state."""

    def add(path: tuple[Any, ...], gradient: jax.Array, param: jax.Array) -> jax.Array:
        is_gain = param.ndim == 1 and getattr(path[-1], "key", None) == "scale"
        return gradient if is_gain else gradient + weight_decay * param

    return optax.stateless(
        lambda gradients, params: jax.tree_util.tree_map_with_path(add, gradients, params)
    )
