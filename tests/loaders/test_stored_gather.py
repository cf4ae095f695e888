"""Walks over rows without a store: exact in every order, whether one is built, may not be, or is not worth it."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.block_order import BlockOrder
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.order import Order
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores
from openenv_tasksets.loaders.stream import RowStream

COUNT = 2000
EXPECTED = [{"n": number, "text": f"row {number}"} for number in range(COUNT)]
ORDERS = {
    "sequential": lambda rows: Order(COUNT, "sequential", ""),
    "shuffled": lambda rows: Order(COUNT, "shuffled", "seven"),
    "blocks": lambda rows: BlockOrder(COUNT, rows.block_starts, "seven", 3),
}
LIMITS = {"stored": 1 << 30, "no room": 40_000, "none": 0}


@pytest.fixture
def root(tmp_path):
    pq.write_table(pa.Table.from_pylist(EXPECTED), tmp_path / "a.parquet", row_group_size=130)
    return tmp_path


def opened(root, limit_bytes=1 << 30):
    return StoredRows.open(SourceFiles(root, ["a.parquet"]), Stores(root / "rows", limit_bytes), small_bytes=0)


def end(rows):
    builder = rows._builder
    assert builder is None or builder.wait(60)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", ORDERS)
def test_a_walk_gives_every_row_at_its_position(root, kind, limit):
    rows = opened(root, LIMITS[limit])
    order = ORDERS[kind](rows)
    own = range(1, 2 * COUNT, 3)

    found = list(RowStream(rows, order, stop=2 * COUNT, shard_index=1, shard_count=3))

    assert found == [(position, EXPECTED[order.index(position)]) for position in own]
    end(rows)


def test_a_shuffled_walk_builds_the_store_and_a_first_one_in_order_does_not(root):
    ordered, shuffled = opened(root), opened(root)
    assert list(ordered) == EXPECTED
    assert ordered._builder is None

    stream = RowStream(shuffled, ORDERS["shuffled"](shuffled))
    for _ in range(17):
        next(stream)
    end(shuffled)

    assert shuffled.is_ready()
    assert opened(root).is_ready()
    assert list(opened(root)) == EXPECTED


@pytest.mark.parametrize("limit", LIMITS)
def test_a_row_group_that_cannot_be_decoded_is_an_error_at_its_first_position(root, limit):
    path = root / "a.parquet"
    content = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(4)
    start = group.column(1).data_page_offset
    content[start : start + 30] = bytes(30)
    path.write_bytes(content)
    bad = range(4 * 130, 5 * 130)
    rows = opened(root, LIMITS[limit])
    order = ORDERS["shuffled"](rows)
    stream = RowStream(rows, order, stop=COUNT)

    found = []
    with pytest.raises(SourceError, match="row group 4 cannot be decoded") as caught:
        found.extend(stream)

    # ``extend`` keeps what came before the error.
    first = next(position for position in range(COUNT) if order.index(position) in bad)
    assert [position for position, _ in found] == list(range(first))
    assert [row for _, row in found] == [EXPECTED[order.index(position)] for position in range(first)]
    assert f"at position {first} of the stream" in caught.value.__notes__
    stream.close()
    end(rows)
