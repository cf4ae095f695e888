"""The JSON of rows: that of their dicts, whatever way it comes, in order up to the first row that has none."""

import datetime
import os

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.json_rows import JsonRows
from openenv_tasksets.loaders.order import Order
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.rows import ENDLESS, ListRows
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores

NAMES = ["0.parquet", "1.parquet"]
COUNT = 60


def table(first, count=COUNT // 2):
    numbers = range(first, first + count)
    return pa.table(
        {
            "id": [f"task-{n}" for n in numbers],
            "day": pa.array(numbers, pa.int32()).cast(pa.date32()),
            "turns": [[{"role": "user", "content": 'say "ä"\n' * (n % 3)}] * (n % 4) for n in numbers],
            "score": [n / 7 if n % 5 else float("nan") for n in numbers],
        }
    )


@pytest.fixture
def root(tmp_path):
    """Two files, row groups of 7."""
    for number, name in enumerate(NAMES):
        pq.write_table(table(number * 30), tmp_path / name, row_group_size=7)
    return tmp_path


@pytest.fixture
def expected(root):
    rows = [row for name in NAMES for row in pq.read_table(root / name).to_pylist()]
    return [msgspec.json.encode(row) for row in rows]


def in_memory(root):
    return ListRows([row for name in NAMES for row in pq.read_table(root / name).to_pylist()])


def parquet(root):
    return ParquetRows.open(root, NAMES)


def stored(root):
    return StoredRows.open(SourceFiles(root, NAMES), Stores(root / "rows"), small_bytes=0, build_after_rows=10**9)


def built(root):
    assert stored(root).build().wait(60)
    return stored(root)


@pytest.mark.parametrize("open_rows", [in_memory, parquet, stored, built])
def test_rows_are_written_as_their_dicts_are(root, expected, open_rows):
    rows = JsonRows(open_rows(root))

    assert len(rows) == COUNT
    assert list(rows) == expected
    assert list(rows) == expected
    assert [rows[index] for index in (0, 59, 30)] == [expected[index] for index in (0, 59, 30)]
    assert rows.read_many([3, 3, 58]) == [expected[index] for index in (3, 3, 58)]
    with pytest.raises(IndexError):
        rows[COUNT]


@pytest.mark.parametrize("open_rows", [in_memory, parquet, built])
def test_some_of_the_rows_in_an_order_of_their_own(root, expected, open_rows):
    rows = JsonRows(open_rows(root), [5, 3, 59, 5])

    assert len(rows) == 4
    assert list(rows) == [expected[index] for index in (5, 3, 59, 5)]
    assert rows[2] == expected[59]


@pytest.mark.parametrize("open_rows", [in_memory, parquet, stored, built])
@pytest.mark.parametrize("served", [None, range(10, 50)])
def test_a_stream_gives_the_json_of_what_its_positions_mean(root, expected, open_rows, served):
    served = served or range(COUNT)
    rows = JsonRows(open_rows(root), served)
    order = Order(len(served), "shuffled", "x")

    with rows.stream(order, start=20, stop=150) as stream:
        found = list(stream)

    assert found == [(position, expected[served[order.locate(position)[1]]]) for position in range(20, 150)]


def test_a_row_without_a_form_is_an_error_where_it_is_its_turn(tmp_path):
    days = pa.array([*range(40), 2_000_000_000, 41], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"n": range(42), "day": days}), tmp_path / "0.parquet", row_group_size=30)
    walk = iter(JsonRows(ParquetRows.open(tmp_path, ["0.parquet"])))

    assert [msgspec.json.decode(next(walk))["n"] for _ in range(40)] == list(range(40))
    with pytest.raises(SourceError, match=r"0\.parquet, row 40: column 'day' holds a value that Python cannot"):
        next(walk)


def test_a_value_that_json_cannot_hold_names_its_row_and_column():
    rows = JsonRows(ListRows([{"a": 1, "b": 2}, {"a": 1, "b": object()}]))
    walk = iter(rows)

    assert next(walk) == b'{"a":1,"b":2}'
    for attempt in (lambda: next(walk), lambda: rows[1]):
        with pytest.raises(SourceError, match="row 1: column 'b' holds a value that JSON cannot"):
            attempt()


def test_a_file_that_is_cut_ends_the_walk_in_its_error_and_no_row_is_wrong(root, expected):
    rows = JsonRows(parquet(root))
    os.truncate(root / "1.parquet", 100)
    found = []

    with pytest.raises(SourceChanged, match=r"1\.parquet"):
        found.extend(rows)
    assert found == expected[:30]


def test_a_store_gives_the_rows_of_a_file_that_is_gone(root, expected):
    rows = JsonRows(built(root))
    assert rows[0] == expected[0]
    os.truncate(root / "1.parquet", 100)

    assert list(rows) == expected


def test_rows_without_end_go_on():
    class Numbers:
        def __len__(self):
            return ENDLESS

        def __getitem__(self, index):
            return {"n": index}

    walk = iter(JsonRows(ListRows(Numbers(), ["n"])))

    assert [next(walk) for _ in range(3)] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


def test_a_walk_that_is_dropped_leaves_no_thread_behind(root, reading_threads):
    walk = iter(JsonRows(parquet(root)))
    next(walk)
    del walk

    assert not reading_threads()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_walk_goes_on_in_a_forked_process(root, expected):
    walk = iter(JsonRows(parquet(root)))
    first = next(walk)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, b"\n".join(walk))
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as stream:
        assert [first, *stream.read().split(b"\n")] == expected


def test_dates_and_numbers_that_are_none_are_as_msgspec_has_them(root):
    assert msgspec.json.decode(JsonRows(parquet(root))[0]) == {
        "id": "task-0",
        "day": str(datetime.date(1970, 1, 1)),
        "turns": [],
        "score": None,
    }
