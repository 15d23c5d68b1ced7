"""The variables of a model: their shapes, and where they lie."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from bigbigan_jax.batches import local_mesh
from bigbigan_jax.models.networks import NETWORKS, Networks

PyTree = Any


def abstract_variables(networks: Networks) -> dict[str, PyTree]:
    """Shapes and dtypes of the variables of all networks."""

    def init(key: jax.Array) -> dict[str, PyTree]:
        return networks.init(dict.fromkeys(NETWORKS, key))

    return jax.eval_shape(init, jax.eval_shape(lambda: jax.random.key(0)))


def abstract_feature_moments(networks: Networks) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and dtypes of the moments of E's features; empty without E."""
    if networks.encoder is None:
        return {}
    side = networks.image_size
    x = jax.ShapeDtypeStruct((1, side, side, networks.image_channels), jnp.float32)
    features = jax.eval_shape(networks.encode, abstract_variables(networks), x).avepool_feat
    moment = jax.ShapeDtypeStruct(features.shape[1:], jnp.float32)
    return {"mean": moment, "var": moment}


def on_local_devices(tree: PyTree) -> PyTree:
    """A whole copy of arrays on each device of this host; of shapes, the same said of them."""
    everywhere = NamedSharding(local_mesh(), PartitionSpec())

    def place(leaf: Any) -> Any:
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere)
        return jax.device_put(leaf, everywhere)

    return jax.tree.map(place, tree)
