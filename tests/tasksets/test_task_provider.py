"""The Task API over a taskset."""

import pytest

from openenv_tasksets.loaders.errors import SelectionError, SplitNotFound, TaskNotFound
from openenv_tasksets.task_provider import TaskProvider

TASK = {
    "id": "name",
    "reset": {"question": "question", "answer": "answer"},
    "visible": ["question"],
    "public": ["level"],
}


def rows(size):
    return [{"name": f"t{n}", "question": f"q{n}", "answer": "secret", "level": n} for n in range(size)]


@pytest.fixture(scope="module")
def provider(make_taskset):
    taskset = make_taskset(
        {"train": rows(2500), "holdout": rows(3), "none": rows(0)},
        TASK,
        splits={"train": "train", "holdout": "test", "none": "validation"},
    )
    return TaskProvider(taskset)


def spec(split, index):
    return {"level": index, "id": f"t{index}", "split": split, "index": index, "row": index}


def test_splits_have_a_name_and_a_type(provider):
    assert provider.list_splits() == [
        {"name": "train", "type": "train"},
        {"name": "holdout", "type": "test"},
        {"name": "none", "type": "validation"},
    ]


def test_a_spec_has_neither_visible_nor_hidden_values(provider):
    assert provider.get_task("holdout", 2) == spec("holdout", 2)


def test_the_number_of_tasks_is_true_and_the_list_is_a_page(provider):
    assert provider.num_tasks("train") == 2500
    assert provider.list_tasks("train") == [spec("train", index) for index in range(1000)]
    assert provider.list_tasks("holdout") == [spec("holdout", index) for index in range(3)]


@pytest.mark.parametrize(
    ("bounds", "indices"),
    [
        ((), range(3)),
        ((1,), range(1, 3)),
        ((None, 2), range(2)),
        ((1, 2), range(1, 2)),
        ((0, 10**12), range(3)),
        ((2, 1), ()),
        ((3, 3), ()),
        ((10**12,), ()),
        ((0, 0), ()),
    ],
)
def test_a_range_is_cut_at_the_end(provider, bounds, indices):
    assert provider.get_task_range("holdout", *bounds) == [spec("holdout", index) for index in indices]


def test_a_range_may_begin_anywhere(provider):
    assert provider.get_task_range("train", 1500, 2500)[-1] == spec("train", 2499)


@pytest.mark.parametrize(("bounds", "length"), [((), 2500), ((0, 1001), 1001), ((1499,), 1001)])
def test_a_range_longer_than_a_page_is_refused(provider, bounds, length):
    with pytest.raises(SelectionError, match=f"at most 1000 tasks, not {length}; ask for a page at a time"):
        provider.get_task_range("train", *bounds)


@pytest.mark.parametrize("bounds", [(-1,), (0, -1), (-5, -2)])
def test_a_negative_bound_is_no_place(provider, bounds):
    with pytest.raises(TaskNotFound, match="bounds of 0 or more"):
        provider.get_task_range("holdout", *bounds)


@pytest.mark.parametrize("index", [-1, 3, 10**30])
def test_an_index_outside_the_split_is_an_index_error(provider, index):
    with pytest.raises(TaskNotFound, match=rf"no task {index} in split 'holdout'; allowed: \[0, 3\)") as caught:
        provider.get_task("holdout", index)
    assert isinstance(caught.value, IndexError)


def test_an_empty_split_has_no_tasks(provider):
    assert (provider.num_tasks("none"), provider.list_tasks("none")) == (0, [])
    with pytest.raises(TaskNotFound, match="the split is empty"):
        provider.get_task("none", 0)


@pytest.mark.parametrize("call", ["list_tasks", "num_tasks", "get_task_range"])
def test_an_unknown_split_is_named_beside_those_that_exist(provider, call):
    with pytest.raises(SplitNotFound, match="no split 'holdin'; did you mean 'holdout'"):
        getattr(provider, call)("holdin")
