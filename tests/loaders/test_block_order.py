"""The order of blocks is a law, too: pinned values, each index once an epoch, and each block read once."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.block_order import BlockOrder
from openenv_tasksets.loaders.order import positions

GOLDEN = [
    (10, [0, 4, 8], 1, [4, 5, 6, 7, 0, 1, 2, 3]),
    (10, [0, 4, 8], 2, [5, 2, 0, 4, 1, 6, 7, 3]),
    (1000, range(0, 1000, 100), 3, [219, 216, 129, 356, 394, 185, 107, 296]),
    (1000, [0, 0, 1, 500, 999], 8, [668, 287, 792, 222, 584, 690, 347, 486]),
    (
        2**40,
        range(0, 2**40, 2**30),
        8,
        [
            268326366797,
            823064259402,
            801973485397,
            267959318929,
            823080231469,
            823090927359,
            864550087653,
            847176189372,
        ],
    ),
]


@st.composite
def blocks(draw):
    """A size, and where its blocks start; some are empty."""
    sizes = draw(st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(any))
    return sum(sizes), [sum(sizes[:number]) for number in range(len(sizes))]


windows = st.integers(1, 9)
epochs = st.integers(0, 2**20)


@pytest.mark.parametrize(("size", "starts", "window", "expected"), GOLDEN)
def test_the_second_epoch_starts_as_it_always_will(size, starts, window, expected):
    order = BlockOrder(size, starts, "an identity", window)
    assert order.batch(range(size, size + 8)).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(blocks(), windows, epochs)
def test_each_epoch_meets_every_index_once(split, window, epoch):
    size, starts = split
    order = BlockOrder(size, starts, "an identity", window)
    at = range(epoch * size, (epoch + 1) * size)
    assert sorted(order.batch(at).tolist()) == list(range(size))
    assert {order.locate(position)[0] for position in at} == {epoch}


@settings(max_examples=60, deadline=None)
@given(st.data(), blocks(), windows)
def test_a_batch_of_any_positions_gives_what_single_calls_give(data, split, window):
    size, starts = split
    order = BlockOrder(size, starts, "an identity", window)
    near = st.integers(0, 5 * size)
    at = data.draw(st.lists(near | st.integers(0, 2**63 - 1), max_size=30))
    found = order.batch(at)
    assert found.dtype == np.int64
    assert found.tolist() == [order.index(position) for position in at]


@settings(max_examples=60, deadline=None)
@given(blocks(), windows, epochs, st.integers(1, 5))
def test_a_reader_meets_each_block_in_one_window_of_an_epoch(split, window, epoch, shard_count):
    """Each shard goes from window to window, and never returns to a block."""
    size, starts = split
    order = BlockOrder(size, starts, "an identity", window)
    for shard in range(shard_count):
        own = positions(epoch * size, shard_index=shard, shard_count=shard_count, stop=(epoch + 1) * size)
        ends = [order.window_end(position) for position in own]
        assert all(position < end <= (epoch + 1) * size for position, end in zip(own, ends, strict=True))
        assert ends == sorted(ends)
        window_of_block = {}
        for position, end in zip(own, ends, strict=True):
            block = np.searchsorted(starts, order.index(position), "right") - 1
            assert window_of_block.setdefault(block, end) == end
        met = [list(window_of_block.values()).count(end) for end in set(ends)]
        assert max(met, default=0) <= window


def test_a_window_of_one_block_shuffles_within_it_and_more_mix_blocks():
    starts = range(0, 1000, 100)
    one = BlockOrder(1000, starts, "an identity", 1).batch(range(1000)) // 100
    assert [len(set(one[start : start + 100].tolist())) for start in starts] == [1] * 10
    five = BlockOrder(1000, starts, "an identity", 5).batch(range(1000)) // 100
    assert len(set(five[:50].tolist())) == 5
    assert not set(five[:500].tolist()) & set(five[500:].tolist())


def test_epochs_and_identities_are_shuffled_by_themselves():
    starts = range(0, 1000, 100)
    firsts = [BlockOrder(1000, starts, name).batch(range(20)).tolist() for name in ("one", "other")]
    order = BlockOrder(1000, starts, "one")
    firsts += [order.batch(range(epoch * 1000, epoch * 1000 + 20)).tolist() for epoch in range(1, 50)]
    assert len({tuple(first) for first in firsts}) == 51


def test_neither_the_process_nor_its_hash_seed_changes_the_order():
    code = (
        "from openenv_tasksets.loaders.block_order import BlockOrder\n"
        "print(BlockOrder(1000, range(0, 1000, 7), 'an identity').batch(range(0, 5000, 11)).tolist())"
    )
    here = BlockOrder(1000, range(0, 1000, 7), "an identity").batch(range(0, 5000, 11)).tolist()
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "5"}
    )
    assert run.stdout.strip() == str(here)


def test_memory_does_not_grow_with_the_size():
    order = BlockOrder(2**40, range(0, 2**40, 2**32), "an identity")
    found = order.batch(range(2**41, 2**41 + 10_000))
    assert len(np.unique(found)) == 10_000
    assert order.index(2**63 - 1) < 2**40
    assert order.stop == 2**63


@pytest.mark.parametrize(
    ("size", "starts", "window", "message"),
    [
        (0, [0], 1, "size is 0; expected 1 to 1099511627776"),
        (5, [0], 0, "window is 0; expected 1 or more"),
        (5, [], 1, "block starts must ascend from 0 to at most 5, the size"),
        (5, [1], 1, "block starts must ascend from 0"),
        (5, [0, 3, 2], 1, "block starts must ascend from 0"),
        (5, [0, 6], 1, "block starts must ascend from 0"),
    ],
)
def test_what_cannot_be_is_refused(size, starts, window, message):
    with pytest.raises(ValueError, match=message):
        BlockOrder(size, starts, "", window)


@pytest.mark.parametrize("position", [-1, 2**63])
def test_a_position_out_of_range_is_refused(position):
    order = BlockOrder(5, [0, 3], "")
    for call in (order.locate, order.index, order.window_end, lambda at: order.batch([at])):
        with pytest.raises(ValueError, match=f"position is {position}; expected 0 to"):
            call(position)
