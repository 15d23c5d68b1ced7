"""How E and D see images: distorted at random, each on its own, and D through noise.

None of it is BigBiGAN's, whose E and D see x as it is. Where E sees one distortion of x and D
another, and D sees those of G(z) as well, D cannot tell pairs by what a distortion changes, and z
has no use for it: E is to look past it. That D is shown distorted images of both kinds, through
which G is differentiated, is differentiable augmentation (Zhao et al. 2020, arXiv 2006.10738). The
noise is the instance noise of Sønderby et al. (2017, arXiv 1610.04490), here of a constant
strength: a D that knows G's images by their pixels need not ask whether x and z belong together.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates


@dataclasses.dataclass(frozen=True)
class Views:
    """Affine distortions, and noise; with all at 0, images are seen as they are.

    Every image is distorted by draws of its own, uniform between the negative of a limit and the
    limit, about its middle, with bilinear interpolation and its border continued.

    Attributes:
      shift: of rows and of columns, as a share of the side.
      rotation: in degrees.
      scale: of the logarithm of the factor of either axis.
      shear: by how many columns a row is moved from the one above it.
      instance_noise: standard deviation of what is added to the pixels that D sees, in [-1, 1].
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    instance_noise: float = 0.0

    def of_encoder(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """Images [B, H, W, C] in [-1, 1] as E sees them: of the same shape and type."""
        if not (self.shift or self.rotation or self.scale or self.shear):
            return x
        distorted = jax.vmap(_distorted)(x.astype(jnp.float32), *self._draw(key, len(x)))
        return distorted.astype(x.dtype)

    def of_discriminator(self, x: jax.Array, key: jax.Array) -> jax.Array:
        """Images [B, H, W, C] in [-1, 1] as D sees them: of the same shape and type."""
        key, of_noise = jax.random.split(key)
        x = self.of_encoder(x, key)
        if not self.instance_noise:
            return x
        return x + self.instance_noise * jax.random.normal(of_noise, x.shape, x.dtype)

    def _draw(self, key: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
        """Where rows and columns are taken from: matrices [count, 2, 2] and shifts [count, 2]."""
        limits = (self.shift, self.shift, self.rotation, self.scale, self.scale, self.shear)
        draws = jax.random.uniform(key, (count, len(limits)), minval=-1.0) * jnp.array([limits])
        angle, factors = jnp.deg2rad(draws[:, 2]), jnp.exp(draws[:, 3:5])
        cos, sin, one, zero = jnp.cos(angle), jnp.sin(angle), jnp.ones(count), jnp.zeros(count)
        rotation = jnp.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2)
        shear = jnp.stack([one, zero, draws[:, 5], one], axis=1).reshape(-1, 2, 2)
        return rotation @ shear * factors[:, None, :], draws[:, :2]


def _distorted(image: jax.Array, matrix: jax.Array, shift: jax.Array) -> jax.Array:
    sides = jnp.asarray(image.shape[:2], jnp.float32)
    middle = (sides - 1)[:, None, None] / 2
    places = jnp.indices(image.shape[:2], jnp.float32) - middle
    sources = jnp.tensordot(matrix, places, 1) + (shift * sides)[:, None, None] + middle

    def channel(pixels: jax.Array) -> jax.Array:
        return map_coordinates(pixels, list(sources), order=1, mode="nearest")

    return jax.vmap(channel, in_axes=-1, out_axes=-1)(image)
