"""The questions example: a taskset without code."""

import asyncio
from pathlib import Path

import pytest

import tasksets_examples
from openenv_tasksets.audit.run import audit
from openenv_tasksets.installed import find_environment
from openenv_tasksets.play import attempts, play
from openenv_tasksets.policy import FunctionPolicy
from openenv_tasksets.report import EpisodeRecord
from openenv_tasksets.server.host import Host
from openenv_tasksets.target import LocalTarget
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.testing import check_environment, check_taskset

FOLDER = Path(tasksets_examples.__file__).with_name("questions")


@pytest.fixture(scope="module")
def taskset() -> Taskset:
    return Taskset.from_path(FOLDER)


def played(taskset: Taskset, replies: dict[str, str]) -> list[EpisodeRecord]:
    """Every task, with the reply that ``replies`` has for its prompt."""
    host = Host(taskset, find_environment(taskset.environment))
    target = LocalTarget(host, taskset.split("test"))
    policy = FunctionPolicy(lambda seen: replies[seen["prompt"]], "answer")
    records: list[EpisodeRecord] = []
    asyncio.run(play(attempts(target.specs(range(12))), target.open_player, policy, records.append))
    return records


def test_the_gold_answer_of_every_question_earns_one(taskset: Taskset) -> None:
    replies = {task.visible["prompt"]: task.gold.reveal()["answer"] for task in taskset["test"]}
    records = played(taskset, replies)
    assert [(record.status, record.reward) for record in records] == [("ok", 1.0)] * 12
    assert {record.difficulty for record in records} == {1, 2, 3}
    assert {record.group for record in records} == {"money", "counting", "time", "measure"}


@pytest.mark.parametrize("reply", ["#### 999", "", "I do not know", "the answer is 36 or so"])
def test_another_reply_earns_nothing(taskset: Taskset, reply: str) -> None:
    replies = {task.visible["prompt"]: reply for task in taskset["test"]}
    assert {(record.status, record.reward) for record in played(taskset, replies)} == {("ok", 0.0)}


def test_a_number_may_be_written_in_other_ways(taskset: Taskset) -> None:
    replies = {task.visible["prompt"]: "?" for task in taskset["test"]}
    replies[taskset.task_by_id("printer").visible["prompt"]] = "90 * 18\n####  1620.0"
    assert [record.task_id for record in played(taskset, replies) if record.reward] == ["printer"]


def test_the_audit_finds_nothing_and_the_contract_is_kept(taskset: Taskset) -> None:
    environment = find_environment(taskset.environment)
    check_taskset(taskset)
    check_environment(environment, taskset)
    assert audit(taskset, environment, limit=3).verdict == "passed"


def test_the_agent_sees_the_question_and_not_the_answer(taskset: Taskset) -> None:
    task = taskset.task_by_id("tickets")
    assert list(task.visible) == ["prompt"]
    assert task.visible["prompt"].endswith("four children pay together?\nEnd with a line: #### <number>")
    assert "36" not in repr(task)
