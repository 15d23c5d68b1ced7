"""The port against a plain one, and against real photographs."""

import os
import tarfile
from pathlib import Path

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy_inception import CONVOLUTIONS, outputs, random_arrays
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch_files import write_stream

from bigbigan_jax.inception import InceptionFeatures, WeightsError, read_weights
from bigbigan_jax.inception.names import CONVOLUTIONS as SCOPES
from bigbigan_jax.inception.resize import tf1_bilinear

ALL = (64, 192, 768, 2048, 1008)
DATA = os.environ.get("BIGBIGAN_TEST_DATA")
PARTIAL = Path(DATA or "") / "weights" / "inception_2015_12_05_to_mixed_7.npz"


@pytest.fixture(scope="module")
def arrays():
    return random_arrays()


@pytest.fixture(scope="module")
def torch_file(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    steps = {f"{name}.bn.num_batches_tracked": np.array(0, np.int64) for name in CONVOLUTIONS}
    write_stream(path, {**arrays, **steps})
    return path


@pytest.fixture(scope="module")
def weights(torch_file):
    return read_weights(torch_file)


def test_every_output_agrees_with_a_plain_float64_network(arrays, weights):
    images = np.random.default_rng(0).integers(0, 256, (1, 299, 299, 3), np.uint8)
    found, expected = InceptionFeatures(weights, ALL)(images), outputs(arrays, images)
    assert weights.outputs == ALL
    for tap in ALL:
        assert found[tap].shape == (1, tap) and found[tap].dtype == np.float32
        assert np.abs(expected[tap]).max() > 0.1
        np.testing.assert_allclose(found[tap], expected[tap], atol=1e-4)


def test_formats_are_the_same_weights(arrays, weights, tmp_path):
    np.savez(tmp_path / "unfolded.npz", **arrays)
    folded = {f"{s}/{p}": a for s, layer in weights.params.items() for p, a in layer.items()}
    np.savez(tmp_path / "folded.npz", **folded, **{"softmax/bias": np.ones(1008)})
    for name in ("unfolded.npz", "folded.npz"):
        found = read_weights(tmp_path / name)
        assert (found.fingerprint, found.outputs) == (weights.fingerprint, ALL)


def test_every_scope_has_a_name_of_its_own():
    assert SCOPES.keys() == CONVOLUTIONS.keys()
    assert len(set(SCOPES.values())) == len(SCOPES) == 94


def test_partial_weights_say_how_far_they_reach(weights, tmp_path):
    first = {s: layer for s, layer in weights.params.items() if s.startswith("conv")}
    folded = {f"{s}/{p}": a for s, layer in first.items() for p, a in layer.items()}
    np.savez(tmp_path / "first.npz", **folded)
    partial = read_weights(tmp_path / "first.npz")
    assert partial.outputs == (64, 192)
    with pytest.raises(WeightsError, match="end before the 2048-D features; they reach 64, 192-D"):
        InceptionFeatures(partial, (64, 2048))


def test_wrong_weights_are_one_line(arrays, tmp_path):
    path = tmp_path / "none.pth"
    with pytest.raises(WeightsError, match="none.pth: no weights of Inception there.*downloads"):
        read_weights(path)
    np.savez(tmp_path / "other.npz", layer=np.ones(3))
    with pytest.raises(WeightsError, match="other.npz: not the weights of Inception"):
        read_weights(tmp_path / "other.npz")
    np.savez(tmp_path / "short.npz", **{n: a for n, a in arrays.items() if "Mixed_7c" not in n})
    with pytest.raises(WeightsError, match="short.npz: 'Mixed_7c.branch1x1.*' is missing"):
        read_weights(tmp_path / "short.npz")
    np.savez(tmp_path / "shape.npz", **arrays | {"fc.weight": np.ones((1000, 2048), np.float32)})
    with pytest.raises(WeightsError, match=r"softmax/kernel is \(2048, 1000\); .*\(2048, 1008\)"):
        read_weights(tmp_path / "shape.npz")
    np.savez(tmp_path / "nan.npz", **arrays | {"fc.weight": np.full((1008, 2048), np.nan)})
    with pytest.raises(WeightsError, match="nan.npz: softmax has values that are not finite"):
        read_weights(tmp_path / "nan.npz")
    np.savez(tmp_path / "text.npz", **{"conv/kernel": "text"})
    with pytest.raises(WeightsError, match="text.npz: conv/kernel is of type .*; it must be numb"):
        read_weights(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", np.ones(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(WeightsError, match="one.npz: damaged or not an .npz file"):
        read_weights(tmp_path / "one.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:100])
    with pytest.raises(WeightsError, match="cut.npz: damaged or not an .npz file"):
        read_weights(tmp_path / "cut.npz")


@pytest.mark.parametrize("size", [(64, 64), (50, 80), (500, 400), (1, 3)])
def test_resize_is_that_of_tensorflow_1(size):
    image = np.random.default_rng(0).uniform(0, 255, (1, *size, 3)).astype(np.float32)
    found = jax.jit(tf1_bilinear, static_argnums=1)(jnp.asarray(image), 299)
    expected = np.empty((299, 299, 3))
    for y in range(299):
        top = y * size[0] / 299
        for x in range(299):
            left = x * size[1] / 299
            i, j = int(top), int(left)
            i1, j1 = min(i + 1, size[0] - 1), min(j + 1, size[1] - 1)
            dy, dx = top - i, left - j
            upper = (1 - dx) * image[0, i, j] + dx * image[0, i, j1]
            lower = (1 - dx) * image[0, i1, j] + dx * image[0, i1, j1]
            expected[y, x] = (1 - dy) * upper + dy * lower
    np.testing.assert_allclose(found[0], expected, atol=0.02)  # of 255


def test_grey_images_are_taken_as_rgb(weights):
    grey = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
    features = InceptionFeatures(weights, (64,))
    np.testing.assert_array_equal(features(grey)[64], features(grey.repeat(3, axis=-1))[64])


@pytest.mark.skipif(not PARTIAL.exists(), reason="BIGBIGAN_TEST_DATA has no Inception weights")
def test_768_features_tell_photographs_apart():
    features = InceptionFeatures(read_weights(PARTIAL), (768,))
    sets = {"train": ([], []), "val": ([], [])}
    with tarfile.open(Path(DATA) / "imagenette.tar") as archive:
        for member in archive:
            parts = Path(member.name).parts
            if not member.isfile() or len(parts) < 3:
                continue
            images, labels = sets[parts[-3]]
            if labels.count(parts[-2]) < (10 if parts[-3] == "train" else 5):
                data = np.frombuffer(archive.extractfile(member).read(), np.uint8)
                images.append(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
                labels.append(parts[-2])
    values = {split: features(np.stack(images))[768] for split, (images, _) in sets.items()}
    scaler = StandardScaler().fit(values["train"])
    probe = LogisticRegression(C=0.01, max_iter=1000)
    probe.fit(scaler.transform(values["train"]), sets["train"][1])
    score = probe.score(scaler.transform(values["val"]), sets["val"][1])
    assert score > 0.7, score  # 0.97 with all 4,500
