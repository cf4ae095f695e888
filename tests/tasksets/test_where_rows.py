"""Filters over files: the rows that Python's comparisons choose, from no more blocks than can hold them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.binding import Binding, RowPlace, compile_binding
from openenv_tasksets.loaders.errors import RowError, SelectionError
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.rows import ListRows
from openenv_tasksets.task_declaration import TaskDeclaration
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.where import Where
from openenv_tasksets.where_rows import passing_rows

TASK = {"reset": {"prompt": "q"}, "public": ["level", "topic", "meta.size", "text", "text.size"], "json": ["text"]}
ROWS = [
    {
        "q": f"q{i}",
        "level": i // 10 if i % 7 else None,
        "topic": "abc"[i % 3],
        "meta": {"size": i},
        "text": f'{{"size": {i % 5}}}',
    }
    for i in range(100)
]


class Counting(ParquetRows):
    """Notes the blocks that are read."""

    read: list[tuple[str, int]]

    def column_block(self, name: str, block: int) -> pa.ChunkedArray:
        self.read.append((name, block))
        return super().column_block(name, block)


@pytest.fixture
def rows(tmp_path: Path) -> Counting:
    pq.write_table(pa.Table.from_pylist(ROWS[:60]), tmp_path / "a.parquet", row_group_size=10)
    pq.write_table(pa.Table.from_pylist(ROWS[60:]), tmp_path / "b.parquet", row_group_size=25)
    opened = Counting.open(tmp_path, ["a.parquet", "b.parquet"])
    assert isinstance(opened, Counting)
    opened.read = []
    return opened


def binding_of(columns: Any) -> Binding:
    return compile_binding(TaskDeclaration.from_dict(TASK), columns, "task")


def passing(rows: Any, filters: dict[str, Any]) -> list[int]:
    flags = passing_rows(
        rows,
        binding_of(rows.columns),
        Where.parse(filters),
        lambda row: RowPlace("train", row, rows.location),
        "filter",
    )
    return [int(row) for row in flags.nonzero()[0]]


FILTERS: list[dict[str, Any]] = [
    {"level": 3},
    {"level": {">=": 4, "<": 6}},
    {"level": [2, None]},
    {"level": {"!=": 2}},
    {"topic": ["a", "c"], "level": {"<": 3}},
    {"meta.size": {">": 90}},
    {"text.size": 3, "topic": "b"},
    {"text": {"!=": {"size": 1}}},
    {"level": 100},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_files_and_lists_give_the_same_rows(rows: Counting, filters: dict[str, Any]) -> None:
    where, binding = Where.parse(filters), binding_of(rows.columns)
    place = RowPlace("train", 0, rows.location)
    expected = [i for i, row in enumerate(ROWS) if where.holds(binding.public_values(row, where.columns, place))]
    assert passing(rows, filters) == expected
    assert passing(ListRows(ROWS), filters) == expected


def test_only_blocks_that_can_match_are_read_and_only_the_columns_concerned(rows: Counting) -> None:
    assert passing(rows, {"level": {">=": 7}, "topic": "b"}) == [
        i for i, row in enumerate(ROWS) if (row["level"] or 0) >= 7 and row["topic"] == "b"
    ]
    # Levels 0 to 5 are in the first six row groups; the eighth has levels 8 and 9.
    assert rows.read == [("level", 6), ("level", 7), ("topic", 6), ("topic", 7)]
    rows.read.clear()
    assert passing(rows, {"level": 100}) == []
    assert rows.read == []


def test_values_that_do_not_compare_are_an_error(rows: Counting) -> None:
    with pytest.raises(SelectionError, match=r"cannot compare column 'topic' \(str\) >= 3 \(int\)"):
        passing(rows, {"topic": {">=": 3}})


def test_values_that_cannot_be_read_are_an_error_of_their_row(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([{**ROWS[0], "text": "{"}] * 3)
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(RowError, match="a.parquet, row 0"):
        passing(ParquetRows.open(tmp_path, ["a.parquet"]), {"text.size": 3})


def big_folder(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    rows = {"id": [f"k{i}" for i in range(count)], "q": ["?"] * count, "level": [i % 9 for i in range(count)]}
    pq.write_table(pa.table(rows), folder / "train.parquet", row_group_size=1000)
    (folder / "environment.yaml").write_text(
        "spec_version: hf-rl-env-0.1\n"
        "environments:\n"
        "  - id: sums\n"
        "    task: {id: id, reset: {prompt: q}, visible: [prompt], public: [level]}\n"
        "    frameworks: {openenv: {package: openenv-tasksets, environment: answer}}\n"
    )
    return folder


def test_a_filter_of_many_rows_is_kept_on_disk_for_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept result that says otherwise (put there by hand, whole and sound) is believed: nothing is read again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = big_folder(tmp_path / "tasks", 12_000)
    expected = list(range(3, 12_000, 9))
    assert list(Taskset.from_path(folder)["train"].where(level=3).indices) == expected
    [file] = (tmp_path / "cache/openenv-tasksets/where").iterdir()
    before = file.read_bytes()
    assert list(Taskset.from_path(folder)["train"].where(level=3).indices) == expected
    assert [task.id for task in Taskset.from_path(folder)["train"][100:200].where(level=3)][:2] == ["k102", "k111"]
    assert list(Taskset.from_path(folder)["train"].where(level=4).indices) == list(range(4, 12_000, 9))
    assert len(list(file.parent.iterdir())) == 2
    assert file.read_bytes() == before
    file.write_bytes(b"damaged")
    assert list(Taskset.from_path(folder)["train"].where(level=3).indices) == expected
    assert file.read_bytes() == before


def test_other_content_is_another_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(Taskset.from_path(big_folder(tmp_path / "one", 12_000))["train"].where(level=3)) == 1333
    assert len(Taskset.from_path(big_folder(tmp_path / "two", 12_009))["train"].where(level=3)) == 1334
    assert len(list((tmp_path / "cache/openenv-tasksets/where").iterdir())) == 2


def test_few_rows_leave_nothing_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(Taskset.from_path(big_folder(tmp_path / "tasks", 90))["train"].where(level=3)) == 10
    assert not (tmp_path / "cache").exists()
