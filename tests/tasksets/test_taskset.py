"""Tasksets from folders and from rows in memory."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sample_taskset import numbered
from sums_folder import FIRST_TRAIN_FILE, write_parquet, write_sums

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.loaders.errors import (
    DeclarationError,
    SelectionError,
    SourceError,
    SplitNotFound,
    TaskNotFound,
)
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sums(tmp_path)


def test_the_first_row_loads_no_checking_library_and_with_a_store_no_pyarrow(folder: Path, tmp_path: Path) -> None:
    long = [{"key": str(i), "question": os.urandom(2000).hex(), "answer": "a", "level": 0} for i in range(5000)]
    write_parquet(folder / FIRST_TRAIN_FILE, long)
    program = (
        "import sys, openenv_tasksets; taskset = openenv_tasksets.Taskset.from_path(sys.argv[1]);"
        "assert taskset['train'][1].id == '1'; "
        "loaded = {'pyarrow', 'pyarrow.fs', 'pydantic', 'typer'} & set(sys.modules);"
        "print(*loaded); builder = taskset.split('train').rows.build(); assert builder is None or builder.wait()"
    )

    def loaded() -> list[str]:
        command = [sys.executable, "-c", program, str(folder)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60, env=environment
        ).stdout.split()

    assert loaded() == ["pyarrow"]
    assert loaded() == []


def declaration(task: dict[str, Any] | None = None, **environment: Any) -> Declaration:
    return Declaration.from_dict(
        {
            "spec_version": "hf-rl-env-0.1",
            "environments": [
                {
                    "id": "sums",
                    "task": {"reset": {"prompt": "q"}, **(task or {})},
                    "frameworks": {"openenv": {"min_version": ">=0.10.0", "package": "p"}},
                    **environment,
                }
            ],
        }
    )


def test_rows_in_memory_become_the_first_declared_split_or_train() -> None:
    assert list(Taskset.from_rows(numbered(2), declaration())) == ["train"]
    assert list(Taskset.from_rows(numbered(2), declaration(splits=["test"]))) == ["test"]
    taskset = Taskset.from_rows({"a": numbered(2), "b": numbered(3)}, declaration())
    assert [taskset.num_tasks(name) for name in taskset] == [2, 3]
    with pytest.raises(DeclarationError, match="no rows for split 'b'"):
        Taskset.from_rows({"a": numbered(2)}, declaration(splits=["a", "b"]))


def test_the_default_split_is_the_one_asked_for_else_train_else_the_first() -> None:
    rows = {"test": numbered(1), "train": numbered(1)}
    assert Taskset.from_rows(rows, declaration()).default_split == "train"
    assert Taskset.from_rows(rows, declaration(), split="test").default_split == "test"
    assert Taskset.from_rows({"b": numbered(1), "a": numbered(1)}, declaration()).default_split == "b"
    with pytest.raises(SplitNotFound, match="no split 'tset'; did you mean 'test'?"):
        Taskset.from_rows(rows, declaration(), split="tset")


def test_unknown_splits_are_key_errors_and_unknown_indices_index_errors() -> None:
    taskset = Taskset.from_rows(numbered(3), declaration())
    with pytest.raises(KeyError, match="no split 'test'"):
        taskset["test"]
    for index in (3, -1, 10**30):
        with pytest.raises(IndexError, match=r"no task .* in split 'train'; allowed: \[0, 3\)"):
            taskset.task("train", index)
    with pytest.raises(SelectionError, match="index is a whole number, not True"):
        taskset.task("train", True)
    with pytest.raises(TaskNotFound, match="the split is empty"):
        Taskset.from_rows([], declaration()).task("train", 0)


def test_a_served_view_numbers_anew_and_keeps_rows() -> None:
    whole = Taskset.from_rows([{"q": i, "level": i % 2} for i in range(10)], declaration({"public": ["level"]}))
    served = whole.with_view(whole["train"].where(level=1))
    assert served.num_tasks("train") == 5
    task = served.task("train", 2)
    assert (task.index, task.row, task.id) == (2, 5, "train-5")
    assert served.task_by_id("train-5").index == 2
    odd = whole.with_view(whole["train"].shard(1, 2))
    assert odd.task_by_id("train-5").index == 2
    with pytest.raises(TaskNotFound):
        odd.task_by_id("train-4")
    with pytest.raises(TaskNotFound):
        served.task_by_id("train-4")
    assert whole.num_tasks("train") == 10
    again = served.with_view(served["train"].where(level=1).take(2))
    assert [each.row for each in again["train"]] == [1, 3]
    assert len({t.split("train").identity for t in (whole, served, again)}) == 3


def test_a_dataset_of_datasets_is_bound():
    from datasets import Dataset, DatasetDict

    dataset = Dataset.from_list(numbered(3))
    one = Taskset.from_dataset(dataset, declaration())
    both = Taskset.from_dataset(DatasetDict(b=dataset, a=dataset.select([2])), declaration())

    assert list(one) == ["train"]
    assert [one.task("train", n) for n in range(3)] == list(Taskset.from_rows(numbered(3), declaration())["train"])
    assert [(split, len(both[split])) for split in both] == [("b", 3), ("a", 1)]
    assert one.split().identity == Taskset.from_dataset(Dataset.from_list(numbered(3)), declaration()).split().identity
    assert pickle.loads(pickle.dumps(one)).task("train", 1) == one.task("train", 1)
    with pytest.raises(SourceError, match="a stream has no random access"):
        Taskset.from_dataset(dataset.to_iterable_dataset(), declaration())
