"""Mixtures by arithmetic: exact in every block, each part's positions once, and no step meets one part only."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.mixing import MAX_BLOCK, Mixing, whole_proportions

GOLDEN = [
    ([1, 1], 0, [(0, 0), (1, 0), (1, 1), (0, 1), (1, 2)]),
    ([7, 3], 100, [(1, 30), (0, 70), (0, 71), (1, 31), (0, 72)]),
    ([2, 5, 40], 1000000000, [(2, 851063830), (2, 851063831), (2, 851063832), (0, 42553190), (2, 851063833)]),
]

weights = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@pytest.mark.parametrize(("given_weights", "start", "expected"), GOLDEN)
def test_the_mixing_is_pinned(given_weights, start, expected):
    mixing = Mixing(given_weights, "an identity")
    assert [mixing.locate(position) for position in range(start, start + len(expected))] == expected


@settings(deadline=None)
@given(weights, st.integers(0, 2**40))
def test_each_aligned_block_holds_exactly_its_share_of_each_part(given_weights, block):
    mixing = Mixing(given_weights, "an identity")
    at = range(block * mixing.block, (block + 1) * mixing.block)
    found = [mixing.locate(position) for position in at]
    for part, count in enumerate(mixing.counts):
        own = [position for each, position in found if each == part]
        assert own == list(range(block * count, (block + 1) * count))


@settings(deadline=None)
@given(weights, st.lists(st.integers(0, 2**63 - 1), max_size=30))
def test_a_batch_gives_what_single_calls_give(given_weights, at):
    mixing = Mixing(given_weights, "an identity")
    parts, own = mixing.batch(at)
    assert list(zip(parts.tolist(), own.tolist(), strict=True)) == [mixing.locate(position) for position in at]
    assert parts.dtype == own.dtype == np.int64


@pytest.mark.parametrize("given_weights", [[1, 1], [1, 2, 1], [7, 3], [5, 5, 5, 1]])
@pytest.mark.parametrize("count", [2, 4, 8, 10, 16])
def test_no_shard_meets_one_part_only(given_weights, count):
    """Also where the number of shards is that of a block's positions: in a fixed pattern each would."""
    mixing = Mixing(given_weights, "an identity")
    for shard in range(count):
        met = Counter(mixing.locate(shard + count * step)[0] for step in range(1000))
        for part, share in enumerate(mixing.counts):
            assert met[part] / 1000 == pytest.approx(share / mixing.block, abs=0.08)


def test_other_identities_mix_otherwise():
    mixed = [[Mixing([3, 2], name).locate(position)[0] for position in range(50)] for name in "ab"]
    assert mixed[0] != mixed[1]


@settings(deadline=None)
@given(weights, st.integers(0, 500), st.data())
def test_the_first_position_past_a_stop_is_the_first(given_weights, stop, data):
    mixing = Mixing(given_weights, "an identity")
    part = data.draw(st.integers(0, len(mixing.counts) - 1))
    first = mixing.first_past(part, stop)
    assert mixing.locate(first) == (part, stop)
    before = (mixing.locate(position) for position in range(first))
    assert all(own < stop for each, own in before if each == part)


def test_past_the_end_of_all_positions_there_is_none():
    assert Mixing([1, 1], "").first_past(0, 2**63 - 1) >= 2**63
    assert Mixing([1], "").first_past(0, 2**63 - 1) == 2**63 - 1
    assert Mixing([3, 4], "").locate(2**63 - 1)[1] < 2**63


@pytest.mark.parametrize(
    ("given_weights", "counts"),
    [
        ([1], (1,)),
        ([4, 2], (2, 1)),
        ([0.7, 0.3], (7, 3)),
        ([0.1, 0.2, 0.7], (1, 2, 7)),
        ([Fraction(1, 3), Fraction(2, 3)], (1, 2)),
        ([Decimal("0.25"), 1], (1, 4)),
        ([1e-3, 1], (1, 1000)),
    ],
)
def test_weights_become_the_smallest_whole_numbers(given_weights, counts):
    assert whole_proportions(given_weights) == counts


@pytest.mark.parametrize(
    ("given_weights", "message"),
    [
        ([], "a mixture needs at least one part"),
        ([1, 0], "a weight is a number above 0, not 0"),
        ([-1], "not -1"),
        ([float("nan")], "not nan"),
        ([float("inf")], "not inf"),
        ([True], "not True"),
        (["1"], "not '1'"),
        ([1 / 3, 1], f"a block has at most {MAX_BLOCK}; round them, as in 0.33"),
    ],
)
def test_what_is_no_weight_is_refused(given_weights, message):
    with pytest.raises(ValueError, match=message):
        Mixing(given_weights, "")


@pytest.mark.parametrize("position", [-1, 2**63])
def test_a_position_out_of_range_is_refused(position):
    for call in (Mixing([1, 1], "").locate, lambda at: Mixing([1, 1], "").batch([at])):
        with pytest.raises(ValueError, match=f"position is {position}; expected 0 to"):
            call(position)
