"""Single tasks of a taskset: by id, by position."""

from typing import Any

import pytest
from sample_taskset import numbered

from openenv_tasksets.loaders.errors import RowError, TaskNotFound
from openenv_tasksets.loaders.order import positions

PROMPT = {"reset": {"prompt": "q"}}
WITH_ID = {"id": "id", **PROMPT}


def test_tasks_are_found_by_id_in_one_split_or_in_all(make_taskset: Any) -> None:
    taskset = make_taskset({"train": numbered(3), "test": [{"q": "?", "id": 7}]}, WITH_ID)
    assert taskset.task_by_id("t2").index == 2
    assert taskset.task_by_id("7").split == "test"
    assert taskset.index_of("train", "t1") == 1
    with pytest.raises(TaskNotFound, match="no task with id 't9' in split 'train'; it has 3 tasks, such as 't0'"):
        taskset.task_by_id("t9", "train")
    with pytest.raises(TaskNotFound, match=r"in any split \(train, test\)"):
        taskset.task_by_id("t9")


def test_ids_made_of_split_and_row_need_no_index(make_taskset: Any) -> None:
    taskset = make_taskset(numbered(12), PROMPT)
    assert taskset.task_by_id("train-11").index == 11
    for wrong in ("train-12", "train-01", "test-1", "train-", "train--1", "train-¹", "1"):
        with pytest.raises(TaskNotFound):
            taskset.task_by_id(wrong)


def test_two_rows_of_one_id_are_an_error_that_names_both(make_taskset: Any) -> None:
    taskset = make_taskset([{"q": 1, "id": "a"}, {"q": 2, "id": "b"}, {"q": 3, "id": "a"}], WITH_ID)
    with pytest.raises(RowError, match=r"row 2.*id 'a' is also the id of row 0"):
        taskset.task_by_id("b")


def test_positions_walk_every_task_once_an_epoch_in_a_new_order_each_time(make_taskset: Any) -> None:
    taskset = make_taskset(numbered(20), PROMPT)
    walk = [taskset.locate("train", position) for position in range(60)]
    assert [epoch for epoch, _ in walk] == [0] * 20 + [1] * 20 + [2] * 20
    epochs = [[index for _, index in walk[start : start + 20]] for start in (0, 20, 40)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    stream = taskset.positions(5, shard_index=1, shard_count=3)
    assert [next(stream) for _ in range(3)] == [7, 10, 13]
    assert list(positions(0, shard_index=0, shard_count=2, stop=5)) == [0, 2, 4]


def test_a_sequential_split_is_walked_in_order(make_taskset: Any) -> None:
    taskset = make_taskset({"test": numbered(3)}, PROMPT)
    assert [taskset.locate("test", position) for position in range(4)] == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_an_empty_split_has_no_positions(make_taskset: Any) -> None:
    with pytest.raises(TaskNotFound, match="split 'train' has no tasks, so it has no positions"):
        make_taskset([], PROMPT).locate("train", 0)
