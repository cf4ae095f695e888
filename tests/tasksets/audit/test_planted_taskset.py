"""Hidden values can be planted in single tasks, and nothing else changes."""

import pytest

from openenv_tasksets.audit.planted_taskset import PlantedTaskset
from openenv_tasksets.loaders.errors import TasksetError

ROWS = {"train": [{"q": f"q{n}", "a": f"a{n}", "unbound": n} for n in range(5)], "test": [{"q": "t", "a": "b"}]}
TASK = {"reset": {"prompt": "q", "answer": "a", "bonus": "q"}, "visible": ["prompt"]}


@pytest.fixture
def original(make_taskset):
    return make_taskset(ROWS, TASK)


def test_it_is_the_original_until_something_is_planted(original):
    planted = PlantedTaskset(original)
    assert list(planted) == list(original)
    for name in original:
        assert list(planted[name]) == list(original[name])
        assert planted.columns(name) == original.columns(name)
        assert planted.split(name).identity == original.split(name).identity
        assert [planted.locate(name, at) for at in range(9)] == [original.locate(name, at) for at in range(9)]
    assert planted.default_split == original.default_split
    assert planted.index_of("train", "train-3") == 3


def test_what_is_planted_is_in_one_task_only_and_gone_afterwards(original):
    planted = PlantedTaskset(original)
    task = original.task("train", 2)
    with planted.planted(task, {"answer": "other"}):
        changed = planted.task("train", 2)
        assert changed.hidden.reveal() == {"answer": "other", "bonus": "q2"}
        assert (changed.visible, changed.id, changed.public) == (task.visible, task.id, task.public)
        assert planted.task("train", 1) == original.task("train", 1)
        assert planted["train"][2] == changed
        (alone,) = planted.with_view(planted["train"].select([2]))["train"]
        assert (alone.index, alone.row, alone.hidden) == (0, 2, changed.hidden)
    assert planted.task("train", 2) == task


def test_a_plant_that_nobody_saw_is_an_error(original):
    planted = PlantedTaskset(original)
    unseen = planted.planted(original.task("train", 2), {"answer": "other"})
    with pytest.raises(TasksetError, match="task 'train-2' was played without the values"), unseen:
        planted.task("train", 1)
