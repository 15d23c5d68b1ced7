"""The encoder E (arXiv 1907.02544, sections 2 and 3, appendix A.1)."""

import functools
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from bigbigan_jax.models.layers import ResidualMLP
from bigbigan_jax.models.linear import Dense
from bigbigan_jax.models.partitioning import split_batch
from bigbigan_jax.models.resnet import ResNetV2
from bigbigan_jax.models.revnet import RevNet

HEAD_LAYERS = 4
HEADS = ("stochastic", "deterministic")

# Trunks by name. ResNet-50, ResNet-101 and RevNet-50 are the paper's; the smaller ones have a 3×3
# stem instead of the ImageNet one, for small images.
_resnet = functools.partial(ResNetV2, bottleneck=True, imagenet_stem=True)
_small_resnet = functools.partial(ResNetV2, bottleneck=False, imagenet_stem=False)
TRUNKS = {
    "resnet14": functools.partial(_small_resnet, stage_sizes=(2, 2, 2)),
    "resnet18": functools.partial(_small_resnet, stage_sizes=(2, 2, 2, 2)),
    "resnet50": functools.partial(_resnet, stage_sizes=(3, 4, 6, 3)),
    "resnet101": functools.partial(_resnet, stage_sizes=(3, 4, 23, 3)),
    "revnet14": functools.partial(RevNet, stage_sizes=(2, 2, 2), imagenet_stem=False),
    "revnet50": functools.partial(RevNet, stage_sizes=(3, 4, 6, 3), imagenet_stem=True),
}


@flax.struct.dataclass
class Encoding:
    """What E says of a batch of images.

    Attributes:
      avepool_feat: [B, features] float32, the trunk's output averaged over space.
      z_mean: [B, z_dim] float32.
      z_stdev: [B, z_dim] float32; zeros where E is deterministic.
      z_logits: [B, z_dim] float32, ẑ before it is squashed into the range of a uniform prior.
    """

    avepool_feat: jax.Array
    z_mean: jax.Array
    z_stdev: jax.Array
    z_logits: jax.Array

    def sample(self, key: jax.Array) -> jax.Array:
        """Draws ẑ = μ + σ·ε, ε ~ N(0, I): [B, z_dim]."""
        return self.z_mean + self.z_stdev * split_batch(jax.random.normal(key, self.z_mean.shape))


class Encoder(nn.Module):
    """E(x): a distribution of latents for every image.

    σ = softplus(σ̂); the deterministic variant has no σ̂, and under the uniform prior its latents
    are tanh(ẑ). Initial values are He's (a decision).

    Called with x [B, H, W, C] in [-1, 1] and `train`; returns an `Encoding`.

    Attributes:
      trunk: name of the trunk, a key of `TRUNKS`.
      width: factor on the trunk's channels.
      z_dim: size of the latent.
      head: "stochastic" or "deterministic".
      prior: "normal", or "uniform" in (-1, 1), which needs a deterministic head.
      head_width: units of the layers of the head; 4096 in the paper.
      dtype: of the computation.
      rematerialize: whether the backward pass recomputes the inside of a ResNet's blocks; not for
        a RevNet, which recomputes its units anyway.
    """

    trunk: str
    width: float
    z_dim: int
    head: str = "stochastic"
    prior: str = "normal"
    head_width: int = 4096
    dtype: Any = jnp.float32
    rematerialize: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> Encoding:
        def dense(features: int, *, dtype: Any, name: str) -> nn.Dense:
            return Dense(features, dtype=dtype, name=name)

        rematerialize = {"rematerialize": True} if self.rematerialize else {}
        trunk = TRUNKS[self.trunk](
            width=self.width, dtype=self.dtype, name="trunk", **rematerialize
        )
        features = trunk(x, train).mean(axis=(1, 2))
        hidden = ResidualMLP(HEAD_LAYERS, self.head_width, dense, self.dtype, name="head")(features)
        logits = dense(self.z_dim, dtype=jnp.float32, name="z_mean")(hidden)
        if self.head == "stochastic":
            stdev = nn.softplus(dense(self.z_dim, dtype=jnp.float32, name="z_stdev")(hidden))
        else:
            stdev = jnp.zeros_like(logits)
        mean = jnp.tanh(logits) if self.prior == "uniform" else logits
        return Encoding(features.astype(jnp.float32), mean, stdev, logits)
