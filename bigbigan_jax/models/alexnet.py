"""E of BiGAN on ImageNet (arXiv 1605.09782, section 4.3): the convolutions of AlexNet.

As in its authors' code: AlexNet's groups, without local response normalisation, with LeakyReLU, and
with BatchNorm from the second convolution on; conv1 and the pools are padded, so that 64 px are
16, 8 and 4; no biases but those of BatchNorm, initial values N(0, 0.02).
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.bigan_layers import STDDEV, batch_norm, leaky_relu, scaled_channels
from bigbigan_jax.models.encoder import Encoding
from bigbigan_jax.models.linear import Conv, Dense

HEADS = ("deterministic",)


class _Layer(NamedTuple):
    channels: int
    kernel: int
    stride: int = 1
    groups: int = 1
    pooled: bool = False  # by 3×3, stride 2, before the convolution


LAYERS = {
    "conv1": _Layer(96, 11, stride=4),
    "conv2": _Layer(256, 5, groups=2, pooled=True),
    "conv3": _Layer(384, 3, pooled=True),
    "conv4": _Layer(384, 3, groups=2),
    "conv5": _Layer(256, 3, groups=2),
}


def alexnet_layer(
    name: str, x: jax.Array, train: bool, width: float = 1.0, dtype: Any = jnp.float32
) -> jax.Array:
    """One of AlexNet's convolutions, with what belongs to it.

    For the `nn.compact` method of a module, which gets submodules such as "convolution2" and
    "norm2".

    Args:
      name: "conv1" to "conv5".
      x: [B, H, W, C], the layer before, or images in [-1, 1].
      train: whether BatchNorm normalises by the batch.
      width: factor on the channels.
      dtype: of the computation.

    Returns:
      [B, H', W', channels], after LeakyReLU; sides are halved by pooling, then divided by the
      stride.
    """
    layer, number = LAYERS[name], name.removeprefix("conv")
    if layer.pooled:
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
    x = Conv(
        scaled_channels(layer.channels, width),
        (layer.kernel, layer.kernel),
        (layer.stride, layer.stride),
        padding=((layer.kernel - 1) // 2,) * 2,
        feature_group_count=layer.groups,
        kernel_init=nn.initializers.normal(STDDEV),
        dtype=dtype,
        name=f"convolution{number}",
    )(x.astype(dtype))
    if name != "conv1":
        x = batch_norm(train, dtype, f"norm{number}", affine=True)(x)
    return leaky_relu(x)


class AlexNetEncoder(nn.Module):
    """E(x): five convolutions and a linear layer; the latents of a uniform prior are squashed.

    Called with x [B, H, W, C] in [-1, 1] and `train`; returns an `Encoding` whose features are
    conv5, flattened: 4·4·256 of 64 px, 7·7·256 of 112 px. With "intermediates" mutable it also
    returns "conv1" to "conv5", [B, h, w, channels] each, before they are pooled.

    Attributes:
      z_dim: size of the latent.
      prior: "uniform" for z = 2·sigmoid(ẑ) - 1, "normal" for z = ẑ.
      width: factor on the channels.
      zero_output: whether the output layer starts at zero.
      dtype: of the computation.
    """

    z_dim: int
    prior: str
    width: float = 1.0
    zero_output: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> Encoding:
        for name in LAYERS:
            x = alexnet_layer(name, x, train, self.width, self.dtype)
            self.sow("intermediates", name, x)
        features = x.reshape(len(x), -1).astype(jnp.float32)
        init = nn.initializers.zeros if self.zero_output else nn.initializers.normal(STDDEV)
        output = Dense(self.z_dim, False, jnp.float32, kernel_init=init, name="z_mean")
        logits = output(features)
        mean = 2 * nn.sigmoid(logits) - 1 if self.prior == "uniform" else logits
        return Encoding(features, mean, jnp.zeros_like(mean), logits)
