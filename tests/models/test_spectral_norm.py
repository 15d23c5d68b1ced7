"""Spectral normalisation against the singular value decomposition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models.spectral_norm import SNConv, SNDense, spectrally_normalized

LAYERS = {
    "conv": (SNConv(6, (3, 3), use_bias=False), (2, 4, 4, 5)),
    "dense": (SNDense(6, use_bias=False), (2, 45)),
}


def random_kernel(shape=(3, 3, 5, 6)):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def converged(kernel):
    u = jnp.ones(kernel.shape[-1])
    for _ in range(200):
        _, u, sigma = spectrally_normalized(kernel, u)
    return sigma, u


@pytest.fixture(params=LAYERS)
def layer(request):
    module, shape = LAYERS[request.param]
    x = jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)
    variables = module.init(jax.random.key(0), x)
    kernel = random_kernel(variables["params"]["kernel"].shape)
    return module, {**variables, "params": {"kernel": kernel}}, x


def test_sigma_becomes_the_largest_singular_value():
    kernel = random_kernel()
    sigma, _ = converged(kernel)
    largest = np.linalg.svd(np.reshape(kernel, (-1, 6)), compute_uv=False)[0]
    np.testing.assert_allclose(sigma, largest, rtol=1e-5)


def test_sigma_is_approached_from_below():
    kernel = random_kernel()
    _, _, sigma = spectrally_normalized(kernel, jnp.ones(6) / np.sqrt(6))
    assert 0 < sigma < converged(kernel)[0]


def plainly_normalized(kernel, u):
    """The same by automatic differentiation, the vectors being constants."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    v = matrix @ u / jnp.linalg.norm(matrix @ u)
    u = v @ matrix / jnp.linalg.norm(v @ matrix)
    v, u = jax.lax.stop_gradient((v, u))
    return kernel / (v @ matrix @ u)


@pytest.mark.parametrize("shape", [(3, 3, 5, 6), (4, 3)])
def test_gradient_is_that_of_constant_vectors(shape):
    kernel, weights = random_kernel(shape), random_kernel(shape)[::-1]
    u = jnp.ones(shape[-1])
    gradient, expected = (
        jax.grad(lambda k, f=f: jnp.sum(f(k, u) * weights))(kernel)
        for f in (lambda k, u: spectrally_normalized(k, u)[0], plainly_normalized)
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_no_gradient_along_the_kernel_itself():
    """Of kernel / σ, because a longer kernel has a larger σ."""
    kernel = random_kernel()
    _, u = converged(kernel)
    gradient = jax.grad(lambda k: jnp.sum(spectrally_normalized(k, u)[0] * random_kernel()))(kernel)
    np.testing.assert_allclose(jnp.sum(gradient * kernel), 0, atol=1e-4)


def test_zero_kernel_gives_no_nan():
    _, u, sigma = spectrally_normalized(jnp.zeros((4, 3)), jnp.ones(3))
    assert sigma == 0 and np.isfinite(u).all()


def test_kernel_is_divided_by_sigma(layer):
    module, variables, x = layer
    _, _, sigma = spectrally_normalized(variables["params"]["kernel"], variables["spectral"]["u"])
    halved = {**variables, "params": {"kernel": variables["params"]["kernel"] / 2}}
    plain = {"conv": jax.lax.conv_general_dilated, "dense": jnp.matmul}
    if isinstance(module, SNConv):
        y = plain["conv"](
            x,
            variables["params"]["kernel"] / sigma,
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
    else:
        y = plain["dense"](x, variables["params"]["kernel"] / sigma)
    np.testing.assert_allclose(module.apply(variables, x), y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(module.apply(halved, x), y, rtol=1e-5, atol=1e-5)


def test_vector_moves_only_where_the_collection_is_mutable(layer):
    module, variables, x = layer
    y = module.apply(variables, x)
    same_y, updated = module.apply(variables, x, mutable=["spectral"])
    np.testing.assert_array_equal(y, same_y)
    _, u, sigma = spectrally_normalized(variables["params"]["kernel"], variables["spectral"]["u"])
    assert set(updated) == {"spectral"}
    np.testing.assert_allclose(updated["spectral"]["u"], u, rtol=1e-6)
    np.testing.assert_allclose(updated["spectral"]["sigma"], sigma, rtol=1e-6)
    assert np.abs(u - variables["spectral"]["u"]).max() > 1e-3


def test_initial_kernels_are_orthogonal(layer):
    module, _, x = layer
    kernel = module.init(jax.random.key(0), x)["params"]["kernel"]
    matrix = np.reshape(kernel, (-1, kernel.shape[-1]))
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(6), atol=1e-5)


def test_biases_are_not_divided():
    module = SNDense(3)
    variables = module.init(jax.random.key(0), jnp.ones((1, 2)))
    bias = jnp.asarray([1.0, 2.0, 3.0])
    variables = {**variables, "params": {**variables["params"], "bias": bias}}
    np.testing.assert_array_equal(module.apply(variables, jnp.zeros((1, 2)))[0], bias)
