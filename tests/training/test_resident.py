"""Images that stay on the devices: the same training as with images that are sent."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_bigan import get_config
from small_runs import assert_same_state, logged, saved_steps

from bigbigan_jax.checkpoints import CheckpointError
from bigbigan_jax.data import AUGMENTATIONS, open_source, training_batches, training_order
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.resident import update_resident
from bigbigan_jax.training.run import prepare_run


def trained(workdir, **training):
    config = get_config()
    config.training.update(training)
    config.data.on_device = "steps_at_once" not in training or training["steps_at_once"] > 1
    return train(prepare_run(config, workdir))


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resident")
    trained(folder)
    return folder


def test_the_order_is_that_of_images_that_are_sent():
    source = open_source("digits", "train")
    batches = training_batches(
        source,
        image_size=8,
        channels=1,
        augmentation=AUGMENTATIONS["none"],
        batch_size=700,
        batches_per_step=2,
        seed=3,
        start_step=1,
    )
    labels = next(batches)["label"].ravel()
    batches.close()
    order = training_order(source, 3, first=1400, count=1400)  # across the end of an epoch
    np.testing.assert_array_equal(labels, [source[int(i)]["label"] for i in order])


def test_training_is_that_on_images_that_are_sent(workdir, tmp_path):
    sent = trained(tmp_path, steps_at_once=1)
    again = trained(workdir)  # done already: only read
    assert again.step == sent.step == 8
    a, b = (jax.tree.leaves(outcome.state.params) for outcome in (again, sent))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)


def test_steps_and_metrics_of_several_in_one_program(workdir):
    assert saved_steps(workdir) == [4, 8]
    lines = logged(workdir)
    assert [line["step"] for line in lines] == [4, 8]
    assert {"loss/D", "loss/EG", "reconstruction/x", "grad_norm/E"} <= lines[0].keys()
    assert (workdir / "sheets" / "reconstructions_0000008.png").exists()


def test_resumed_it_is_the_same(workdir, tmp_path):
    halfway = tmp_path / "halfway"
    shutil.copytree(workdir, halfway)
    shutil.rmtree(halfway / "checkpoints" / "8")
    assert saved_steps(halfway) == [4]
    assert_same_state(trained(halfway).state, trained(workdir).state)
    assert [line["step"] for line in logged(halfway)] == [4, 8]


def test_a_run_can_be_made_longer(tmp_path):
    config = get_config()
    config.steps = 4
    config.log.sheets_every = 4
    train(prepare_run(config, tmp_path))
    outcome = train(prepare_run(get_config(), tmp_path))
    assert outcome.step == 8 and [line["step"] for line in logged(tmp_path)] == [4, 8]


def test_metrics_are_means_but_for_counts():
    def update(state, batch, key):
        del key
        value = batch["image"].astype(np.float32).mean()
        return state + 1, {"loss": value, "skipped": state}

    batch = {"images": jnp.arange(6)[:, None], "index": jnp.array([[[0, 2]], [[4, 4]]])}
    state, metrics = update_resident(update, jnp.int32(5), batch, jax.random.key(0))
    assert (state, metrics["skipped"], metrics["loss"]) == (7, 6, (1 + 4) / 2)


def test_a_checkpoint_between_two_programs_is_refused(workdir):
    config = get_config()
    config.training.steps_at_once = 3
    config.steps, config.checkpoint.every = 9, 9
    config.log.update({"every": 9, "monitor_every": 9, "sheets_every": 9})
    with pytest.raises(CheckpointError, match="steps_at_once is 3.*of step 8"):
        train(prepare_run(config, workdir))


def test_the_run_is_free_to_move_between_both(workdir):
    saved = json.loads((workdir / "run.json").read_text())
    assert saved["config"]["data"]["on_device"] is True
    outcome = trained(workdir, steps_at_once=1)  # images are sent, and nobody minds
    assert_same_state(outcome.state, trained(workdir).state)
