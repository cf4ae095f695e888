"""One row group: decoded a piece at a time, the same rows however they are asked for, and errors that name the row."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.parquet import ParquetRows

ROWS = 9000


@pytest.fixture
def root(tmp_path):
    table = pa.table({"n": range(ROWS), "text": [f"row {n}" for n in range(ROWS)], "a.b": [0] * ROWS})
    pq.write_table(table, tmp_path / "0.parquet", row_group_size=5000)
    return tmp_path


def opened(root, columns=None):
    return ParquetRows.open(root, ["0.parquet"], columns)


def test_pieces_have_all_rows_in_order_converted_or_packed(root):
    rows = opened(root)
    group = rows.groups[1]
    assert (group.rows, group.first_row) == (4000, 5000)

    start = group.first_row
    for piece in group.pieces(rows.form):
        assert piece.count <= group.piece_rows
        assert piece.size > 0
        read = [piece.row(place) for place in range(piece.count)]
        assert read == [{"n": n, "text": f"row {n}", "a.b": 0} for n in range(start, start + piece.count)]
        start += piece.count
    assert start == ROWS


def test_a_packed_piece_shows_its_rows_and_where_they_end(root):
    rows = opened(root)
    piece = next(rows.groups[0].pieces(rows.form)).pack()

    assert len(piece.ends) == piece.count + 1
    assert len(piece.data) == piece.ends[-1] - piece.ends[0]
    assert len(piece.rows) == piece.count
    assert rows.form.unpacker.unpack(piece.rows[7].as_buffer()) == rows[7]
    assert piece.pack() is piece


def test_a_damaged_copy_of_a_column_s_name_in_one_row_group_is_of_no_use_to_anybody(root):
    file = root / "0.parquet"
    content = bytearray(file.read_bytes())
    content[content.rfind(b"text")] = 0x80
    file.write_bytes(content)
    rows = opened(root)

    assert [rows[index]["n"] for index in (0, ROWS - 1)] == [0, ROWS - 1]


def test_rows_of_much_text_come_in_smaller_pieces(tmp_path):
    table = pa.table({"text": [os.urandom(50_000).hex() for _ in range(100)]})
    pq.write_table(table, tmp_path / "0.parquet", use_dictionary=False)
    rows = opened(tmp_path)

    counts = [piece.count for piece in rows.groups[0].pieces(rows.form)]

    assert max(counts) * 100_000 <= 5 << 20
    assert sum(counts) == 100


SHARED = """
import pathlib, sys
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from openenv_tasksets.loaders.parquet import ParquetRows

root, count = pathlib.Path(sys.argv[1]), 4096
text = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array(["long " * 50_000]))
pq.write_table(pa.table({"text": text, "n": range(count)}), root / "0.parquet", store_schema=False)
assert 250_000 < ParquetRows.open(root, ["0.parquet"]).row_bytes() < 300_000
rows = ParquetRows.open(root, ["0.parquet"])
assert [rows[n]["n"] for n in range(0, count, 100)] == list(range(0, count, 100))
assert len(rows[count - 1]["text"]) == 250_000
assert rows.gather(np.array([1, count - 1, 7]), fetch=True).unpack(1, 2)[0]["n"] == count - 1
print(pa.default_memory_pool().max_memory())
"""


def test_a_long_text_that_all_rows_share_is_not_decoded_for_thousands_of_them(tmp_path):
    """In the file it is there once, so the file's size does not tell: decoded, it would be 1 GB."""
    run = subprocess.run([sys.executable, "-c", SHARED, tmp_path], capture_output=True, text=True, check=True)

    assert int(run.stdout) < 300 << 20


def group_of_shared(root, texts, numbers):
    """A row group whose footer says how many texts are null, and nothing of how long they are."""
    column = pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(texts))
    pq.write_table(pa.table({"text": column}), root / "0.parquet", store_schema=False)
    [group] = opened(root).groups
    statistics = group.metadata.row_group(0).column(0).statistics
    assert (statistics.null_count, statistics.has_min_max) == (0, False)
    return group


@pytest.mark.parametrize("clustered", [False, True])
def test_a_dictionary_of_many_short_texts_is_not_taken_for_a_long_one(tmp_path, clustered):
    # One is too long for a footer; then none is in it.
    texts = [f"word{n:07}" for n in range(65_000)] + ["z" * 5000]
    numbers = [n * 7919 % len(texts) for n in range(300_000)]
    group = group_of_shared(tmp_path, texts, sorted(numbers) if clustered else numbers)

    assert group.metadata.row_group(0).column(0).total_uncompressed_size > 1_000_000
    assert group.piece_rows >= 256


@pytest.mark.parametrize("length", [600_000, 4_000_000])
@pytest.mark.parametrize("others", [0, 50])
def test_a_long_text_that_many_share_makes_pieces_small(tmp_path, length, others):
    texts = ["long " * (length // 5), *(f"short {n}" for n in range(others))]
    group = group_of_shared(tmp_path, texts, [n * n * 31 % len(texts) for n in range(4200)])

    assert 1 <= group.piece_rows * length <= 64 << 20


def test_only_the_columns_asked_for_count_and_are_read(root):
    group = opened(root, ["n"]).groups[0]

    assert group.size < opened(root).groups[0].size
    assert [batch.schema.names for batch in group.batches(["a.b", "n"], 5000)] == [["a.b", "n"]]
    assert [batch.num_rows for batch in group.batches([], 3000)] == [3000, 2000]


def test_a_file_that_changes_is_noticed_in_the_middle_of_a_row_group(root):
    rows = opened(root)
    batches = rows.groups[0].batches(["n"], 1000)
    next(batches)
    os.utime(root / "0.parquet", ns=(1, 1))

    with pytest.raises(SourceChanged, match=r"0\.parquet: changed since it was opened"):
        next(batches)


def test_damaged_bytes_name_file_and_row_group(root):
    rows = opened(root)
    chunk = rows.groups[1].metadata.row_group(1).column(1)
    path = root / "0.parquet"
    status = path.stat()
    with path.open("r+b") as stream:
        stream.seek(chunk.dictionary_page_offset or chunk.data_page_offset)
        stream.write(b"\xff" * 200)
    # What neither size nor time tell.
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert rows[4999]["n"] == 4999
    with pytest.raises(SourceError, match=r"0\.parquet: row group 1 cannot be decoded"):
        list(rows.groups[1].batches(["text"], 1000))


@pytest.mark.parametrize("reads", [0, 5])
def test_a_value_without_a_form_names_row_and_column_converted_or_packed(tmp_path, reads):
    days = pa.array([0, 1, 2_000_000_000], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"n": [0, 1, 2], "day": days}), tmp_path / "0.parquet")
    rows = opened(tmp_path)
    piece = next(rows.groups[0].pieces(rows.form))
    for _ in range(reads):
        piece.row(0)

    with pytest.raises(SourceError, match=r"0\.parquet, row 2: column 'day' holds a value that Python cannot"):
        piece.row(2)
