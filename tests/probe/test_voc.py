"""What images show: AlexNet with E's layers, by PASCAL VOC's protocol."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from bigbigan_jax.data import ArraySource
from bigbigan_jax.models.alexnet import AlexNetEncoder
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.supervised import SupervisedTraining
from bigbigan_jax.probe.voc import (
    Shown,
    VocProtocol,
    average_precisions,
    multi_label_loss,
    voc_average_precision,
)

NAMES = ["red", "green", "never"]
PROTOCOL = VocProtocol(
    steps=120, batch_size=8, image_size=32, learning_rate=0.05, units=16, dropout=0.1, crops=2
)


@pytest.fixture(scope="module")
def model():
    encoder = AlexNetEncoder(z_dim=3, prior="uniform", width=1 / 16)
    x = jnp.zeros((2, 32, 32, 3))
    variables = jax.jit(lambda key: encoder.init(key, x, train=True))(jax.random.key(0))
    # So large that images differ in conv5, without statistics of any images.
    params = jax.tree.map(lambda w: 5 * w, variables["params"])
    networks = SimpleNamespace(encoder=encoder, image_channels=3)
    return SimpleNamespace(
        networks=networks, variables={"encoder": {**variables, "params": params}}
    )


@pytest.fixture(scope="module")
def shown():
    """Noise on red, on green, on both or on neither."""
    rng = np.random.default_rng(0)
    presence = np.zeros((32, 3), np.int8)
    presence[:, :2] = np.arange(32)[:, None] // [1, 2] % 2
    images = rng.integers(0, 60, (32, 40, 36, 3))
    images[..., :2] += 190 * presence[:, None, None, :2].astype(int)
    return Shown(ArraySource("noise", "train", images.astype(np.uint8)), presence, NAMES)


def shown_of(presence):
    images = np.zeros((len(presence), 4, 4, 3), np.uint8)
    return Shown(ArraySource("noise", "test", images), np.asarray(presence, np.int8), NAMES)


def test_average_precision_is_the_mean_precision_at_each_image_that_shows_the_class():
    rng = np.random.default_rng(1)
    scores, presence = rng.normal(size=(50, 3)), rng.integers(-1, 2, (50, 3))
    presence[:, 2] = np.minimum(presence[:, 2], 0)
    found = average_precisions(scores, shown_of(presence))
    assert set(found) == {"red", "green"}
    for column, name in enumerate(["red", "green"]):
        counts = presence[:, column] >= 0
        right, of_class = presence[counts, column], scores[counts, column]
        assert found[name] == pytest.approx(average_precision_score(right, of_class))
        ranked = right[np.argsort(-of_class)]
        precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
        assert found[name] == pytest.approx(precision[ranked == 1].mean())
    with pytest.raises(ProbeError, match="noise split 'test' shows no class"):
        average_precisions(scores, shown_of(np.zeros((50, 3))))


def test_what_does_not_count_costs_nothing():
    logits = jnp.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])
    presence = jnp.array([[1, 0, -1], [-1, -1, 0]], jnp.int8)
    of_first = np.log1p(np.exp(-1.0)) + np.log1p(np.exp(-2.0))
    expected = (of_first + np.log1p(np.exp(-1.0))) / 2
    assert multi_label_loss(logits, presence) == pytest.approx(float(expected), rel=1e-6)
    assert not jax.grad(multi_label_loss)(logits, presence)[presence == -1].any()


def test_it_learns_what_images_show(model, shown):
    found = voc_average_precision(model, "all", shown, shown, PROTOCOL)
    assert set(found) == {"red", "green"} and min(found.values()) > 0.9


@pytest.mark.parametrize("trained, moved", [
    ("fc8", {"fc8"}),
    ("fc6-8", {"fc6", "fc7", "fc8"}),
    ("all", {"fc6", "fc7", "fc8", *(f"convolution{i}" for i in range(1, 6)),
             *(f"norm{i}" for i in range(2, 6))}),
])  # fmt: skip
def test_what_is_trained(model, shown, monkeypatch, trained, moved):
    run, before_and_after = SupervisedTraining.run, []

    def watched(self, variables, *arguments):
        result = run(self, variables, *arguments)
        before_and_after.extend((jax.tree.map(np.asarray, variables), result))
        return result

    monkeypatch.setattr(SupervisedTraining, "run", watched)
    voc_average_precision(model, trained, shown, shown, dataclasses.replace(PROTOCOL, steps=2))
    before, after = before_and_after
    changed = {
        name
        for name, layer in before["params"].items()
        for a, b in [(jax.tree.leaves(layer), jax.tree.leaves(after["params"][name]))]
        if not all(map(np.array_equal, a, b))
    }
    assert changed == moved
    jax.tree.map(np.testing.assert_array_equal, before["batch_stats"], after["batch_stats"])
    for name, layer in model.variables["encoder"]["params"].items():
        if name != "z_mean":
            jax.tree.map(np.testing.assert_array_equal, before["params"][name], layer)


def test_rates_and_clipping():
    protocol = VocProtocol(steps=16, learning_rate=1.0, momentum=0.0, weight_decay=0.0)
    optimizer = protocol.optimizer
    params = {"fc8": {"kernel": jnp.ones((1, 1)), "bias": jnp.ones(1)}}
    state, rates = optimizer.init(params), []
    gradients = jax.tree.map(lambda p: 20.0 * jnp.ones_like(p), params)
    for _ in range(4):
        updates, state = optimizer.update(gradients, state, params)
        assert updates["fc8"]["bias"][0] == pytest.approx(2 * float(updates["fc8"]["kernel"][0, 0]))
        rates.append(-float(updates["fc8"]["kernel"][0, 0]) * 2**0.5 / 10)
    np.testing.assert_allclose(rates, [1, 1, 0.5, 0.5], rtol=1e-5)


def test_sets_of_other_classes_are_refused(model, shown):
    other = shown._replace(names=["red", "green", "blue"])
    with pytest.raises(ProbeError, match="classes to train on are .*'never'.* 'blue'"):
        voc_average_precision(model, "fc8", shown, other, PROTOCOL)
