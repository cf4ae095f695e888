"""Positions handed out to resets that name no task."""

from concurrent.futures import ThreadPoolExecutor

import pytest

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
