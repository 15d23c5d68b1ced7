"""Folded resampling convolutions against resampling and convolution one after the other."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.models import resampling
from bigbigan_jax.models.resampling import conv_downsample, upsample_conv
from bigbigan_jax.models.spectral_norm import SNConv

HIGHEST = jax.lax.Precision.HIGHEST


def conv(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), precision=HIGHEST
    )


def nearest(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def pool(x):
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


def folded_with(implementation):
    def apply(x, kernel):
        return implementation(x, resampling._box_filtered(kernel), HIGHEST)

    return apply


FORMS = {
    "upsample": (partial(upsample_conv, precision=HIGHEST), lambda x, k: conv(nearest(x), k)),
    "upsample by phases": (
        folded_with(resampling._by_phases),
        lambda x, k: conv(nearest(x), k),
    ),
    "upsample by patches": (
        folded_with(resampling._by_patches),
        lambda x, k: conv(nearest(x), k),
    ),
    "upsample by dilation": (
        folded_with(resampling._by_dilation),
        lambda x, k: conv(nearest(x), k),
    ),
    "downsample": (partial(conv_downsample, precision=HIGHEST), lambda x, k: pool(conv(x, k))),
}


def assert_close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize("channels", [(3, 5), (1, 4), (7, 1)])
@pytest.mark.parametrize("form", FORMS)
def test_folded_is_plain_forward_and_backward(form, channels):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 4, 6, channels[0])), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 3, *channels)), jnp.float32)

    @partial(jax.jit, static_argnums=0)
    def forward_and_backward(function, x, kernel):
        y, pull_back = jax.vjp(function, x, kernel)
        return y, *pull_back(jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

    folded, plain = (forward_and_backward(function, x, kernel) for function in FORMS[form])
    for a, b in zip(folded, plain, strict=True):
        assert a.shape == b.shape
        assert_close(a, b)


@pytest.mark.parametrize("form", FORMS)
def test_smallest_image(form):
    folded, plain = FORMS[form]
    x, kernel = jnp.ones((1, 2, 2, 1)), jnp.arange(9.0).reshape(3, 3, 1, 1)
    assert_close(folded(x, kernel), plain(x, kernel))


@pytest.mark.parametrize("folded, before, after", [
    (upsample_conv, nearest, lambda y: y),
    (conv_downsample, lambda x: x, pool),
])  # fmt: skip
def test_inside_a_layer_with_spectral_norm_and_bias(folded, before, after):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 4, 3)), jnp.float32)
    layer = SNConv(5, (3, 3), precision=HIGHEST, conv_general_dilated=folded)
    plain = SNConv(5, (3, 3), precision=HIGHEST)
    variables = layer.init(jax.random.key(0), x)
    variables["params"]["bias"] = jnp.arange(5.0)
    assert variables["params"]["kernel"].shape == (3, 3, 3, 5)
    assert_close(layer.apply(variables, x), after(plain.apply(variables, before(x))))


def test_bfloat16_stays_bfloat16():
    x, kernel = jnp.ones((1, 4, 4, 2), jnp.bfloat16), jnp.ones((3, 3, 2, 3), jnp.bfloat16)
    for folded, _ in FORMS.values():
        assert jax.eval_shape(folded, x, kernel).dtype == jnp.bfloat16
