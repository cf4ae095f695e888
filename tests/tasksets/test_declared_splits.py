"""Splits that are declared and those that there are files for; what does not fit is told with its line."""

from pathlib import Path

import pytest
from sums_folder import YAML, rows, write_parquet, write_sums

from openenv_tasksets.loaders.errors import DeclarationError
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sums(tmp_path)


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
