"""Conditions as they are typed: read as what the column holds, refused with a reason."""

import pytest

from openenv_tasksets.cli.where_option import narrow, narrow_all
from openenv_tasksets.loaders.errors import SelectionError

ROWS = [
    {"question": "?", "level": level, "topic": topic, "rating": rating, "checked": checked}
    for level, topic, rating, checked in [
        (1, "algebra", 0.5, True),
        (2, "geometry", None, False),
        (3, "sets, groups", 1.5, True),
        (10, "algebra", 2.0, False),
    ]
]
TASK = {"reset": {"prompt": "question"}, "public": ["level", "topic", "rating", "checked"]}


@pytest.fixture
def taskset(make_taskset):
    return make_taskset({"train": ROWS, "test": ROWS[:2]}, TASK)


@pytest.mark.parametrize(
    ("condition", "indices"),
    [
        ("level=10", [3]),
        ("level==10", [3]),
        ("level!=10", [0, 1, 2]),
        ("level<3", [0, 1]),
        ("level<=3", [0, 1, 2]),
        ("level>3", [3]),
        ("level>=3", [2, 3]),
        ("level >= 2.5", [2, 3]),
        ("level=1,10", [0, 3]),
        ("topic=algebra", [0, 3]),
        ("topic=algebra,geometry", [0, 1, 3]),
        ('topic="sets, groups"', [2]),
        ("topic>b", [1, 2]),
        ("rating>1", [2, 3]),
        ("checked=true", [0, 2]),
        ("checked=False", [1, 3]),
        ("level=7", []),
        ("topic=", []),
    ],
)
def test_a_condition_keeps_the_tasks_that_pass(taskset, condition, indices):
    assert list(narrow(taskset["train"], [condition]).indices) == indices


def test_all_of_several_conditions_must_pass(taskset):
    assert list(narrow(taskset["train"], ["level>1", "level<10", "topic!=geometry"]).indices) == [2]


def test_the_order_of_the_conditions_does_not_change_what_the_view_is(taskset):
    one = narrow(taskset["train"], ["level>1", "level<10"])
    other = narrow(taskset["train"], ["level<10", "level>1", "level>1"])

    assert one.identity == other.identity


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("level", "--where 'level': write a column, one of = != < <= > >=, and a value"),
        (">3", "write a column"),
        ("levle>3", "'levle' is not public; did you mean 'level'?"),
        ("question=x", "'question' is not public"),
        ("level>three", "column 'level' holds numbers, not 'three'"),
        ("checked=1", "column 'checked' holds true and false, not '1'"),
        ("level>1,2", "only '=' takes several values"),
        ("topic=a\nb", "--where 'topic=a\\nb': new-line character"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused_with_a_reason(taskset, condition, said):
    with pytest.raises(SelectionError) as caught:
        narrow(taskset["train"], [condition])
    assert said in str(caught.value)


def test_every_split_is_narrowed_and_numbered_anew(taskset):
    narrowed = narrow_all(taskset, ["topic=geometry"])

    assert {name: narrowed.num_tasks(name) for name in narrowed} == {"train": 1, "test": 1}
    assert narrowed.task("train", 0).row == 1


def test_without_conditions_a_taskset_stays_as_it_is(taskset):
    assert narrow_all(taskset, []) is taskset


def test_a_default_split_that_would_be_empty_is_refused(taskset):
    with pytest.raises(SelectionError, match="no task of split 'train' passes level>99"):
        narrow_all(taskset, ["level>99"])


def test_another_split_may_become_empty(taskset):
    narrowed = narrow_all(taskset, ["level=10"])

    assert {name: narrowed.num_tasks(name) for name in narrowed} == {"train": 1, "test": 0}
