"""Spectral normalisation of Flax's own layers (Miyato et al. 2018, arXiv 1802.05957).

The layers keep their parameters as they are and divide the kernel by an estimate of its largest
singular value σ wherever it is used. The estimate comes from one step of power iteration whose
vector `u` persists in the collection "spectral"; it moves only in calls that make the collection
mutable, so whoever applies a network decides when an iteration counts.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

COLLECTION = "spectral"
EPSILON = 1e-4  # BigGAN (arXiv 1809.11096, appendix C)


def power_iteration(
    kernel: jax.Array, u: jax.Array, epsilon: float = EPSILON
) -> tuple[jax.Array, jax.Array]:
    """One step of power iteration on a kernel seen as a matrix [inputs, outputs].

    Args:
      kernel: [..., outputs], float32.
      u: [outputs], float32, the current estimate of the right singular vector.
      epsilon: lower bound of the norms that are divided by.

    Returns:
      (σ, new u): σ is a scalar, the largest singular value from below. Its gradient with respect
      to `kernel` is the outer product of the two vectors, which are constants to the gradient.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    constant = jax.lax.stop_gradient(matrix)
    # In full float32: the default on TPU would round both factors to bfloat16.
    product = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
    v = _normalize(product(constant, u), epsilon)
    u = _normalize(product(v, constant), epsilon)
    return product(v, product(matrix, u)), u


def _normalize(vector: jax.Array, epsilon: float) -> jax.Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), epsilon)


class SpectralNorm:
    """Mixin: stands before a Flax layer and divides its "kernel" by σ."""

    def param(self, name, init_fn, *init_args, **init_kwargs):
        value = super().param(name, init_fn, *init_args, **init_kwargs)
        return value / self._sigma(value) if name == "kernel" else value

    def _sigma(self, kernel: jax.Array) -> jax.Array:
        u = self.variable(
            COLLECTION,
            "u",
            lambda: _normalize(
                jax.random.normal(self.make_rng("params"), kernel.shape[-1:]), EPSILON
            ),
        )
        stored = self.variable(COLLECTION, "sigma", jnp.ones, ())
        sigma, new_u = power_iteration(kernel.astype(jnp.float32), u.value)
        if self.is_mutable_collection(COLLECTION):
            u.value = new_u
            stored.value = jax.lax.stop_gradient(sigma)
        return sigma


class SNConv(SpectralNorm, nn.Conv):
    """`flax.linen.Conv` with spectral normalisation and orthogonal initial values."""

    kernel_init: nn.initializers.Initializer = nn.initializers.orthogonal()


class SNDense(SpectralNorm, nn.Dense):
    """`flax.linen.Dense` with spectral normalisation and orthogonal initial values."""

    kernel_init: nn.initializers.Initializer = nn.initializers.orthogonal()
