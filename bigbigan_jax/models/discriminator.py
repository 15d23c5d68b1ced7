"""The joint discriminator D (arXiv 1907.02544, section 2 and appendix A.1)."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.models.features import SOWN
from bigbigan_jax.models.layers import ResidualMLP, SelfAttention
from bigbigan_jax.models.resampling import conv_downsample
from bigbigan_jax.models.spectral_norm import SNConv, SNDense

TERMS = ("x", "z", "xz")
MLP_LAYERS = 8

# (channel multiplier, whether it halves the resolution) of every block. 64 to 256 px: BigGAN,
# appendix B; 32 px: its author's PyTorch code; 16 and 8 px: decisions, fewer blocks.
BLOCKS = {
    8: ((4, True), (4, False)),
    16: ((4, True), (4, False), (4, False)),
    32: ((4, True), (4, True), (4, False), (4, False)),
    64: ((1, True), (2, True), (4, True), (8, True), (16, False)),
    128: ((1, True), (2, True), (4, True), (8, True), (16, True), (16, False)),
    256: ((1, True), (2, True), (4, True), (8, True), (8, True), (16, True), (16, False)),
}


class DiscriminatorBlock(nn.Module):
    """Residual block without normalisation that may halve height and width.

    Called with x [B, H, W, C]; returns [B, H / 2, W / 2, features], or [B, H, W, features].
    """

    features: int
    downsample: bool
    preactivation: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = nn.relu(x) if self.preactivation else x
        y = SNConv(self.features, (3, 3), dtype=self.dtype, name="conv0")(y)
        folded = {"conv_general_dilated": conv_downsample} if self.downsample else {}
        y = SNConv(self.features, (3, 3), dtype=self.dtype, name="conv1", **folded)(nn.relu(y))
        # A 1×1 convolution commutes with average pooling, and costs 4 times less after it.
        shortcut = nn.avg_pool(x, (2, 2), (2, 2)) if self.downsample else x
        if self.downsample or x.shape[-1] != self.features:
            shortcut = SNConv(self.features, (1, 1), dtype=self.dtype, name="shortcut")(shortcut)
        return y + shortcut


class ImageTrunk(nn.Module):
    """F(x): the trunk of BigGAN's discriminator, summed over space.

    Called with x [B, image_size, image_size, C] in [-1, 1]; returns [B, 16·channels] for images
    of 64 px and larger, [B, 4·channels] below.
    """

    image_size: int
    channels: int
    attention_resolution: int
    dtype: Any
    rematerialize: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = x.astype(self.dtype)
        block = nn.remat(DiscriminatorBlock) if self.rematerialize else DiscriminatorBlock
        for i, (multiplier, downsample) in enumerate(BLOCKS[self.image_size]):
            features = multiplier * self.channels
            x = block(features, downsample, i > 0, self.dtype, name=f"block{i}")(x)
            if x.shape[1] == self.attention_resolution:
                x = SelfAttention(self.dtype, name="attention")(x)
        return nn.relu(x).sum(axis=(1, 2))


class Discriminator(nn.Module):
    """Scores of images, latents and pairs of both.

        s_x(x) = θ_x · F(x),  s_z(z) = θ_z · H(z),  s_xz(x, z) = θ_xz · J(F(x), H(z))

    Called with x [B, image_size, image_size, C] in [-1, 1] and z [B, z_dim]; returns a dict with
    a float32 score [B] for every one of `terms`. With "intermediates" mutable it also returns F(x),
    as `SOWN`.

    Attributes:
      image_size: 8, 16, 32, 64, 128 or 256.
      terms: the terms in play, out of "x", "z", "xz"; what no term needs is left out.
      channels: "ch", the unit of width of F; 96 in the paper at 128 px.
      mlp_width: units of the layers of H and J; 2048 in the paper.
      attention_resolution: side of the stage of F after which there is self-attention.
      dtype: of the computation.
      rematerialize: whether the backward pass recomputes the inside of the blocks of F.
    """

    image_size: int
    terms: tuple[str, ...] = TERMS
    channels: int = 96
    mlp_width: int = 2048
    attention_resolution: int = 64
    dtype: Any = jnp.float32
    rematerialize: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, z: jax.Array) -> dict[str, jax.Array]:
        def mlp(name: str) -> ResidualMLP:
            return ResidualMLP(MLP_LAYERS, self.mlp_width, SNDense, self.dtype, name=name)

        features = {}
        if {"x", "xz"} & set(self.terms):
            trunk = ImageTrunk(
                self.image_size,
                self.channels,
                self.attention_resolution,
                self.dtype,
                self.rematerialize,
                name="F",
            )
            features["x"] = trunk(x)
            self.sow("intermediates", SOWN, features["x"].astype(jnp.float32))
        if {"z", "xz"} & set(self.terms):
            features["z"] = mlp("H")(z.astype(self.dtype))
        if "xz" in self.terms:
            features["xz"] = mlp("J")(jnp.concatenate([features["x"], features["z"]], axis=-1))
        linear = {"dtype": jnp.float32, "precision": jax.lax.Precision.HIGHEST}
        return {
            term: SNDense(1, **linear, name=f"theta_{term}")(features[term])[:, 0]
            for term in self.terms
        }
