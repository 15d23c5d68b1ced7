"""The training loop: resuming exactly, getting past damage, stopping on divergence."""

import json
import shutil

import jax
import pytest
from jax.sharding import AxisType
from small_gan import get_config
from small_runs import assert_same_run, assert_same_state, logged, saved_state, saved_steps

from bigbigan_jax.checkpoints import CheckpointError
from bigbigan_jax.training import run as run_module
from bigbigan_jax.training.bigbigan import BigBiGAN
from bigbigan_jax.training.loop import train
from bigbigan_jax.training.reporter import Reporter, TrainingDiverged
from bigbigan_jax.training.run import prepare_run

# Orbax closes its event loop on the first failed read while others are still under way.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def train_to(step, workdir, config=None):
    config = config or get_config()
    config.steps = step
    return train(prepare_run(config, workdir))


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """The workdir of a run of 16 steps."""
    workdir = tmp_path_factory.mktemp("half")
    train_to(16, workdir)
    return workdir


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The workdir of a run of 24 steps at once."""
    workdir = tmp_path_factory.mktemp("whole")
    outcome = train_to(24, workdir)
    assert (outcome.step, outcome.preempted, int(outcome.state.step)) == (24, False, 24)
    return workdir


@pytest.fixture
def workdir(half, tmp_path):
    """A copy of `half`, to be damaged."""
    return shutil.copytree(half, tmp_path / "run")


def test_two_halves_equal_the_whole_with_an_encoder(tiny_config, tmp_path):
    tiny_config.data.update({"name": "digits", "augmentation": "none", "workers": 0})
    tiny_config.data.eval_split = "test"
    tiny_config.checkpoint.update({"every": 2, "best_metric": "reconstruction/x"})
    tiny_config.log.update({"every": 1, "monitor_every": 1, "sheets_every": 4})
    train_to(2, tmp_path / "halves", tiny_config)
    train_to(4, tmp_path / "halves", tiny_config)
    train_to(4, tmp_path / "whole", tiny_config)
    assert_same_run(tmp_path / "halves", tmp_path / "whole", tiny_config, 4)
    assert "reconstruction/x" in logged(tmp_path / "whole")[-1]
    for name in ("samples_0000004.png", "reconstructions_0000004.png"):
        sheets = [(tmp_path / run / "sheets" / name).read_bytes() for run in ("halves", "whole")]
        assert sheets[0] == sheets[1]


def test_the_update_is_traced_once(tmp_path, monkeypatch):
    """Though the run asks which metrics it has before it compiles it."""
    traced, update = [], BigBiGAN.update

    def counted(self, *arguments):
        traced.append(True)
        return update(self, *arguments)

    monkeypatch.setattr(BigBiGAN, "update", counted)
    config = get_config()
    config.checkpoint.best_metric = "loss/D"
    train_to(2, tmp_path, config)
    assert len(traced) == 1


def data_files(checkpoint):
    """The files of the arrays: all of them, for some are superseded and never read."""
    return [path for path in checkpoint.glob("state/**/d/*") if path.stat().st_size > 1000]


def truncate(checkpoint):
    for file in data_files(checkpoint):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip_bits(checkpoint):
    for file in data_files(checkpoint):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)


def add_an_empty_folder(checkpoint):
    checkpoint.with_name("20").mkdir()


@pytest.mark.parametrize(
    ("damage", "aside"), [(truncate, "16"), (flip_bits, "16"), (add_an_empty_folder, "20")]
)
def test_a_damaged_checkpoint_is_set_aside_and_the_run_ends_the_same(damage, aside, workdir, whole):
    damage(workdir / "checkpoints" / "16")
    train_to(24, workdir)
    assert_same_run(workdir, whole, get_config(), 24)
    (moved,) = (workdir / "checkpoints_damaged").iterdir()
    assert moved.name.split("_")[0] == aside


def test_a_run_of_eight_devices_goes_on_with_one(workdir, whole, monkeypatch):
    def one_device():
        return jax.make_mesh((1,), ("data",), (AxisType.Auto,), devices=jax.devices()[:1])

    monkeypatch.setattr(run_module, "data_mesh", one_device)
    outcome = train_to(24, workdir)
    assert outcome.state.step.sharding.device_set == {jax.devices()[0]}
    for one, eight in zip(logged(workdir), logged(whole), strict=True):
        assert one == pytest.approx(eight, rel=1e-2, abs=1e-3)


def test_a_finished_run_is_left_as_it_is(workdir):
    before = logged(workdir)
    outcome = train_to(16, workdir)
    assert (outcome.step, outcome.preempted) == (16, False)
    assert_same_state(outcome.state, saved_state(workdir, get_config(), 16))
    assert logged(workdir) == before


def test_divergence_stops_the_run_and_is_never_saved(workdir):
    config = get_config()
    # Rates like this make the weights too large to have a finite norm.
    config.training.learning_rate.discriminator = 1e30
    config.training.max_skipped_in_a_row = 5
    config.checkpoint.every = 1
    config.log.every = 100  # the check does not wait for a step that is logged
    with pytest.raises(TrainingDiverged, match="the last 5 steps up to 21 .* not finite"):
        train_to(100, workdir, config)
    assert saved_steps(workdir) == [8, 16]
    assert len(logged(workdir)) == 16


def test_steps_that_are_not_finite_are_counted_and_logged_as_null(workdir):
    config = get_config()
    config.training.learning_rate.discriminator = 1e30
    outcome = train_to(18, workdir, config)
    assert int(outcome.state.skipped) == 2
    last = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])
    assert (last["step"], last["skipped"], last["skipped_in_a_row"]) == (18, 2, 2)
    assert last["skipped_share"] == pytest.approx(2 / 18)
    assert last["loss/EG"] is None
    assert saved_steps(workdir) == [8, 16]


def test_the_loop_itself_moves_nothing_between_host_and_device_unasked(workdir, monkeypatch):
    write_sheets = Reporter.write_sheets

    def unguarded(*arguments):
        with jax.transfer_guard("allow"):
            write_sheets(*arguments)

    monkeypatch.setattr(Reporter, "write_sheets", unguarded)
    config = get_config()
    config.steps = 24
    run = prepare_run(config, workdir)
    key = run.key()
    monkeypatch.setattr(run_module.Run, "key", lambda self: key)
    with jax.transfer_guard("disallow"):
        assert train(run).step == 24


def test_two_do_not_train_in_one_workdir(tmp_path):
    config = get_config()
    config.steps = 1
    run = prepare_run(config, tmp_path)
    begun = (tmp_path / "run.json").read_text()
    config.steps = 2
    with run.alone():
        for start in (lambda: prepare_run(config, tmp_path), lambda: train(run)):
            with pytest.raises(CheckpointError, match="another process is training in it"):
                start()
    assert (tmp_path / "run.json").read_text() == begun
    with run.alone():  # it is free again
        assert not (tmp_path / "checkpoints").exists()
    assert not (tmp_path / ".training.lock").exists()


def test_unread_metrics_never_number_more_than_two(monkeypatch, workdir):
    """The loop waits for a step only when two later ones are under way."""
    waited, dispatched = [], []
    step_done, report = Reporter.step_done, Reporter._report
    monkeypatch.setattr(
        Reporter,
        "step_done",
        lambda self, step, m: dispatched.append(step) or step_done(self, step, m),
    )
    monkeypatch.setattr(
        Reporter,
        "_report",
        lambda self, step, m: waited.append((step, dispatched[-1])) or report(self, step, m),
    )
    train_to(24, workdir)
    assert waited == [(step, min(step + 2, 24)) for step in range(17, 25)]
