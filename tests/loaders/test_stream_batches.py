"""What is read at once: each block once an epoch, however the stream is ordered, sharded or bounded."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.block_order import BlockOrder
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.order import Order, positions
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.stream_batches import MOST_ROWS, WINDOW_BYTES, batches

BLOCK, BLOCKS = 50, 23
SIZE = BLOCK * BLOCKS - 17
STARTS = range(0, SIZE, BLOCK)


class OneBlock:
    """Rows that keep the last block fetched and no other."""

    def __init__(self, text=""):
        self.text = text
        self.fetched = []

    def is_hot(self, index):
        return False

    def read_many(self, indices):
        for index in indices:
            if self.fetched[-1:] != [index // BLOCK]:
                self.fetched.append(index // BLOCK)
        return [{"id": index, "text": self.text} for index in indices]


def read(rows, order, own, ahead_bytes=1 << 20):
    found = list(batches(rows, order, (), own, ahead_bytes))
    found = [each for batch in found for each in ([batch] if batch.deferred is None else batch.deferred)]
    assert all(batch.error is None for batch in found)
    return [each for batch in found for each in batch.items]


ORDERS = {
    "sequential": lambda: Order(SIZE, "sequential", ""),
    "blocks": lambda: BlockOrder(SIZE, STARTS, "", 4),
}


@pytest.mark.parametrize("kind", sorted(ORDERS))
@pytest.mark.parametrize("shard_count", [1, 3])
def test_a_reader_fetches_each_block_once_an_epoch(kind, shard_count):
    order = ORDERS[kind]()
    for shard in range(shard_count):
        for epoch in (0, 1):
            rows = OneBlock()
            own = positions(epoch * SIZE, shard_index=shard, shard_count=shard_count, stop=(epoch + 1) * SIZE)
            found = read(rows, order, own)
            assert [position for position, _, _ in found] == list(own)
            assert all(row["id"] == index == order.locate(position)[1] for position, index, row in found)
            assert Counter(rows.fetched) == dict.fromkeys(range(BLOCKS), 1)


def test_a_shuffled_order_fetches_a_block_once_a_batch():
    rows = OneBlock()
    read(rows, Order(SIZE, "shuffled", ""), range(SIZE))
    most = len(list(batches(OneBlock(), Order(SIZE, "shuffled", ""), (), range(SIZE), 1 << 20)))
    assert max(Counter(rows.fetched).values()) <= most


def test_a_window_too_large_for_memory_is_read_in_parts():
    """Blocks are fetched again then, and memory stays bounded."""
    rows = OneBlock()
    huge = "x" * (WINDOW_BYTES // 100)
    rows.text = huge
    order = BlockOrder(SIZE, STARTS, "", 4)
    found = list(batches(rows, order, (), range(SIZE), 1 << 20))
    assert [position for batch in found for position, _, _ in batch.items] == list(range(SIZE))
    assert max(len(batch.items) for batch in found) <= 16
    assert max(Counter(rows.fetched).values()) > 1


def test_batches_grow_from_a_few_rows_and_stay_within_the_bound():
    found = list(batches(OneBlock(), Order(SIZE, "shuffled", ""), (), range(5 * SIZE), 1 << 30))
    sizes = [len(batch.items) for batch in found]
    assert sizes[:4] == [16, 32, 64, 128]
    assert max(sizes) == MOST_ROWS
    small = list(batches(OneBlock("x" * 10_000), Order(SIZE, "shuffled", ""), (), range(SIZE), 200_000))
    assert max(batch.size_bytes for batch in small[1:]) <= 200_000
    assert len(small[5].items) > 10


def test_positions_to_hand_out_again_come_first_and_are_read_by_windows_too():
    order = BlockOrder(SIZE, STARTS, "", 4)
    again = (3, 700, 701, 900)
    found = [each[0] for batch in batches(OneBlock(), order, again, range(1000, 1010), 1 << 20) for each in batch.items]
    assert found == [*again, *range(1000, 1010)]


def test_rows_of_row_groups_are_those_that_pyarrow_reads(tmp_path):
    table = pa.table({"id": range(SIZE), "text": [f"row {number}" for number in range(SIZE)]})
    pq.write_table(table.slice(0, 500), tmp_path / "one.parquet", row_group_size=60)
    pq.write_table(table.slice(500), tmp_path / "two.parquet", row_group_size=200)
    rows = ParquetRows.open(tmp_path, ["one.parquet", "two.parquet"])
    order = BlockOrder(SIZE, rows.block_starts, "", 3)
    found = read(rows, order, range(2 * SIZE))
    expected = table.take([order.locate(position)[1] for position in range(2 * SIZE)]).to_pylist()
    assert [row for _, _, row in found] == expected


def test_an_error_comes_behind_the_rows_before_it():
    class Broken(OneBlock):
        def read_many(self, indices):
            if 40 in indices:
                raise SourceError("row 40 is broken")
            return super().read_many(indices)

    found = list(batches(Broken(), Order(SIZE, "sequential", ""), (), range(SIZE), 1 << 20))
    assert [position for batch in found for position, _, _ in batch.items] == list(range(40))
    assert [type(batch.error) for batch in found] == [type(None), SourceError]


@pytest.mark.parametrize("kind", sorted(ORDERS))
def test_a_window_with_one_row_not_at_hand_is_read_as_a_whole(kind):
    """Elsewhere a few rows are asked for all; the first and the last are among them."""

    class AllButOne(OneBlock):
        def is_hot(self, index):
            return index != 30

    found = list(batches(AllButOne(), ORDERS[kind](), (), range(SIZE), 1 << 20))
    lists = [list(batch.deferred) for batch in found if batch.deferred is not None]
    deferred = [index for later in lists for batch in later for _, index, _ in batch.items]
    assert (30 in deferred) == (kind == "sequential")
    assert len(deferred) > SIZE // 2
