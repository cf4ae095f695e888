"""``tasksets cache``: what is kept, whether it is whole, and away with it; and the limit on it."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.store import ROWS
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores
from openenv_tasksets.where_index import index_folder, index_name, kept_filters, kept_rows


@pytest.fixture
def stores(tmp_path, monkeypatch):
    """Two stores in a cache of their own; ``a`` was used last."""
    monkeypatch.setenv("OPENENV_TASKSETS_CACHE", str(tmp_path / "cache"))
    stores = Stores.default()
    for name in "ba":
        pq.write_table(pa.table({"n": range(100), "secret": [f"{n:09}" for n in range(100)]}), tmp_path / name)
        rows = StoredRows.open(SourceFiles(tmp_path, [name]), stores, small_bytes=0).project(["n", "secret"])
        assert rows.build().wait(60)
    return {each.head.files[0]: each for each in stores}


def lines(result):
    return [json.loads(line) for line in result.out.splitlines()]


def test_list_says_what_there_is(tasksets, stores):
    result = tasksets("cache", "list", "--json")

    assert result.code == 0
    assert {line["name"] for line in lines(result)} == {each.name for each in stores.values()}
    [line] = [line for line in lines(result) if line["files"] == ["a"]]
    assert line.pop("used").endswith("+00:00")
    assert line == {
        "name": stores["a"].name,
        "bytes": stores["a"].size,
        "rows": 100,
        "of": 100,
        "columns": ["n", "secret"],
        "files": ["a"],
    }
    assert result.err.startswith("2 row stores, ")
    assert result.err.endswith("limit: 20.0 GiB\n")
    table = tasksets("cache", "list")
    assert all(each.name in table.out for each in stores.values())


def test_verify_finds_damage_and_shows_no_value(tasksets, stores):
    assert tasksets("cache", "verify").code == 0
    [path] = stores["a"].folder.glob(f"*{ROWS}")
    content = bytearray(path.read_bytes())
    content[content.index(b"000000042")] = ord("1")
    path.write_bytes(content)

    result = tasksets("cache", "verify", "--json")

    assert result.code == 1
    assert {line["files"][0]: line["damaged"] for line in lines(result)} == {"a": 1, "b": 0}
    assert "tasksets cache clear NAME" in result.err
    assert "000042" not in result.out + result.err
    assert tasksets("cache", "verify", stores["b"].name).code == 0


def test_clear_removes_those_that_are_named_or_all(tasksets, stores):
    assert tasksets("cache", "clear", stores["a"].name).err.startswith("1 row stores removed, ")
    assert [line["files"] for line in lines(tasksets("cache", "list", "--json"))] == [["b"]]
    assert tasksets("cache", "clear").code == 0
    assert lines(tasksets("cache", "list", "--json")) == []
    assert tasksets("cache", "verify").err.startswith("0 row stores read, 0 bytes, ")


@pytest.fixture
def kept(stores):
    """A filter's result beside them."""
    kept_rows(index_folder(), index_name(["a"]), 20, lambda: np.arange(20) % 2 == 0)
    [kept] = kept_filters()
    return kept


def test_filters_are_listed_verified_and_cleared_too(tasksets, kept):
    [line] = [line for line in lines(tasksets("cache", "list", "--json")) if line["name"] == kept.name]
    assert (line["bytes"], line["rows"], line["of"]) == (kept.size, 20, 20)
    assert tasksets("cache", "list").err.startswith("2 row stores and 1 filters, ")
    assert tasksets("cache", "verify").code == 0

    kept.path.write_bytes(kept.path.read_bytes()[:-1])
    found = tasksets("cache", "verify", "--json")
    assert found.code == 1
    assert {line["name"]: line["damaged"] for line in lines(found)}[kept.name] == 1

    assert tasksets("cache", "clear", kept.name).code == 0
    assert not kept.path.exists()
    assert len(lines(tasksets("cache", "list", "--json"))) == 2


def test_a_name_that_there_is_not_is_an_error(tasksets, stores):
    result = tasksets("cache", "clear", "nope")

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("no row store or filter 'nope'. There are: ")
    assert len(lines(tasksets("cache", "list", "--json"))) == 2


def test_a_limit_that_is_none_is_a_mistake_on_the_command_line(tasksets, taskset):
    result = tasksets("run", taskset, "--policy", "x:y", "--cache-limit", "much")

    assert result.code == 2
    assert "'much' is not a size such as 500M" in " ".join(result.err.split())
