"""Views: narrowed, reordered, lazy, and never renumbered."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.view import TaskView

TASK = {"reset": {"prompt": "q"}, "visible": ["prompt"], "public": ["level", "topic"]}
DECLARATION = Declaration.from_dict(
    {
        "spec_version": "hf-rl-env-0.1",
        "environments": [
            {
                "id": "tasks",
                "task": TASK,
                "frameworks": {"openenv": {"min_version": ">=0.10.0", "package": "p", "environment": "answer"}},
            }
        ],
    }
)


def view_of(count: int) -> TaskView:
    rows = [{"q": str(i), "level": i % 3, "topic": "ab"[i % 2]} for i in range(count)]
    return Taskset.from_rows(rows, DECLARATION)["train"]


def indices(view: TaskView) -> list[int]:
    listed = [task.index for task in view]
    assert listed == [view[place].index for place in range(len(view))] == list(view.indices)
    return listed


@pytest.fixture
def view() -> TaskView:
    return view_of(10)


def test_a_view_is_a_sequence_of_tasks(view: TaskView) -> None:
    assert len(view) == 10
    assert view[3].visible == {"prompt": "3"}
    assert view[-1].index == 9
    for beyond in (view, view.shuffle(seed=1), view.select(range(10))):
        with pytest.raises(IndexError, match=r"no place 10 in a view of 10 tasks; allowed: \[0, 10\)"):
            beyond[10]
    assert "10 of 10 tasks of split 'train'" in repr(view)


NARROWINGS: list[tuple[Callable[[TaskView], TaskView], list[int]]] = [
    (lambda v: v[2:5], [2, 3, 4]),
    (lambda v: v[::-3], [9, 6, 3, 0]),
    (lambda v: v[8:100], [8, 9]),
    (lambda v: v.take(3), [0, 1, 2]),
    (lambda v: v.take(99), list(range(10))),
    (lambda v: v.take(0), []),
    (lambda v: v.shard(1, 4), [1, 5, 9]),
    (lambda v: v.shard(3, 4), [3, 7]),
    (lambda v: v.select([7, 7, 0]), [7, 7, 0]),
    (lambda v: v.where(level=2), [2, 5, 8]),
    (lambda v: v.where({"level": {">=": 1}, "topic": "a"}), [2, 4, 8]),
    (lambda v: v.where(level=1).take(2), [1, 4]),
    (lambda v: v[2:].shard(0, 3)[1:], [5, 8]),
    (lambda v: v.select([5, 4, 3]).where(topic="b"), [5, 3]),
    (lambda v: v.select([5, 4, 3])[1:][0:1], [4]),
]


@pytest.mark.parametrize(("narrow", "expected"), NARROWINGS)
def test_narrowing_keeps_each_tasks_index(
    view: TaskView, narrow: Callable[[TaskView], TaskView], expected: list[int]
) -> None:
    assert indices(narrow(view)) == expected


def test_shuffle_is_a_permutation_that_the_seed_determines(view: TaskView) -> None:
    shuffled = indices(view.shuffle(1))
    assert sorted(shuffled) == list(range(10))
    assert shuffled == indices(view_of(10).shuffle(1))
    assert shuffled != indices(view.shuffle(2))
    assert shuffled != list(range(10))


def test_a_shuffled_view_can_be_sliced_and_sharded_without_being_made(view: TaskView) -> None:
    shuffled = indices(view.shuffle(1))
    assert indices(view.shuffle(1)[3:7]) == shuffled[3:7]
    assert indices(view.shuffle(1).shard(1, 3)) == shuffled[1::3]
    assert indices(view.shuffle(1)[::-1][2:4]) == shuffled[::-1][2:4]


def test_shuffling_an_empty_view_is_an_empty_view(view: TaskView) -> None:
    assert indices(view.take(0).shuffle(3)) == []


def test_a_huge_view_costs_nothing() -> None:
    class Huge:
        def __len__(self) -> int:
            return 2**40

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"q": str(index), "level": 0, "topic": "a"}

    view = Taskset.from_rows(Huge(), DECLARATION, split="train")["train"]
    assert len(view) == 2**40
    assert view[2**39].visible == {"prompt": str(2**39)}
    assert len(view[10:].shard(3, 7)[5:]) == len(range(2**40)[10:][3::7][5:])


@given(
    st.integers(0, 40),
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.integers(1, 7).flatmap(lambda s: st.sampled_from([s, -s])),
    st.integers(1, 5),
)
def test_slices_and_shards_compose_as_lists_do(count: int, start: int, stop: int, step: int, shards: int) -> None:
    view = view_of(count)
    expected = list(range(count))[start:stop:step]
    assert list(view[start:stop:step].indices) == expected
    for shard in range(shards):
        assert list(view[start:stop:step].shard(shard, shards).indices) == expected[shard::shards]


@given(st.integers(0, 30), st.integers(1, 8), st.sampled_from(["short", "pad", "drop"]))
def test_a_finite_pass_gives_every_task_once_but_for_flagged_pads_and_dropped_rests(
    count: int, shards: int, tail: Any
) -> None:
    view = view_of(count)
    passes = [view.finite_pass(shard_index=i, shard_count=shards, tail=tail) for i in range(shards)]
    entries = [entry for each in passes for entry in each]
    real = sorted(entry.task.index for entry in entries if not entry.pad)
    lengths = {len(each) for each in passes}
    if tail == "short":
        assert real == list(range(count))
        assert max(lengths) - min(lengths) <= 1
        assert not any(entry.pad for entry in entries)
    elif tail == "pad":
        assert real == list(range(count))
        assert len(lengths) == 1
        assert sum(entry.pad for entry in entries) == -count % shards
    else:
        assert real == list(range(count - count % shards))
        assert len(lengths) == 1
        assert not any(entry.pad for entry in entries)
    for shard, each in enumerate(passes):
        assert [e.task.index for e in each if not e.pad] == list(range(shard, count, shards))[: len(each)]


def test_a_finite_pass_ends_and_can_be_indexed(view: TaskView) -> None:
    finite = view.finite_pass(shard_index=2, shard_count=4, tail="pad")
    assert [(entry.task.index, entry.pad) for entry in finite] == [(2, False), (6, False), (0, True)]
    assert finite[-1].pad
    assert [entry.task.index for entry in finite[:2]] == [2, 6]
    with pytest.raises(IndexError):
        finite[3]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda v: v.take(-1), "take needs a count of 0 or more, not -1"),
        (lambda v: v.shard(4, 4), "shard 4 of 4 does not exist"),
        (lambda v: v.shard(0, 0), "shard 0 of 0 does not exist"),
        (lambda v: v.select([10]), r"no place 10 in a view of 10 tasks; allowed: \[0, 10\)"),
        (lambda v: v.select([-1]), "no place -1"),
        (lambda v: v.where(prompt="q1"), "'prompt' is not public"),
        (lambda v: v.where(levle=1), "did you mean 'level'"),
        (lambda v: v.finite_pass(tail="wrap"), "unknown tail 'wrap'; allowed: short, pad, drop"),
        (lambda v: v.finite_pass(shard_index=1), "shard 1 of 1 does not exist"),
    ],
)
def test_what_cannot_be_is_refused(view: TaskView, ask: Callable[[TaskView], object], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        ask(view)
