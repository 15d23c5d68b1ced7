"""A trained model: what DeepMind's released modules do, and a little more."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from bigbigan_jax.batches import Rows, in_batches
from bigbigan_jax.hub.errors import InputError
from bigbigan_jax.hub.inputs import as_images, as_latents
from bigbigan_jax.models.features import bn_crelu
from bigbigan_jax.models.images import scale_images
from bigbigan_jax.models.networks import Networks, Variables


@dataclasses.dataclass(frozen=True)
class Model:
    """A trained model; arguments are NumPy or JAX arrays, results NumPy arrays.

    Images go in as uint8, or as floats in [-1, 1], [N, H, W, C], of any size: another than the
    network's is resized and the centre cut out. They come out as float32 in [-1, 1].

    Attributes:
      networks: G, E and D.
      variables: on the devices of this host; of G and E the averaged weights, with standing
        statistics.
      feature_moments: {"mean", "var"} of E's features over training images; empty without E.
      about: {"model", the section of the configuration; "step"; "metrics"; "versions"; "weights", a
        number that other weights do not have; "source"}.
    """

    networks: Networks
    variables: Variables
    feature_moments: Mapping[str, jax.Array]
    about: Mapping[str, Any]

    @property
    def z_dim(self) -> int:
        """Size of the latents."""
        return self.networks.z_dim

    @property
    def image_size(self) -> int:
        """Side of the images that E sees, in pixels; of those of G where there is no E."""
        return self.networks.image_size

    @property
    def generated_size(self) -> int:
        """Side of the images of G and D, in pixels."""
        return self.networks.generator.image_size

    def encode(self, images: Any, seed: int = 0) -> Rows:
        """What E says of images.

        Args:
          images: [N, H, W, C].
          seed: of the noise in "z_sample".

        Returns:
          "avepool_feat" [N, F], "bn_crelu_feat" [N, 2·F], "z_mean", "z_stdev" and "z_sample"
          [N, z_dim], and "default", which is "z_mean".

        Raises:
          InputError: the model has no encoder, or the images are not as they must be.
        """
        x = self._for_encoder(images)
        found = in_batches(self._encode, (self.variables, dict(self.feature_moments)), x)
        noise = jax.random.normal(jax.random.key(seed), found["z_mean"].shape)
        found["z_sample"] = found["z_mean"] + found["z_stdev"] * np.asarray(noise)
        return found | {"default": found["z_mean"]}

    def generate(self, z: Any, truncation: float | None = None) -> Rows:
        """G(z).

        Args:
          z: [N, z_dim].
          truncation: values of z beyond ±truncation are set to it; none for None.

        Returns:
          "default" [N, S, S, C], and "upsampled", the same at the size that E sees.

        Raises:
          InputError: z is not as it must be, or truncation is not positive.
        """
        z = as_latents(z, self.z_dim)
        if truncation is not None:
            z = np.clip(z, -_positive(truncation), truncation)
        return in_batches(self._generate, self.variables, z)

    def discriminate(self, x: Any, z: Any) -> Rows:
        """The scores of D for pairs of images and latents.

        Args:
          x: images [N, H, W, C]; of the size that E sees they are average-pooled, as in training.
          z: [N, z_dim].

        Returns:
          "score_x", "score_z", "score_xz", [N] each: those of the terms of the model's objective.

        Raises:
          InputError: x or z is not as it must be, their numbers differ, or there is no D.
        """
        if self.networks.discriminator is None:
            raise InputError("this model has no discriminator: it is an autoencoder")
        of_encoder = np.shape(x)[1:3] == (self.image_size, self.image_size)
        size = self.image_size if of_encoder else self.generated_size
        x = as_images(x, size, self.networks.image_channels)
        z = as_latents(z, self.z_dim)
        if len(x) != len(z):
            raise InputError(f"there are {len(x)} images and {len(z)} latents; they are pairs")
        return in_batches(self._discriminate, self.variables, x, z)

    def discriminator_features(self, images: Any) -> np.ndarray:
        """What D makes of images before it scores them, F(x) in BigBiGAN: [N, F].

        Args:
          images: [N, H, W, C].

        Raises:
          InputError: D scores pairs alone, there is no D, or the images are not as they must be.
        """
        terms = () if self.networks.discriminator is None else self.networks.discriminator.terms
        if "x" not in terms:
            raise InputError(f"D has no features of images alone: it scores {list(terms)}")
        x = as_images(images, self.image_size, self.networks.image_channels)
        return in_batches(self._discriminator_features, self.variables, x)["default"]

    def reconstruct(self, images: Any) -> np.ndarray:
        """G(z_mean of E(images)): [N, S, S, C]; raises as `encode`."""
        x = self._for_encoder(images)
        return in_batches(self._reconstruct, self.variables, x)["default"]

    def sample(self, count: int, seed: int = 0, truncation: float | None = None) -> np.ndarray:
        """Images of z drawn from the prior.

        Args:
          count: N.
          seed: the same seed gives the same images, on any number of devices.
          truncation: where to cut off the normal distribution on both sides; None for nowhere, as
            in BigBiGAN's own results. A uniform prior is narrowed to ±truncation.

        Returns:
          [N, S, S, C].

        Raises:
          InputError: count is negative, or truncation not positive.
        """
        if count < 0:
            raise InputError(f"count is {count}; it must be 0 or more")
        key = jax.random.key(seed)
        if truncation is None:
            z = self.networks.sample_z(key, count)
        else:
            limit, shape = _positive(truncation), (count, self.z_dim)
            if self.networks.prior == "uniform":
                limit = min(limit, 1.0)
                z = jax.random.uniform(key, shape, minval=-limit, maxval=limit)
            else:
                z = jax.random.truncated_normal(key, -limit, limit, shape)
        return in_batches(self._images, self.variables, np.asarray(z))["default"]

    def _for_encoder(self, images: Any) -> np.ndarray:
        if self.networks.encoder is None:
            raise InputError("this model has no encoder: it was trained without one")
        return as_images(images, self.image_size, self.networks.image_channels)

    @functools.cached_property
    def _encode(self) -> Callable[..., dict[str, jax.Array]]:
        @jax.jit
        def encode(weights, x):
            variables, moments = weights
            found = self.networks.encode(variables, scale_images(x))
            return {
                "avepool_feat": found.avepool_feat,
                "bn_crelu_feat": bn_crelu(found.avepool_feat, moments["mean"], moments["var"]),
                "z_mean": found.z_mean,
                "z_stdev": found.z_stdev,
            }

        return encode

    @functools.cached_property
    def _generate(self) -> Callable[..., dict[str, jax.Array]]:
        @jax.jit
        def generate(variables, z):
            x = self.networks.generate(variables, z)
            upsampled = self.networks.resize_for_encoder(x) if self.networks.encoder else x
            return {"default": x, "upsampled": upsampled}

        return generate

    @functools.cached_property
    def _images(self) -> Callable[..., dict[str, jax.Array]]:
        return jax.jit(lambda variables, z: {"default": self.networks.generate(variables, z)})

    @functools.cached_property
    def _reconstruct(self) -> Callable[..., dict[str, jax.Array]]:
        @jax.jit
        def reconstruct(variables, x):
            return {"default": self.networks.reconstruct(variables, scale_images(x))}

        return reconstruct

    @functools.cached_property
    def _discriminator_features(self) -> Callable[..., dict[str, jax.Array]]:
        @jax.jit
        def features(variables, x):
            return {"default": self.networks.discriminator_features(variables, scale_images(x))}

        return features

    @functools.cached_property
    def _discriminate(self) -> Callable[..., dict[str, jax.Array]]:
        @jax.jit
        def discriminate(variables, x, z):
            x = self.networks.pool_for_discriminator(scale_images(x))
            scores = self.networks.discriminator.apply(variables["discriminator"], x, z)
            return {f"score_{term}": score for term, score in scores.items()}

        return discriminate


def _positive(truncation: float) -> float:
    if not truncation > 0:
        raise InputError(f"truncation is {truncation}; it must be positive, or None")
    return float(truncation)
