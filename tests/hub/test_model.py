"""What a loaded model computes, against its networks called one image at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bigbigan_jax
from bigbigan_jax.data import center_crop
from bigbigan_jax.hub import InputError


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (11, 8, 8, 1), np.uint8)


@pytest.fixture(scope="module")
def encoded(model, images):
    return model.encode(images, seed=3)


def test_the_encoder_says_what_it_says(model, images, encoded):
    x = jnp.asarray(images[4:5] / 127.5 - 1, jnp.float32)
    alone = model.networks.encode(model.variables, x)
    for name in ("avepool_feat", "z_mean", "z_stdev"):
        np.testing.assert_allclose(encoded[name][4:5], getattr(alone, name), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(encoded["default"], encoded["z_mean"])
    noise = jax.random.normal(jax.random.key(3), (11, model.z_dim))
    expected = encoded["z_mean"] + encoded["z_stdev"] * noise
    np.testing.assert_allclose(encoded["z_sample"], expected, rtol=1e-5)


def test_bn_crelu_is_the_normalised_feature_in_two_halves(model, encoded):
    moments = {name: np.asarray(value) for name, value in model.feature_moments.items()}
    h = (encoded["avepool_feat"] - moments["mean"]) / np.sqrt(moments["var"] + 1e-4)
    expected = np.concatenate([np.maximum(h, 0), np.maximum(-h, 0)], axis=1)
    np.testing.assert_allclose(encoded["bn_crelu_feat"], expected, rtol=1e-4, atol=1e-5)


def test_any_number_of_images_gives_the_same(model, images, encoded):
    one = model.encode(images[:1])
    many = model.encode(np.concatenate([images] * 50))
    for name in ("avepool_feat", "z_mean"):
        np.testing.assert_allclose(one[name], encoded[name][:1], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(many[name][-11:], encoded[name], rtol=1e-4, atol=1e-5)
    assert model.encode(images[:0])["bn_crelu_feat"].shape == (0, 2 * one["avepool_feat"].shape[1])


@pytest.mark.parametrize("kind", ["jax", "float", "bfloat16"])
def test_kinds_of_arrays(model, images, encoded, kind):
    if kind == "jax":
        given = jnp.asarray(images)
    else:
        dtype = jnp.bfloat16 if kind == "bfloat16" else np.float64
        given = (images / 127.5 - 1).astype(dtype)
    found = model.encode(given)["z_mean"]
    atol = 0.2 if kind == "bfloat16" else 1e-5  # of values up to 6
    np.testing.assert_allclose(found, encoded["z_mean"], atol=atol)


def test_images_of_another_size_are_cropped_in_the_middle(model):
    large = np.random.default_rng(1).integers(0, 256, (2, 20, 31, 1), np.uint8)
    cropped = np.stack([center_crop(image, 8) for image in large])
    expected = model.encode(cropped)["z_mean"]
    np.testing.assert_array_equal(model.encode(large)["z_mean"], expected)
    np.testing.assert_array_equal(model.encode(large / 127.5 - 1)["z_mean"], expected)


def test_generation_and_reconstruction(model, images, encoded):
    z = encoded["z_mean"]
    generated = model.generate(z)
    assert generated["default"].shape == generated["upsampled"].shape == (11, 8, 8, 1)
    np.testing.assert_array_equal(model.reconstruct(images), generated["default"])
    alone = model.networks.generate(model.variables, jnp.asarray(z[5:6]))
    np.testing.assert_allclose(generated["default"][5:6], alone, rtol=1e-4, atol=1e-5)
    assert np.abs(generated["default"]).max() <= 1


def test_samples(model):
    samples = model.sample(4, seed=1)
    z = model.networks.sample_z(jax.random.key(1), 4)
    np.testing.assert_array_equal(samples, model.generate(z)["default"])
    assert model.sample(0).shape == (0, 8, 8, 1)
    # Almost nothing is left of the normal distribution but its middle.
    narrow = model.sample(4, truncation=1e-6)
    np.testing.assert_allclose(narrow, model.generate(np.zeros((4, 8)))["default"], atol=1e-4)
    clipped = model.generate(np.full((1, 8), 3.0), truncation=0.5)["default"]
    np.testing.assert_array_equal(clipped, model.generate(np.full((1, 8), 0.5))["default"])


def test_scores(model, images, encoded):
    scores = model.discriminate(images, encoded["z_mean"])
    assert set(scores) == {"score_x", "score_z", "score_xz"}
    x = jnp.asarray(images[:2] / 127.5 - 1, jnp.float32)
    z = jnp.asarray(encoded["z_mean"][:2])
    alone = model.networks.discriminator.apply(model.variables["discriminator"], x, z)
    for term, score in alone.items():
        np.testing.assert_allclose(scores[f"score_{term}"][:2], score, rtol=1e-4, atol=1e-5)


def test_a_model_without_encoder(plain_workdir):
    model = bigbigan_jax.load(plain_workdir)
    assert model.sample(2).shape == (2, 8, 8, 1)
    with pytest.raises(InputError, match="no encoder"):
        model.encode(np.zeros((1, 8, 8, 1), np.uint8))


BYTES = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1) * 4


@pytest.mark.parametrize(
    "images, message",
    [
        (BYTES[..., 0], r"shape \[1, 8, 8\]; this model takes \[N, H, W, 1\]"),
        (np.repeat(BYTES, 3, -1), r"shape \[1, 8, 8, 3\]"),
        (BYTES / 255, r"from 0 to 0.988, which looks like \[0, 1\]; give uint8"),
        (BYTES.astype(float), r"which looks like 0\.\.255; give"),
        ((BYTES / 255 - 0.45) / 0.22, "which looks like normalisation by a mean"),
        (BYTES.astype(int), "images are int64; they must be floats, or uint8"),
        (np.where(BYTES == 4, np.nan, 0.0), "NaN"),
        (BYTES[:, :0], "shape"),
    ],
)
def test_images_that_are_wrong(model, images, message):
    with pytest.raises(InputError, match=message):
        model.encode(images)


def test_latents_that_are_wrong(model):
    with pytest.raises(InputError, match=r"z has shape \[2, 5\]; this model takes \[N, 8\]"):
        model.generate(np.zeros((2, 5)))
    with pytest.raises(InputError, match="z holds NaN"):
        model.generate(np.full((1, 8), np.inf))
    with pytest.raises(InputError, match="z are int64; they must be floats"):
        model.generate(np.zeros((1, 8), int))
    with pytest.raises(InputError, match="truncation is 0; it must be positive"):
        model.sample(1, truncation=0)
    with pytest.raises(InputError, match="2 images and 1 latents"):
        model.discriminate(np.zeros((2, 8, 8, 1), np.uint8), np.zeros((1, 8)))
    with pytest.raises(InputError, match="count is -1"):
        model.sample(-1)
