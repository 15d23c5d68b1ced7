"""AlexNet whose convolutions are those of BiGAN's E, to be trained on labels.

From conv5 on it is Caffe's: pool5, fc6 and fc7 with dropout, fc8. That its padding, BatchNorm and
LeakyReLU are E's is a decision.
"""

from collections.abc import Collection
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bigbigan_jax.data import Source
from bigbigan_jax.hub import Model
from bigbigan_jax.models.alexnet import LAYERS, AlexNetEncoder, alexnet_layer
from bigbigan_jax.models.bigan_layers import leaky_relu
from bigbigan_jax.models.linear import Dense
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.supervised import SupervisedProtocol


class AlexNetClassifier(nn.Module):
    """Logits of images, by AlexNet.

    Called with x [B, H, W, C] in [-1, 1] and `train`; returns logits [B, num_classes] float32.
    In training it needs a key "dropout".

    Attributes:
      num_classes: of the labels.
      stored_statistics: how many of its convolutions, 0 to 5, are normalised by stored statistics
        even in training.
      width: factor on the channels, as of the E that they are from.
      units: of fc6 and fc7.
      dropout: share of them that is left out in training.
      dtype: of the convolutions.
    """

    num_classes: int
    stored_statistics: int
    width: float = 1.0
    units: int = 4096
    dropout: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        for number, name in enumerate(LAYERS, start=1):
            by_batch = train and number > self.stored_statistics
            x = alexnet_layer(name, x, by_batch, self.width, self.dtype)
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        x = x.reshape(len(x), -1).astype(jnp.float32)
        for name in ("fc6", "fc7"):
            x = leaky_relu(Dense(self.units, name=name, dtype=jnp.float32)(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return Dense(self.num_classes, name="fc8", dtype=jnp.float32)(x)


def convolutional(names: Collection[str], count: int) -> set[str]:
    """Those submodules, such as "convolution2" and "norm2", that are of the first layers."""
    of_layers = (name for name in names if name.startswith(("convolution", "norm")))
    return {name for name in of_layers if int(name[-1]) <= count}


def classifier_on(
    model: Model, count: int, num_classes: int, protocol: SupervisedProtocol
) -> tuple[AlexNetClassifier, dict[str, dict[str, Any]]]:
    """A classifier whose first convolutions are those of E, normalised by E's stored statistics.

    Args:
      model: whose E it is.
      count: how many layers are E's, 0 to 5.
      num_classes: of the labels.
      protocol: how it will be trained.

    Returns:
      The classifier; its "params" and "batch_stats", those of all other layers fresh.

    Raises:
      ProbeError: the model's E is no AlexNet, or has not so many layers.
    """
    encoder = check_encoder(model)
    if not 0 <= count <= len(LAYERS):
        raise ProbeError(f"{count} layers to freeze; it must be from 0 to {len(LAYERS)}")
    classifier = AlexNetClassifier(
        num_classes, count, encoder.width, protocol.units, protocol.dropout, encoder.dtype
    )
    size = protocol.image_size
    x = jnp.zeros((1, size, size, model.networks.image_channels))
    key = jax.random.key(protocol.seed)
    fresh = jax.jit(lambda key: classifier.init(key, x, train=False))(key)
    of_e = model.variables["encoder"]
    return classifier, {
        kind: {**layers, **{name: of_e[kind][name] for name in convolutional(layers, count)}}
        for kind, layers in fresh.items()
    }


def check_encoder(model: Model) -> AlexNetEncoder:
    """The model's E; raises ProbeError where it is no AlexNet."""
    encoder = model.networks.encoder
    if not isinstance(encoder, AlexNetEncoder):
        raise ProbeError("the model's encoder is no AlexNet: model.architecture must be 'alexnet'")
    return encoder


def check_images(source: Source, batch_size: int, devices: int) -> None:
    """Raises ProbeError where images have no labels, or a batch cannot be shared out."""
    if source.num_classes is None:
        raise ProbeError(f"{source.name} split {source.split!r} has no labels to train on")
    if batch_size % devices:
        raise ProbeError(f"a batch of {batch_size} images cannot be split over {devices} devices")
