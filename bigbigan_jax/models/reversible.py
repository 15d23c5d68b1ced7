"""Reversible residual units: their backward pass recomputes inputs from outputs.

A unit maps two streams (x1, x2) to (x2, x1 + f(x2)), so x1 is the second stream of the output
minus f of the first. Of a sequence of units the backward pass needs to keep the outputs of the last
alone, whatever the number of units (Gomez et al. 2017, *The Reversible Residual Network*, arXiv
1707.04585).
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

PyTree = Any
Streams = tuple[jax.Array, jax.Array]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def reversible_units(
    branch: Callable[[PyTree, jax.Array], tuple[jax.Array, PyTree]],
    variables: list[PyTree],
    streams: Streams,
) -> tuple[Streams, list[PyTree]]:
    """Units applied one after the other.

    The streams' type decides how well inputs are recovered: an input is off by one rounding of a
    sum in that type, so float32 streams are sound whatever the type `branch` computes in, bfloat16
    ones are not. A float32 residual may be off by a rounding besides, where the compiler fuses
    `branch` in another way the second time.

    Args:
      branch: f, as a pure function from (one unit's variables, a stream) to (the residual, of the
        stream's shape; whatever else the unit returns). It is called once more in the backward
        pass.
      variables: one tree of float arrays a unit; all are differentiated.
      streams: (x1, x2), of one shape and type.

    Returns:
      The streams after the last unit, and what else each unit returned, through which no gradient
      flows.
    """
    first, second = streams
    others = []
    for unit in variables:
        residual, other = branch(unit, second)
        first, second = second, first + _rounded(residual, first.dtype)
        others.append(other)
    return (first, second), others


def _forward(branch, variables, streams):
    out, others = reversible_units(branch, variables, streams)
    return (out, others), (variables, out)


def _backward(branch, residuals, gradients):
    variables, streams = residuals
    of_streams, _ = gradients
    of_variables = []
    for unit in reversed(variables):
        # Without the barrier the compiler would recognise what the forward pass computed, and
        # keep that instead; or recover all inputs before the first gradient is needed.
        (second, total), of_streams = lax.optimization_barrier((streams, of_streams))
        residual, pull_back, _ = jax.vjp(branch, unit, second, has_aux=True)
        of_unit, of_second = pull_back(of_streams[1].astype(residual.dtype))
        streams = total - _rounded(residual, total.dtype), second
        of_streams = of_streams[1], of_streams[0] + of_second
        of_variables.append(of_unit)
    return of_variables[::-1], of_streams


def _rounded(residual: jax.Array, dtype: Any) -> jax.Array:
    """The residual in another type, of the precision that it has.

    A compiler may compute in more precision than a type has and leave roundings out, not the same
    ones in both passes; it may not leave out this one.
    """
    precision = jnp.finfo(residual.dtype)
    return lax.reduce_precision(residual.astype(dtype), precision.nexp, precision.nmant)


reversible_units.defvjp(_forward, _backward)
