"""A folder becomes a taskset: by the declaration in it, and the files beside it, elsewhere or on the Hub."""

import json
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub
from sums_folder import FIRST_TRAIN_FILE, YAML, rows, write_parquet, write_sums

from openenv_tasksets.loaders.errors import SelectionError, SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sums(tmp_path)


def test_a_folder_of_parquet_is_a_taskset(folder: Path) -> None:
    taskset = Taskset.from_path(folder)
    assert sorted(taskset) == ["test", "train"]
    assert {split.name: split.type for split in taskset.splits} == {"train": "train", "test": "test"}
    assert taskset.num_tasks("train") == 10
    task = taskset.task("train", 7)
    assert (task.id, task.split, task.index, task.row) == ("train2/1", "train", 7, 7)
    assert task.arguments() == {"prompt": "1+1?", "answer": "2"}
    assert len(taskset["test"]) == 3
    assert "sums" in repr(taskset)


def test_the_declaration_file_itself_may_be_named(folder: Path) -> None:
    assert Taskset.from_path(folder / "environment.yaml").num_tasks("test") == 3


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_json_lines_and_csv_are_rows_too(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "environment.yaml").write_text(YAML)
    values = rows("t", 5)
    if suffix == "jsonl":
        text = "".join(json.dumps(row) + "\n" for row in values)
    else:
        lines = [",".join(str(value) for value in row.values()) for row in values]
        text = "\n".join([",".join(values[0]), *lines]) + "\n"
    (tmp_path / f"train.{suffix}").write_text(text)
    taskset = Taskset.from_path(tmp_path)
    assert [task.id for task in taskset["train"]] == [f"t/{i}" for i in range(5)]
    assert taskset.task("train", 4).public == {"level": 0}


def test_a_config_is_chosen_by_the_declaration(tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text(YAML.replace("- id: sums", "- id: sums\n    config_name: hard"))
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: easy\n  data_files: easy/*.parquet\n"
        "- config_name: hard\n  data_files:\n  - {split: test, path: hard/*.parquet}\n---\n"
    )
    write_parquet(tmp_path / "easy/a.parquet", rows("easy", 2))
    write_parquet(tmp_path / "hard/a.parquet", rows("hard", 5))
    taskset = Taskset.from_path(tmp_path)
    assert list(taskset) == ["test"]
    assert taskset.task("test", 0).id == "hard/0"


def test_a_folder_with_only_a_declaration_binds_somebody_elses_files(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "environment.yaml").write_text(YAML.replace("- id: sums", "- id: sums\n    dataset: {repo_id: acme/sums}"))
    with LoopbackHub() as server:
        server.create_repo("acme/sums")
        server.commit(
            "acme/sums", {"data/train-00000-of-00001.parquet": folder.joinpath(FIRST_TRAIN_FILE).read_bytes()}
        )
        hub = Hub(server.endpoint, server.token, tmp_path / "cache")
        taskset = Taskset.from_path(own, hub=hub)
        assert [task.id for task in taskset["train"]] == [f"train/{i}" for i in range(6)]
        assert taskset.reference is None
        server.reset_log()
        assert Taskset.from_path(own, data_dir=folder, hub=hub).num_tasks("train") == 10
        assert server.requests == []
    with pytest.raises(SourceError, match="is not a folder"):
        Taskset.from_path(own, data_dir=tmp_path / "missing")


def test_two_environments_and_none_named_lists_the_choices(tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text(
        YAML + YAML.split("environments:\n")[1].replace("id: sums", "id: others")
    )
    write_parquet(tmp_path / "train.parquet", rows("a", 2))
    with pytest.raises(SelectionError, match="sums.*others"):
        Taskset.from_path(tmp_path)
    assert Taskset.from_path(tmp_path, environment="others").environment.id == "others"
