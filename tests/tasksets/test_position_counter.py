"""Positions handed out to resets that name no task."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.position_counter import PositionCounter


def test_each_split_counts_from_the_start():
    counter = PositionCounter(5)
    assert [counter.next(split) for split in ("train", "train", "test", "train")] == [5, 6, 5, 7]


def test_threads_share_the_positions_out():
    counter = PositionCounter()
    with ThreadPoolExecutor(8) as pool:
        positions = list(pool.map(lambda _: counter.next("train"), range(2000)))
    assert sorted(positions) == list(range(2000))


@pytest.mark.parametrize("start", [-1, 2**63])
def test_counting_starts_at_a_position(start):
    with pytest.raises(SelectionError, match=rf"in \[0, 2\*\*63\), not {start}"):
        PositionCounter(start)


@given(start=st.integers(0, 2**62), count=st.integers(1, 7))
def test_the_shards_of_a_stream_hand_out_each_position_from_the_start_on_once(start, count):
    counters = [PositionCounter(start, index, count) for index in range(count)]
    positions = [counter.next("train") for _ in range(3) for counter in counters]
    assert sorted(positions) == list(range(start, start + 3 * count))
    assert all(position % count == place % count for place, position in enumerate(positions))


def test_what_comes_next_can_be_seen_without_taking_it():
    counter = PositionCounter(5, 1, 3)
    assert [counter.coming("train"), counter.next("train"), counter.coming("train")] == [7, 7, 10]
    assert counter.coming("test") == 7


@pytest.mark.parametrize(("index", "count"), [(-1, 2), (2, 2), (0, 0), (1, 0)])
def test_a_shard_is_one_of_its_stream(index, count):
    with pytest.raises(SelectionError, match=f"shard {index}/{count} does not exist: of c shards, the first is 0/c"):
        PositionCounter(0, index, count)
