"""Dot-product attention that moves few bytes.

At 64 px the weights of BigGAN's attention are [B, 4096, 1024]: the largest arrays of the training
step, and it is bound by memory traffic. So they are written once, in the type of the computation
and before they are normalised, and the backward pass is written down rather than derived.
"""

import jax
import jax.numpy as jnp
from jax import lax


@jax.custom_vjp
def attention(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """softmax(query · keyᵀ) · value, without a scale (SAGAN, arXiv 1805.08318, section 3).

    Args:
      query: [B, Q, C].
      key: [B, K, C].
      value: [B, K, D].

    Returns:
      [B, Q, D] of the type of `query`; sums are in float32.
    """
    return _attend(query, key, value)[0].astype(query.dtype)


def _attend(
    query: jax.Array, key: jax.Array, value: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The result, in float32; the weights before normalisation; their sums [B, Q, 1]."""
    # The barrier keeps this product apart from the next one, so that the compiler computes it
    # twice instead of storing it in float32 between the maximum and the exponential.
    logits = _product("bqc,bkc->bqk", *lax.optimization_barrier((query, key)))
    maximum = logits.max(axis=-1, keepdims=True)
    weights = jnp.exp(_product("bqc,bkc->bqk", query, key) - maximum).astype(query.dtype)
    # A column of ones sums the weights as they were rounded, in the pass that uses them.
    ones = jnp.ones_like(value, shape=(*value.shape[:2], 1))
    result = _product("bqk,bkd->bqd", weights, jnp.concatenate([value, ones], axis=-1))
    result, total = result[..., :-1], result[..., -1:]
    return result / total, weights, total


def _attend_forward(query, key, value):
    result, weights, total = _attend(query, key, value)
    return result.astype(query.dtype), (query, key, value, result, weights, total)


def _attend_backward(residuals, gradient):
    query, key, value, result, weights, total = residuals
    gradient = (gradient.astype(jnp.float32) / total).astype(query.dtype)
    # Softmax passes on p·(g - Σ p·g), and Σ p·g is the product of the result and its gradient: of
    # the rounded gradient, which g is made of, or the difference would not cancel.
    mean = (gradient.astype(jnp.float32) * result).sum(axis=-1, keepdims=True)
    of_weights = _product("bqd,bkd->bqk", gradient, value)
    of_logits = (weights * (of_weights - mean)).astype(query.dtype)
    of_query = _product("bqk,bkc->bqc", of_logits, key)
    of_key = _product("bqk,bqc->bkc", of_logits, query)
    of_value = _product("bqk,bqd->bkd", weights, gradient)
    return (
        of_query.astype(query.dtype),
        of_key.astype(key.dtype),
        of_value.astype(value.dtype),
    )


def _product(subscripts: str, a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.einsum(subscripts, a, b, preferred_element_type=jnp.float32)


attention.defvjp(_attend_forward, _attend_backward)
