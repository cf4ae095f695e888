"""Tasksets as tables of the datasets library."""

import traceback
from typing import Any

import datasets
import pytest

from openenv_tasksets.loaders.errors import SelectionError, SourceError

ROWS = [
    {"id": f"k{i}", "q": f"{i}+{i}?", "a": str(2 * i), "chat": [{"role": "user", "text": "x" * i, "name": None}]}
    for i in range(2500)
]
TASK = {"id": "id", "reset": {"prompt": "q", "chat": "chat", "answer": "a"}, "visible": ["prompt", "chat"]}


def test_row_p_is_the_task_at_position_p(make_taskset: Any) -> None:
    taskset = make_taskset(ROWS, TASK)
    table = taskset.to_hf()
    assert isinstance(table, datasets.Dataset)
    assert table.column_names == ["prompt", "chat", "split", "index", "task_id", "seed"]
    assert len(table) == len(ROWS)
    assert table["seed"][:] == list(range(len(ROWS)))
    assert table["index"][:] == [taskset.locate("train", position)[1] for position in range(len(ROWS))]
    for row in table.select(range(50)):
        task = taskset.task(row["split"], row["index"])
        assert (row["task_id"], row["prompt"], row["chat"]) == (task.id, task.visible["prompt"], task.visible["chat"])
    assert len(table.filter(lambda row: row["index"] < 5).shuffle(seed=1)) == 5


def test_no_hidden_value_is_in_it_unless_it_is_named(make_taskset: Any) -> None:
    taskset = make_taskset(ROWS[:10], TASK)
    assert "answer" not in taskset.to_hf().column_names
    table = taskset.to_hf(hidden=["answer"])
    assert [row["answer"] for row in table] == [str(2 * row["index"]) for row in table]
    with pytest.raises(SelectionError, match="no hidden argument 'gold'"):
        taskset.to_hf(hidden=["gold"])


def test_more_than_an_epoch_and_less_can_be_asked_for(make_taskset: Any) -> None:
    taskset = make_taskset(ROWS[:10], TASK)
    assert sorted(taskset.to_hf(stop=20)["index"]) == sorted([*range(10), *range(10)])
    assert len(taskset.to_hf(stop=3)) == 3


def test_fields_that_only_later_rows_have_are_null_before(make_taskset: Any) -> None:
    rows = [{"meta": {"level": 1}} if i < 1500 else {"meta": {"level": 2, "topic": "algebra"}} for i in range(1600)]
    task = {"reset": {"meta": "meta"}, "visible": ["meta"], "order": "sequential"}
    table = make_taskset(rows, task).to_hf()
    assert table[0]["meta"] == {"level": 1, "topic": None}
    assert table[1599]["meta"] == {"level": 2, "topic": "algebra"}


def test_images_stay_images(make_taskset: Any) -> None:
    from PIL import Image

    rows = [{"picture": Image.new("RGB", (2, 2), (i, 0, 0))} for i in range(3)]
    task = {"reset": {"picture": "picture"}, "visible": ["picture"], "order": "sequential"}
    table = make_taskset(rows, task).to_hf()
    assert [row["picture"].getpixel((0, 0)) for row in table] == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]


def test_integers_that_only_unsigned_ones_hold_are_those(make_taskset: Any) -> None:
    rows = [{"q": f"{n}", "id": 2**64 - 1 - n if n % 2 else None} for n in range(1100)]
    task = {"reset": {"q": "q", "id": "id"}, "visible": ["q", "id"], "order": "sequential"}
    table = make_taskset(rows, task).to_hf()
    assert list(table["id"]) == [row["id"] for row in rows]
    assert list(table["q"]) == [row["q"] for row in rows]


@pytest.mark.parametrize("other", [1.5, True, -1, "1", 2**64])
def test_what_goes_with_no_unsigned_integer_is_refused(make_taskset: Any, other: Any) -> None:
    rows = [{"id": 2**64 - 1}, {"id": other}]
    taskset = make_taskset(rows, {"reset": {"id": "id"}, "visible": ["id"]})
    with pytest.raises(SourceError, match="argument 'id' holds values of types that do not go together"):
        taskset.to_hf()


@pytest.mark.parametrize("place", [3, 1500])
def test_one_large_integer_is_as_welcome_wherever_it_is(make_taskset: Any, place: int) -> None:
    rows = [{"id": 2**63 + 5 if n == place else n} for n in range(1501)]
    table = make_taskset(rows, {"reset": {"id": "id"}, "visible": ["id"], "order": "sequential"}).to_hf()
    assert list(table["id"]) == [row["id"] for row in rows]


@pytest.mark.parametrize("other", [-1, 1.5, True, "1"])
@pytest.mark.parametrize("count", [500, 1000])
def test_what_goes_with_no_large_integer_is_refused_wherever_it_is(make_taskset: Any, count: int, other: Any) -> None:
    rows = [{"q": "x", "a": other if n < count else 2**63 + 5} for n in range(1500)]
    taskset = make_taskset(rows, {"reset": {"q": "q", "a": "a"}, "visible": ["q"], "order": "sequential"})
    with pytest.raises(SourceError, match="argument 'a' holds values of types that do not go together") as caught:
        taskset.to_hf(hidden=["a"])
    assert str(2**63 + 5) not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("place", [1, 1500])
def test_values_of_no_one_type_are_refused_without_being_shown(make_taskset: Any, place: int) -> None:
    rows: list[dict[str, Any]] = [{"q": "x", "a": 4711} for _ in range(1600)]
    rows[place]["a"] = {"secret": "4712"}
    taskset = make_taskset(rows, {"reset": {"q": "q", "a": "a"}, "visible": ["q"], "order": "sequential"})
    with pytest.raises(SourceError, match="argument 'a' holds values of types that do not go together") as caught:
        taskset.to_hf(hidden=["a"])
    assert "471" not in "".join(traceback.format_exception(caught.value, limit=0))
