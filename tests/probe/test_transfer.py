"""AlexNet on frozen layers of a trained E."""

import dataclasses
import os
import signal
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bigbigan_jax.data import ArraySource
from bigbigan_jax.models.alexnet import AlexNetEncoder
from bigbigan_jax.preemption import Stopped
from bigbigan_jax.probe import supervised
from bigbigan_jax.probe.alexnet_classifier import AlexNetClassifier
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.supervised import Saved
from bigbigan_jax.probe.transfer import TransferProtocol, train_transferred

PROTOCOL = TransferProtocol(
    steps=100, batch_size=16, image_size=32, learning_rate=0.05, units=8, dropout=0.1
)


@pytest.fixture(scope="module")
def model():
    encoder = AlexNetEncoder(z_dim=3, prior="uniform", width=1 / 16)
    x = jnp.zeros((2, 32, 32, 3))
    variables = jax.jit(lambda key: encoder.init(key, x, train=True))(jax.random.key(0))
    params = jax.tree.map(lambda w: 3 * w, variables["params"])  # unlike fresh ones
    networks = SimpleNamespace(encoder=encoder, image_channels=3)
    return SimpleNamespace(
        networks=networks, variables={"encoder": {**variables, "params": params}}
    )


@pytest.fixture(scope="module")
def source():
    """Dark and bright images of noise."""
    labels = np.arange(32) % 2
    noise = np.random.default_rng(0).integers(0, 100, (32, 40, 36, 3))
    images = (noise + 150 * labels[:, None, None, None]).astype(np.uint8)
    return ArraySource("noise", "train", images, labels, num_classes=2)


def test_frozen_layers_stay_and_the_others_learn(model, source):
    found = train_transferred(model, 2, source, PROTOCOL)
    of_e = model.variables["encoder"]
    for collection in ("params", "batch_stats"):
        for name, layer in of_e[collection].items():
            if name == "z_mean":
                assert name not in found.variables[collection]
                continue
            ours = found.variables[collection][name]
            same = [
                np.array_equal(a, b)
                for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(layer), strict=True)
            ]
            assert same == [int(name[-1]) <= 2] * len(same), name
    accuracy = found.accuracy(source)
    assert accuracy.top1 >= 0.75 and accuracy.top5 == 1


def test_its_layers_are_those_of_the_encoder(model):
    encoder, variables = model.networks.encoder, model.variables["encoder"]
    x = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    classifier = AlexNetClassifier(2, stored_statistics=5, width=1 / 16, units=4)
    fresh = jax.jit(lambda key: classifier.init(key, x, train=False))(jax.random.key(1))
    mixed = {
        name: {**fresh[name], **{k: v for k, v in variables[name].items() if k != "z_mean"}}
        for name in ("params", "batch_stats")
    }

    @jax.jit
    def both(mixed, variables):
        keep = {"capture_intermediates": True, "mutable": ["intermediates"]}
        dropout = {"dropout": jax.random.key(0)}
        return (
            encoder.apply(variables, x, train=False),
            classifier.apply(mixed, x, train=True, rngs=dropout, **keep),
        )

    encoding, (_, kept) = both(mixed, variables)
    conv5 = kept["intermediates"]["norm5"]["__call__"][0]
    conv5 = np.where(conv5 > 0, conv5, 0.2 * conv5).reshape(2, -1)
    np.testing.assert_allclose(conv5, encoding.avepool_feat, rtol=1e-4, atol=1e-6)


def test_stopped_it_goes_on_where_it_was(model, source, tmp_path, monkeypatch):
    monkeypatch.setattr(supervised, "_SAVED_EVERY", 2)
    protocol = dataclasses.replace(PROTOCOL, steps=5)
    whole = train_transferred(model, 4, source, protocol)
    saved = Saved(tmp_path, {"data": "noise"})

    def stopped(steps):
        for step in steps:
            if step == 3:
                raise KeyboardInterrupt
            yield step

    def told_to_stop(steps):
        for step in steps:
            os.kill(os.getpid(), signal.SIGTERM)
            yield step

    with pytest.raises(KeyboardInterrupt):
        train_transferred(model, 4, source, protocol, saved=saved, progress=stopped)
    with pytest.raises(Stopped):
        train_transferred(model, 4, source, protocol, saved=saved, progress=told_to_stop)
    left = []
    found = train_transferred(model, 4, source, protocol, saved=saved, progress=_noting(left))
    assert left == [3, 4]
    jax.tree.map(np.testing.assert_array_equal, found.variables, whole.variables)
    again = train_transferred(model, 4, source, protocol, saved=saved, progress=_noting(left))
    assert left == [3, 4]
    jax.tree.map(np.testing.assert_array_equal, again.variables, whole.variables)
    other = Saved(tmp_path, {"data": "digits"})
    with pytest.raises(ProbeError, match="has a training with data 'noise', not 'digits'"):
        train_transferred(model, 4, source, protocol, saved=other)


def _noting(steps):
    def progress(numbers):
        steps.extend(numbers)
        return numbers

    return progress


def test_what_cannot_be_trained(model, source):
    with pytest.raises(ProbeError, match="6 layers to freeze; it must be from 0 to 5"):
        train_transferred(model, 6, source, PROTOCOL)
    unlabelled = ArraySource("noise", "train", np.zeros((4, 8, 8, 3), np.uint8))
    with pytest.raises(ProbeError, match="has no labels"):
        train_transferred(model, 1, unlabelled, PROTOCOL)
    other = SimpleNamespace(networks=SimpleNamespace(encoder=None))
    with pytest.raises(ProbeError, match="no AlexNet"):
        train_transferred(other, 1, source, PROTOCOL)


def test_the_rate_falls_to_a_tenth_after_each_two_ninths():
    optimizer = TransferProtocol(steps=9, learning_rate=1.0, momentum=0.0).optimizer
    params, rates = {"bias": jnp.ones(1)}, []
    state = optimizer.init(params)
    for _ in range(6):
        update, state = optimizer.update({"bias": jnp.ones(1)}, state, params)
        rates.append(-float(update["bias"][0]))
    np.testing.assert_allclose(rates, [1, 1, 0.1, 0.1, 0.01, 0.01], rtol=1e-5)
