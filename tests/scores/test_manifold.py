"""Precision, recall, density and coverage against their definitions, sample by sample."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from bigbigan_jax.scores import Manifold, ScoreError, manifold, manifold_scores


def by_definition(real: np.ndarray, generated: np.ndarray, k_pr: int, k_dc: int) -> Manifold:
    def balls(centres, points, k):
        """Whether each point lies in each centre's ball, [centres, points]."""
        rows = []
        for i, centre in enumerate(centres):
            others = cdist(centre[None], np.delete(centres, i, axis=0))[0]
            rows.append(cdist(centre[None], points)[0] <= sorted(others)[k - 1])
        return np.array(rows)

    of_real = balls(real, generated, k_dc)
    return Manifold(
        precision=balls(real, generated, k_pr).any(axis=0).mean(),
        recall=balls(generated, real, k_pr).any(axis=0).mean(),
        density=of_real.sum() / (k_dc * len(generated)),
        coverage=of_real.any(axis=1).mean(),
    )


@pytest.fixture(params=[256, 0.002], ids=["one block", "blocks of 8 rows"])
def memory(request, monkeypatch):
    monkeypatch.setattr(manifold, "_MEBIBYTES", request.param)


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("seed", range(4))
def test_they_are_by_the_definitions(seed):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(41, 3)) + 100
    generated = rng.normal(0.7, 0.6, size=(30, 3)) + 100
    found = manifold_scores(real, generated)
    assert found == by_definition(real, generated, 3, 5)
    assert 0 < found.recall < found.precision <= 1
    assert manifold_scores(generated, real, 2, 1) == by_definition(generated, real, 2, 1)


@pytest.mark.usefixtures("memory")
def test_a_set_against_itself():
    rows = np.random.default_rng(0).normal(size=(30, 4)) + 100
    assert manifold_scores(rows, rows.copy()) == Manifold(1, 1, 1, 1)


def test_sets_that_are_far_apart():
    rows = np.random.default_rng(0).normal(size=(30, 4))
    assert manifold_scores(rows, rows + 100) == Manifold(0, 0, 0, 0)


def test_all_samples_alike_are_precise_and_not_diverse():
    real = np.random.default_rng(0).normal(size=(30, 2))
    found = manifold_scores(real, np.zeros((20, 2)))
    assert found.precision == 1
    assert found.recall == 0
    assert found.coverage < 0.5


def test_what_is_wrong():
    rows = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.raises(ScoreError, match="5 real samples; 5 neighbours need at least 6"):
        manifold_scores(rows[:5], rows)
    with pytest.raises(ScoreError, match="7 generated samples; 8 neighbours need at least 9"):
        manifold_scores(rows, rows[:7], pr_neighbours=8)
    with pytest.raises(ScoreError, match="0 neighbours; there must be 1 or more"):
        manifold_scores(rows, rows, pr_neighbours=0)
    with pytest.raises(ScoreError, match="features of widths 4 and 3"):
        manifold_scores(rows, rows[:, :3])
    with pytest.raises(ScoreError, match="features hold NaN or infinity"):
        manifold_scores(rows, np.full_like(rows, np.nan))
