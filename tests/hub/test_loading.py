"""Which checkpoint is loaded, and what is said when none can be."""

import json
import shutil

import numpy as np
import pytest
import small_bigbigan
from damaged_checkpoints import remove_manifest
from small_runs import logged, saved_state

import bigbigan_jax
from bigbigan_jax.checkpoints import Checkpoints
from bigbigan_jax.hub import LoadError, export, loading

# Orbax closes its event loop on the first failed read while others are still under way.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def copy(workdir, tmp_path):
    return shutil.copytree(workdir, tmp_path / "run")


def test_the_averaged_weights_and_the_statistics_of_training_are_loaded(workdir, model):
    assert model.about["step"] == 3
    assert model.about["metrics"]["reconstruction/x"] == pytest.approx(
        logged(workdir)[-1]["reconstruction/x"]
    )
    assert (model.z_dim, model.image_size, model.generated_size) == (8, 8, 8)


def test_steps_and_the_best(workdir, model):
    scores = {line["step"]: line["reconstruction/x"] for line in logged(workdir)}
    best = bigbigan_jax.load(workdir, "best")
    assert best.about["step"] == min(scores, key=scores.get)
    assert bigbigan_jax.load(workdir, 2).about["step"] == 2


def test_an_older_one_is_taken_for_one_that_is_damaged(copy):
    remove_manifest(copy / "checkpoints" / "3")
    assert bigbigan_jax.load(copy).about["step"] == 2
    with pytest.raises(LoadError, match="checkpoints/3: cannot be read"):
        bigbigan_jax.load(copy, 3)
    assert (copy / "checkpoints" / "3").exists()  # a reader moves nothing


def test_one_saved_in_haste_has_no_statistics(copy):
    state = saved_state(copy, small_bigbigan.get_config(), 3)
    with Checkpoints(copy, keep_last=9, keep_every=None) as checkpoints:
        checkpoints.save(4, state, checkpoints.metadata(3))
    assert bigbigan_jax.load(copy).about["step"] == 3
    with pytest.raises(LoadError, match="told to stop, without statistics"):
        bigbigan_jax.load(copy, 4)


def test_a_score_that_is_not_a_number_is_not_the_best(copy, monkeypatch):
    whole = loading.read_record

    def with_nan(folder):
        record = whole(folder)
        record["metrics"]["reconstruction/x"] = {"1": float("nan"), "2": 0.5, "3": 0.4}[folder.name]
        return record

    monkeypatch.setattr(loading, "read_record", with_nan)
    assert bigbigan_jax.load(copy, "best").about["step"] == 3


def test_what_cannot_be_loaded(workdir, plain_workdir, tmp_path):
    with pytest.raises(LoadError, match="no checkpoints in there; give the --workdir"):
        bigbigan_jax.load(tmp_path)
    with pytest.raises(LoadError, match="no checkpoint of step 7; there are 1, 2, 3"):
        bigbigan_jax.load(workdir, 7)
    with pytest.raises(LoadError, match="kept no best"):
        bigbigan_jax.load(plain_workdir, "best")


@pytest.mark.parametrize("folder", ["workdir", "plain_workdir"])
def test_an_exported_model_is_the_same(folder, request, tmp_path):
    model = bigbigan_jax.load(request.getfixturevalue(folder))
    file, about = export(model, tmp_path / "model.safetensors")
    again = bigbigan_jax.load(file)
    assert again.about == {**model.about, "source": str(file)}
    np.testing.assert_array_equal(again.sample(2), model.sample(2))
    if model.networks.encoder:
        images = np.zeros((2, 8, 8, 1), np.uint8)
        for name, value in model.encode(images).items():
            np.testing.assert_array_equal(again.encode(images)[name], value)
    assert sorted(tmp_path.iterdir()) == [about, file]
    with pytest.raises(LoadError, match="exists already"):
        export(model, file)


def test_exports_that_are_wrong(model, tmp_path):
    file, about = export(model, tmp_path / "model.safetensors")
    with pytest.raises(LoadError, match="ends in .safetensors"):
        export(model, tmp_path / "model.npz")
    with pytest.raises(LoadError, match="has no steps"):
        bigbigan_jax.load(file, 3)
    with pytest.raises(LoadError, match="absent.safetensors: no such file"):
        bigbigan_jax.load(tmp_path / "absent.safetensors")
    told = json.loads(about.read_text())
    told["model"]["discriminator"]["mlp_width"] = 32
    about.write_text(json.dumps(told))
    with pytest.raises(LoadError, match=r"discriminator/.* is float32.*16.*, not float32.*32"):
        bigbigan_jax.load(file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(LoadError, match="damaged"):
        bigbigan_jax.load(file)
    about.write_text("{}")
    with pytest.raises(LoadError, match="not the JSON of an exported model"):
        bigbigan_jax.load(file)
