"""The generator G: BigGAN's, for one class (Brock et al. 2018, arXiv 1809.11096, appendix B)."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.layers import ConditionalBatchNorm, SelfAttention, batch_norm
from bigbigan_jax.models.resampling import upsample_conv
from bigbigan_jax.models.spectral_norm import SNConv, SNDense

# Channel multipliers at the input of every block, then at the output of the last. 64 to 256 px:
# BigGAN, appendix B; 32 px: its author's PyTorch code; 16 and 8 px: decisions, fewer blocks.
MULTIPLIERS = {
    8: (4, 4),
    16: (4, 4, 4),
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
}


def z_chunks(image_size: int) -> int:
    """Into how many equal chunks G splits z: one for its first layer, one for every block."""
    return len(MULTIPLIERS[image_size])


class GeneratorBlock(nn.Module):
    """Residual block that doubles height and width.

    Called with x [B, H, W, C] and condition [B, N]; returns [B, 2H, 2W, features].
    """

    features: int
    train: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        y = ConditionalBatchNorm(self.train, self.dtype, name="norm0")(x, condition)
        y = SNConv(
            self.features,
            (3, 3),
            conv_general_dilated=upsample_conv,
            dtype=self.dtype,
            name="conv0",
        )(nn.relu(y))
        y = ConditionalBatchNorm(self.train, self.dtype, name="norm1")(y, condition)
        y = SNConv(self.features, (3, 3), dtype=self.dtype, name="conv1")(nn.relu(y))
        # A 1×1 convolution commutes with nearest-neighbour upsampling, and costs 4 times less
        # before it.
        shortcut = SNConv(self.features, (1, 1), dtype=self.dtype, name="shortcut")(x)
        return y + shortcut.repeat(2, axis=1).repeat(2, axis=2)


class Generator(nn.Module):
    """G(z): images from latents.

    Every block is conditioned, through its BatchNorms, on its own chunk of z next to one learned
    vector shared by all images: the class embedding of a data set with a single class ("SL").

    Called with z [B, z_dim] float, z_dim a multiple of `z_chunks(image_size)`, and `train`;
    returns images [B, image_size, image_size, image_channels] of type `dtype` in [-1, 1].

    Attributes:
      image_size: 8, 16, 32, 64, 128 or 256.
      channels: "ch", the unit of width; 96 in the paper at 128 px.
      image_channels: 1 or 3.
      embedding_dim: size of the shared vector.
      attention_resolution: side of the stage after which there is self-attention.
      dtype: of the computation.
      rematerialize: whether the backward pass recomputes the inside of blocks.
    """

    image_size: int
    channels: int = 96
    image_channels: int = 3
    embedding_dim: int = 128
    attention_resolution: int = 64
    dtype: Any = jnp.float32
    rematerialize: bool = False

    @nn.compact
    def __call__(self, z: jax.Array, train: bool) -> jax.Array:
        widths = [m * self.channels for m in MULTIPLIERS[self.image_size]]
        first, *chunks = jnp.split(z.astype(self.dtype), len(widths), axis=-1)
        embedding = self.param("embedding", nn.initializers.orthogonal(), (1, self.embedding_dim))
        embedding = jnp.broadcast_to(embedding, (len(z), self.embedding_dim)).astype(self.dtype)

        x = SNDense(4 * 4 * widths[0], dtype=self.dtype, name="input")(first)
        x = x.reshape(-1, 4, 4, widths[0])
        block = nn.remat(GeneratorBlock) if self.rematerialize else GeneratorBlock
        for i, (features, chunk) in enumerate(zip(widths[1:], chunks, strict=True)):
            condition = jnp.concatenate([chunk, embedding], axis=-1)
            x = block(features, train, self.dtype, name=f"block{i}")(x, condition)
            if x.shape[1] == self.attention_resolution:
                x = SelfAttention(self.dtype, name="attention")(x)
        x = nn.relu(batch_norm(train, self.dtype, "output_norm")(x))
        x = SNConv(self.image_channels, (3, 3), dtype=self.dtype, name="output")(x)
        return jnp.tanh(x)
