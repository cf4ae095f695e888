"""A split: its rows bound, in an order of its own."""

from pathlib import Path

import pytest
from sums_folder import YAML, rows, write_parquet, write_sums

from openenv_tasksets.loaders.block_order import BlockOrder
from openenv_tasksets.loaders.errors import RowError
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sums(tmp_path)


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


def test_a_split_may_be_ordered_by_blocks(folder: Path) -> None:
    (folder / "environment.yaml").write_text(YAML.replace("      id: key", "      id: key\n      order: blocks"))
    taskset = Taskset.from_path(folder)
    for name in taskset:
        order = taskset.split(name).order
        assert isinstance(order, BlockOrder)
        size = taskset.num_tasks(name)
        assert sorted(taskset.locate(name, position)[1] for position in range(size, 2 * size)) == list(range(size))


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
