"""Models of other families than BigBiGAN, loaded and used."""

import numpy as np
import pytest

import bigbigan_jax
from bigbigan_jax.checkpoints import Checkpoints
from bigbigan_jax.data import open_source
from bigbigan_jax.hub import InputError, export
from bigbigan_jax.probe.encoders import untrained
from bigbigan_jax.probe.sets import extracted_sets

X = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)


@pytest.fixture(scope="module")
def models(small_table):
    return {
        row: bigbigan_jax.load(small_table / row / "seed_0")
        for row in ("bigan", "d", "ae_l1", "bigbigan")
    }


def test_bigan(models, small_table):
    found = models["bigan"].encode(X)
    assert found["avepool_feat"].shape == (5, 8) and found["bn_crelu_feat"].shape == (5, 16)
    assert found["z_mean"].shape == (5, 4) and np.abs(found["z_mean"]).max() < 1
    scores = models["bigan"].discriminate(X, found["z_mean"])
    assert set(scores) == {"score_xz"} and scores["score_xz"].shape == (5,)
    assert models["bigan"].reconstruct(X).shape == models["bigan"].sample(5).shape == (5, 8, 8, 1)
    with pytest.raises(InputError, match="no features of images alone: it scores ..xz"):
        models["bigan"].discriminator_features(X)


def test_weights_are_those_of_training_where_no_average_is_kept(models, small_table):
    with Checkpoints(small_table / "bigan" / "seed_0", keep_last=9, keep_every=None) as saved:
        assert saved.steps() == [4, 8]
    assert set(models["bigan"].variables) == {"generator", "encoder", "discriminator"}
    assert "batch_stats" in models["bigan"].variables["discriminator"]


def test_a_plain_gan_has_the_features_of_its_discriminator(models):
    with pytest.raises(InputError, match="trained without one"):
        models["d"].encode(X)
    features = models["d"].discriminator_features(X)
    assert features.shape == (5, 8) and features.dtype == np.float32
    score = models["d"].discriminate(X, np.zeros((5, 4)))["score_x"]
    theta = models["d"].variables["discriminator"]["params"]["theta_x"]["kernel"]
    np.testing.assert_allclose(features @ np.asarray(theta)[:, 0], score, rtol=1e-4, atol=1e-6)


def test_an_autoencoder_has_no_discriminator(models):
    assert models["ae_l1"].reconstruct(X).shape == (5, 8, 8, 1)
    for ask in (
        lambda model: model.discriminate(X, np.zeros((5, 4))),
        lambda model: model.discriminator_features(X),
    ):
        with pytest.raises(InputError, match="no discriminator|no features"):
            ask(models["ae_l1"])
    fresh = untrained(models["ae_l1"], open_source("digits", "test"))
    assert fresh.reconstruct(X).shape == (5, 8, 8, 1)


def test_bigbigan_s_objective_on_perceptrons(models):
    found = models["bigbigan"].encode(X)
    assert (found["z_stdev"] > 0).all()
    scores = models["bigbigan"].discriminate(X, found["z_mean"])
    assert set(scores) == {"score_x", "score_z", "score_xz"}
    assert models["bigbigan"].discriminator_features(X).shape == (5, 8)


@pytest.mark.parametrize("row", ["bigan", "d", "ae_l1", "bigbigan"])
def test_exported_and_read_again(models, row, tmp_path):
    export(models[row], tmp_path / "model.safetensors")
    again = bigbigan_jax.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.sample(3), models[row].sample(3))


def test_bigbigan_has_features_of_its_discriminator_too(trained_workdir):
    model = bigbigan_jax.load(trained_workdir)
    features = model.discriminator_features(X)
    assert features.shape == (5, 4 * model.networks.discriminator.channels)


def test_layers_to_probe(models, tmp_path):
    def sets(row, kind, layer="avepool_feat"):
        return extracted_sets(models[row], kind, "digits", None, "test", tmp_path, layer=layer)

    last, output = sets("bigan", "trained"), sets("bigan", "trained", "z_mean")
    assert (last.train.width, last.name) == (8, "AvePool")
    assert (output.train.width, output.name) == (4, "E(x)")
    assert sets("d", "discriminator").train.width == 8
