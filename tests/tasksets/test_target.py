"""What a run plays against in process; servers are in test_task_client and test_players."""

from collections.abc import Callable
from typing import Any

import pytest

from openenv_tasksets.answer import Answer
from openenv_tasksets.play import TaskSpec
from openenv_tasksets.server.host import Host
from openenv_tasksets.target import LocalTarget

Make = Callable[..., Any]

TASK = {
    "id": "key",
    "reset": {"prompt": "q", "answer": {"column": "a", "extract": "#### (.+)$"}},
    "difficulty": "level",
    "group": "topic",
}


def row(n: int, answer: str = "#### 1") -> dict[str, Any]:
    return {"key": f"k{n}", "q": f"{n}?", "a": answer, "level": n, "topic": {"name": "t"}}


def target(taskset: Any) -> LocalTarget:
    return LocalTarget(Host(taskset, Answer), taskset.split("train"))


def test_specs_are_those_of_the_indices_asked_for(make_taskset: Make) -> None:
    specs = target(make_taskset([row(0), row(1), row(2)], TASK)).specs([2, 0])
    assert list(specs) == [
        TaskSpec("k2", "train", 2, 2, "{'name': 't'}"),
        TaskSpec("k0", "train", 0, 0, "{'name': 't'}"),
    ]


def test_a_row_that_cannot_be_bound_is_known_by_its_index(make_taskset: Make) -> None:
    specs = target(make_taskset([row(0), row(1, "no mark")], TASK)).specs(range(2))
    assert [spec.id for spec in specs] == ["k0", "train-1"]


@pytest.mark.parametrize(
    ("reward", "threshold"),
    [
        (None, 1.0),
        ("the usual", 1.0),
        ({"range": [0, 1], "success_threshold": 0.5}, 0.5),
        ({"range": [-1, 10]}, 10.0),
        ({"success_threshold": 3}, 3.0),
    ],
)
def test_success_is_as_declared_or_the_top_of_the_range(make_taskset: Make, reward: Any, threshold: float) -> None:
    declared = {} if reward is None else {"reward": reward}
    assert target(make_taskset([row(0)], TASK, **declared)).success_threshold == threshold


def test_the_schema_is_the_actions(make_taskset: Make) -> None:
    assert target(make_taskset([row(0)], TASK)).action_schema["required"] == ["answer"]


def test_the_identity_is_that_of_the_rows_and_of_the_split(make_taskset: Make) -> None:
    splits = {"train": [row(0), row(1)], "test": [row(0), row(1)]}
    taskset = make_taskset(splits, TASK)
    again, changed = make_taskset(splits, TASK), make_taskset({**splits, "train": [row(0), row(2)]}, TASK)
    identities = [LocalTarget(Host(each, Answer), each.split("train")).identity for each in (taskset, again, changed)]
    assert identities[0] == identities[1] != identities[2]
    assert identities[0].startswith(f"{taskset.environment.id}/train@")
    test = LocalTarget(Host(taskset, Answer), taskset.split("test")).identity
    assert test.startswith(f"{taskset.environment.id}/test@")
    assert test.partition("@")[2] != identities[0].partition("@")[2]
