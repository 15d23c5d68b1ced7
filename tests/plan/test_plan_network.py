"""The model of the network, against times worked out by hand."""

import pytest

from bigbigan_jax.plan.hlo import Collective
from bigbigan_jax.plan.network import collective_seconds, links
from bigbigan_jax.plan.topologies import parse_slice


@pytest.mark.parametrize(
    ("slice_name", "expected"),
    [("v5e:16x16", 4), ("v5e:8x16", 3), ("v5e:2x2", 2), ("v5e:1x1", 0), ("v4:4x4x4", 6)],
)
def test_links_of_rings_and_lines(slice_name, expected):
    assert links(parse_slice(slice_name)) == expected


def test_all_reduce_over_a_torus():
    found = {"all-reduce": Collective(10, 200 * 10**9)}
    seconds = collective_seconds(found, parse_slice("v5e:16x16"))
    # 4 links of 50 GB/s; half way around both rings, there and back.
    assert seconds == pytest.approx(2 * 255 / 256 + 10 * 2 * 16e-6)


def test_gather_and_scatter_of_the_same_whole_take_the_same():
    tpu = parse_slice("v3:8x8")
    gather = collective_seconds({"all-gather": Collective(1, 128 * 10**6)}, tpu)
    scatter = collective_seconds({"reduce-scatter": Collective(1, 10**6)}, tpu)
    assert gather == pytest.approx(scatter)


@pytest.mark.parametrize(
    "kind", ["all-to-all", "ragged-all-to-all", "collective-permute", "collective-broadcast"]
)
def test_other_kinds_take_time(kind):
    tpu = parse_slice("v6e:2x2")
    one, two = (collective_seconds({kind: Collective(1, n)}, tpu) for n in (10**9, 2 * 10**9))
    assert 0 < one < two


def test_one_chip_has_no_network():
    assert collective_seconds({"all-reduce": Collective(9, 10**9)}, parse_slice("v3:1x1")) == 0
