"""Conditions as they are typed: read as what the column holds, refused with a reason."""

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

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


TYPED = [
    {
        "question": "?",
        "late": None if day < 3 else day,
        "price": Decimal(f"{day}.50"),
        "day": date(2024, 1, day),
        "at": datetime(2024, 1, day, 12),
        "there": datetime(2024, 1, day, 12, tzinfo=timezone(timedelta(hours=1))),
        "raw": b"x",
        "meta": {"level": day},
        "tags": ["a"],
        "clock": time(day),
    }
    for day in (1, 2, 3, 4)
]
TYPED_TASK = {"reset": {"prompt": "question"}, "public": [*(set(TYPED[0]) - {"question"}), "meta.level"]}


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


@pytest.mark.parametrize(
    ("condition", "indices"),
    [
        ("price=1.50", [0]),
        ("price=2.5,4.5", [1, 3]),
        ("price>=3", [2, 3]),
        ("day=2024-01-03", [2]),
        ("day<2024-01-03", [0, 1]),
        ("at>=2024-01-03", [2, 3]),
        ("at=2024-01-03T12:00", [2]),
        ("there=2024-01-03T12:00", [2]),
        ("there=2024-01-03T11:00Z", [2]),
        ("meta.level>3", [3]),
    ],
)
def test_a_value_is_read_as_what_the_column_holds(make_taskset, condition, indices):
    assert list(narrow(make_taskset(TYPED, TYPED_TASK)["train"], [condition]).indices) == indices


def test_what_a_column_holds_is_told_by_its_first_value_wherever_it_is(make_taskset):
    rows = [{"question": "?", "rating": None if n < 150 else n} for n in range(152)]
    task = {"reset": {"prompt": "question"}, "public": ["rating"]}

    assert list(narrow(make_taskset(rows, task)["train"], ["rating>150"]).indices) == [151]


def test_a_column_without_any_value_passes_nothing(make_taskset):
    rows = [{"question": "?", "rating": None}]
    task = {"reset": {"prompt": "question"}, "public": ["rating"]}

    assert list(narrow(make_taskset(rows, task)["train"], ["rating>1"]).indices) == []


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("price=cheap", "column 'price' holds decimal numbers, not 'cheap'"),
        ("price>nan", "column 'price' holds decimal numbers, not 'nan'"),
        ("day>Monday", "column 'day' holds dates such as 2024-01-01, not 'Monday'"),
        ("at>noon", "column 'at' holds times such as 2024-01-01T12:00:00, not 'noon'"),
        ("at>2024-01-03T11:00Z", "column 'at' holds times such as 2024-01-01T12:00:00, not '2024-01-03T11:00Z'"),
        ("raw=x", "column 'raw' holds values of type bytes, which cannot be compared"),
        ("meta=x", "column 'meta' holds values of type dict, which cannot be compared"),
        ("tags=a", "column 'tags' holds values of type list, which cannot be compared"),
        ("clock>1", "column 'clock' holds values of type time, which cannot be compared"),
    ],
)
def test_a_value_that_is_none_of_the_column_is_refused_with_a_reason(make_taskset, condition, said):
    with pytest.raises(SelectionError) as caught:
        narrow(make_taskset(TYPED, TYPED_TASK)["train"], [condition])
    assert said in str(caught.value)


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
