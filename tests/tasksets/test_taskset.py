"""Tasksets from folders and from rows in memory."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub
from sample_taskset import numbered

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.loaders.block_order import BlockOrder
from openenv_tasksets.loaders.errors import (
    DeclarationError,
    RowError,
    SelectionError,
    SourceError,
    SplitNotFound,
    TaskNotFound,
)
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.taskset import Taskset

FIRST_TRAIN_FILE = "data/train-00000-of-00002.parquet"
YAML = """\
spec_version: hf-rl-env-0.1
environments:
  - id: sums
    task:
      id: key
      reset:
        prompt: question
        answer: answer
      visible: [prompt]
      public: [level]
    frameworks:
      openenv: {min_version: ">=0.10.0", package: openenv-tasksets, environment: answer}
"""


def rows(split: str, count: int) -> list[dict[str, Any]]:
    return [
        {"key": f"{split}/{i}", "question": f"{i}+{i}?", "answer": str(2 * i), "level": i % 2} for i in range(count)
    ]


def write_parquet(path: Path, values: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(values), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environment.yaml").write_text(YAML)
    write_parquet(tmp_path / "data/train-00000-of-00002.parquet", rows("train", 6))
    write_parquet(tmp_path / "data/train-00001-of-00002.parquet", rows("train2", 4))
    write_parquet(tmp_path / "data/test-00000-of-00001.parquet", rows("test", 3))
    return tmp_path


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


def test_declared_files_and_split_types(tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text(
        YAML.replace(
            "- id: sums",
            "- id: sums\n    splits: {holdout: test}\n    dataset: {data_files: {holdout: 'a/*.parquet'}}",
        )
    )
    write_parquet(tmp_path / "a/b.parquet", rows("x", 2))
    taskset = Taskset.from_path(tmp_path)
    assert [(split.name, split.type) for split in taskset.splits] == [("holdout", "test")]
    assert taskset.split("holdout").order_kind == "sequential"


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


def test_a_split_without_files_names_those_that_exist_and_its_line(folder: Path) -> None:
    (folder / "environment.yaml").write_text(YAML.replace("- id: sums", "- id: sums\n    splits: [trian, test]"))
    with pytest.raises(DeclarationError) as caught:
        Taskset.from_path(folder)
    (issue,) = caught.value.issues
    assert issue.path == "environments[0].splits[0]"
    assert issue.line == 4
    assert "no rows for split 'trian'; did you mean 'train'?" in issue.message


def test_binding_mistakes_name_file_line_and_split(folder: Path) -> None:
    path = folder / "environment.yaml"
    path.write_text(YAML.replace("prompt: question", "prompt: qestion").replace("[level]", "[levle]"))
    with pytest.raises(DeclarationError) as caught:
        Taskset.from_path(folder).task("test", 0)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{path}:7: environments[0].task.reset.prompt: no column 'qestion'")
    assert "did you mean 'question'?" in lines[0]
    assert "(split 'test')" in lines[0]
    assert lines[1].startswith(f"{path}:10: environments[0].task.public[0]: no column 'levle'")


def test_a_row_that_cannot_be_bound_names_its_file(folder: Path) -> None:
    bad = rows("test", 3)
    bad[2]["key"] = None
    write_parquet(folder / "data/test-00000-of-00001.parquet", bad)
    taskset = Taskset.from_path(folder)
    assert taskset.task("test", 1).id == "test/1"
    with pytest.raises(RowError) as caught:
        taskset.task("test", 2)
    assert caught.value.location == "data/test-00000-of-00001.parquet, row 2"
    assert (caught.value.split, caught.value.row, caught.value.column) == ("test", 2, "key")


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


def test_the_order_depends_on_content_environment_and_seed_but_not_on_names(folder: Path, tmp_path: Path) -> None:
    def walk(taskset: Taskset) -> list[int]:
        return [taskset.locate("train", position)[1] for position in range(10)]

    first = walk(Taskset.from_path(folder))
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "environment.yaml").write_text("# a comment\n" + YAML)
    for number in range(2):
        source = folder / f"data/train-0000{number}-of-00002.parquet"
        (moved / f"train-{number}.parquet").write_bytes(source.read_bytes())
    assert walk(Taskset.from_path(moved)) == first
    assert walk(Taskset.from_path(folder, shuffle_seed=1)) != first
    (moved / "environment.yaml").write_text(YAML.replace("id: sums", "id: other"))
    assert walk(Taskset.from_path(moved)) != first


def test_two_environments_and_none_named_lists_the_choices(tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text(
        YAML + YAML.split("environments:\n")[1].replace("id: sums", "id: others")
    )
    write_parquet(tmp_path / "train.parquet", rows("a", 2))
    with pytest.raises(SelectionError, match="sums.*others"):
        Taskset.from_path(tmp_path)
    assert Taskset.from_path(tmp_path, environment="others").environment.id == "others"


def test_a_split_may_be_ordered_by_blocks(folder: Path) -> None:
    (folder / "environment.yaml").write_text(YAML.replace("      id: key", "      id: key\n      order: blocks"))
    taskset = Taskset.from_path(folder)
    for name in taskset:
        order = taskset.split(name).order
        assert isinstance(order, BlockOrder)
        size = taskset.num_tasks(name)
        assert sorted(taskset.locate(name, position)[1] for position in range(size, 2 * size)) == list(range(size))


def test_an_order_of_a_split_that_only_the_files_could_tell_is_refused(folder: Path) -> None:
    (folder / "environment.yaml").write_text(
        YAML.replace("      id: key", "      id: key\n      order: {tets: shuffled}")
    )
    with pytest.raises(DeclarationError) as caught:
        Taskset.from_path(folder)
    (issue,) = caught.value.issues
    assert (issue.path, issue.line) == ("environments[0].task.order.tets", 6)
    assert issue.message == "no split 'tets'; did you mean 'test'? There are: 'train', 'test'"


def test_a_drafted_block_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text(
        YAML.split("    task:")[0] + "    frameworks:" + YAML.split("    frameworks:")[1]
    )
    write_parquet(tmp_path / "train.parquet", rows("train", 2))
    with pytest.raises(DeclarationError) as caught:
        Taskset.from_path(tmp_path).task("train", 0)
    message = caught.value.issues[0].message
    block = message[message.index("task:\n") :]
    pasted = YAML.split("    task:")[0] + "".join(f"    {line}\n" for line in block.splitlines())
    (tmp_path / "environment.yaml").write_text(pasted + "    frameworks:" + YAML.split("    frameworks:")[1])
    assert Taskset.from_path(tmp_path).task("train", 0).visible == {"prompt": "0+0?"}


def test_what_is_at_hand_is_known_before_it_is_read(folder: Path) -> None:
    taskset = Taskset.from_path(folder)
    assert not taskset.is_hot("train", 0)  # the split is not open
    split = taskset.split("train")
    assert not taskset.is_hot("train", 0)
    taskset.task("train", 0)
    assert taskset.is_hot("train", 0)
    assert taskset.is_hot("train", len(split))  # an error, which needs no row
    assert taskset.is_hot("train", -1)
    assert not split.ids_are_read
    taskset.index_of("train", taskset.task("train", 0).id)
    assert split.ids_are_read


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
