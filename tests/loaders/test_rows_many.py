"""What all row sources answer alike: several rows at once, their blocks, and whether a row can be had at once."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.load import open_rows
from openenv_tasksets.loaders.rows import ListRows

ROWS = [{"n": number, "text": f"row {number}"} for number in range(2500)]
INDICES = [2499, 0, 7, 7, 1000, 999]


def write_parquet(path):
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=1000)


def write_lines(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


def write_csv(path):
    path.write_text("n,text\n" + "".join(f"{row['n']},{row['text']}\n" for row in ROWS))


WRITERS = {"rows.parquet": write_parquet, "rows.jsonl": write_lines, "rows.csv": write_csv}


@pytest.fixture(params=["memory", *WRITERS])
def rows(request, tmp_path):
    if request.param == "memory":
        return ListRows(ROWS)
    WRITERS[request.param](tmp_path / request.param)
    return open_rows(tmp_path, [request.param])


def test_several_rows_are_those_read_one_by_one_in_the_order_given(rows):
    assert rows.read_many(INDICES) == [ROWS[index] for index in INDICES]
    assert rows.project(["text"]).read_many([1]) == [{"text": "row 1"}]
    assert rows.read_many([]) == []
    with pytest.raises(IndexError):
        rows.read_many([0, 2500])


def test_blocks_start_at_row_0_and_ascend(rows):
    assert list(rows.block_starts) == [0, 1000, 2000]


def test_a_row_group_is_hot_once_it_is_decoded(tmp_path):
    write_parquet(tmp_path / "rows.parquet")
    rows = open_rows(tmp_path, ["rows.parquet"])

    assert not rows.is_hot(0)
    assert rows[5]["n"] == 5
    assert rows.is_hot(0)
    assert not rows.is_hot(1000)


def test_rows_in_memory_are_hot_and_rows_in_files_are_not(tmp_path):
    write_lines(tmp_path / "rows.jsonl")
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress((tmp_path / "rows.jsonl").read_bytes()))

    assert ListRows(ROWS).is_hot(0)
    assert open_rows(tmp_path, ["packed.jsonl.gz"]).is_hot(0)
    assert not open_rows(tmp_path, ["rows.jsonl"]).is_hot(0)
