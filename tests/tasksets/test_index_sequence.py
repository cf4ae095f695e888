"""Sequences of indices are the lists that they stand for, and make none."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.index_sequence import Shuffled, block_starts, compose

KEY = b"a key"
ANY_INT = st.none() | st.integers(-60, 60)
SLICES = st.builds(slice, ANY_INT, ANY_INT, st.none() | st.integers(-7, 7).filter(bool))
SIZES = st.integers(1, 50)


@given(SIZES, st.lists(SLICES, max_size=3))
def test_a_shuffled_sequence_is_a_permutation_and_slices_as_a_list_does(size, slices):
    sequence = Shuffled(size, KEY)
    expected = list(sequence)
    assert sorted(expected) == list(range(size))
    for each in slices:
        sequence, expected = sequence[each], expected[each]
        assert (len(sequence), list(sequence)) == (len(expected), expected)
        assert [sequence[place] for place in range(-len(expected), 0)] == expected


@pytest.mark.parametrize("place", [-6, 5])
def test_beyond_its_end_there_is_no_index(place):
    for sequence in (Shuffled(5, KEY), Shuffled(9, KEY)[:5], compose([3, 1, 4, 1, 5], range(5))):
        with pytest.raises(IndexError):
            sequence[place]


def test_one_of_a_trillion_costs_nothing():
    sequence = Shuffled(2**40, KEY)[1::3]
    assert len(sequence) == 2**40 // 3
    assert sequence[2**38] == Shuffled(2**40, KEY)[3 * 2**38 + 1]


@given(SIZES, SLICES, SLICES, SLICES)
def test_one_after_the_other_is_the_composition(size, first, second, third):
    outer = range(100, 100 + 3 * size, 3)[first]
    inner = range(len(outer))[second]
    composed = compose(outer, inner)
    assert isinstance(composed, range)
    assert list(composed) == [outer[place] for place in inner]
    listed = compose(list(outer), list(inner))
    assert list(listed) == list(composed)
    assert list(listed[third]) == list(composed)[third]


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(1, 60)))
def test_blocks_of_rows_that_ascend_start_at_their_first_row_that_is_served(served, later):
    rows, starts = sorted(served), [0, *sorted(later)]
    found = block_starts(rows, starts)
    assert list(found) == [sum(row < start for row in rows) for start in starts]
    assert list(block_starts(range(5, 61, 2), starts)) == [bisect_left(range(5, 61, 2), start) for start in starts]


@pytest.mark.parametrize(
    "served", [range(2500, 0, -1), [*range(2499), 7], [1, 1] * 1250, Shuffled(2500, KEY)], ids=type
)
def test_where_rows_do_not_ascend_blocks_are_a_thousand_each(served):
    assert list(block_starts(served, [0, 10])) == [0, 1000, 2000]
