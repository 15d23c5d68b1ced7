"""Spectral normalisation of Flax's own layers (Miyato et al. 2018, arXiv 1802.05957).

The layers keep their parameters as they are and divide the kernel by an estimate of its largest
singular value σ wherever it is used. The estimate comes from one step of power iteration whose
vector `u` persists in the collection "spectral"; it moves only in calls that make the collection
mutable, so whoever applies a network decides when an iteration counts.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.partitioning import gathered, sharded

COLLECTION = "spectral"
EPSILON = 1e-4  # BigGAN (arXiv 1809.11096, appendix C)


@jax.custom_vjp
def spectrally_normalized(
    kernel: jax.Array, u: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A kernel, seen as a matrix W [inputs, outputs], divided by its largest singular value.

    One step of power iteration: v = W·u and then u = vᵀ·W, each divided by its norm, and
    σ = vᵀ·W·u. To the gradient u and v are constants, so that of σ is the outer product v·uᵀ.

    Args:
      kernel: [..., outputs], float32.
      u: [outputs], float32, the current estimate of the right singular vector.

    Returns:
      (kernel / σ; new u; σ, a scalar, from below). Gradients flow through the first alone.
    """
    return _normalize_kernel(kernel, u)[0]


def _normalize_kernel(kernel, u):
    matrix = sharded(kernel)
    v = _unit(_product(matrix, u, axes=1))
    unnormalized = _product(v, matrix, axes=v.ndim)
    u = _unit(unnormalized)
    sigma = _product(unnormalized, u, axes=1)
    return (kernel / sigma, u, sigma), (kernel, v, u, sigma)


def _gradient(residuals, gradients):
    kernel, v, u, sigma = residuals
    gradient = gradients[0]
    of_sigma = -jnp.sum(gradient * sharded(kernel)) / sigma**2
    return gradient / sigma + of_sigma * (v[..., None] * u.reshape(*[1] * v.ndim, -1)), None


spectrally_normalized.defvjp(_normalize_kernel, _gradient)


def _product(a: jax.Array, b: jax.Array, axes: int) -> jax.Array:
    # In full float32: the default on TPU would round both factors to bfloat16.
    return jnp.tensordot(a, b, axes, precision=jax.lax.Precision.HIGHEST)


def _unit(vector: jax.Array) -> jax.Array:
    norm = jnp.sqrt(jnp.sum(vector**2))
    return vector / jnp.maximum(norm, EPSILON)


class SpectralNorm:
    """Mixin: stands before a Flax layer and divides its "kernel" by σ."""

    def param(self, name, init_fn, *init_args, **init_kwargs):
        value = super().param(name, init_fn, *init_args, **init_kwargs)
        return self._normalized(value) if name == "kernel" else value

    def _normalized(self, kernel: jax.Array) -> jax.Array:
        u = self.variable(
            COLLECTION,
            "u",
            lambda: _unit(jax.random.normal(self.make_rng("params"), kernel.shape[-1:])),
        )
        sigma = self.variable(COLLECTION, "sigma", jnp.ones, ())
        kernel, new_u, new_sigma = spectrally_normalized(kernel.astype(jnp.float32), u.value)
        if self.is_mutable_collection(COLLECTION):
            u.value, sigma.value = new_u, new_sigma
        return gathered(kernel.astype(self.dtype))


class SNConv(SpectralNorm, nn.Conv):
    """`flax.linen.Conv` with spectral normalisation and orthogonal initial values."""

    kernel_init: nn.initializers.Initializer = nn.initializers.orthogonal()


class SNDense(SpectralNorm, nn.Dense):
    """`flax.linen.Dense` with spectral normalisation and orthogonal initial values."""

    kernel_init: nn.initializers.Initializer = nn.initializers.orthogonal()
