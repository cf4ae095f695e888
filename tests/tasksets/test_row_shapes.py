"""GSM8K-, MMLU- and MATH-shaped rows are tasksets without code: from YAML and rows to rewards."""

import asyncio
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.installed import find_environment
from openenv_tasksets.loaders.errors import RowRefused
from openenv_tasksets.server.host import Host
from openenv_tasksets.taskset import Taskset

YAML = """\
spec_version: hf-rl-env-0.1
environments:
  - id: shaped
    task:
{task}
    frameworks:
      openenv: {{min_version: ">=0.10.0", package: openenv-tasksets, environment: answer, arguments: {arguments}}}
"""

GSM8K = [
    {"question": "3 boxes of 24 eggs: how many eggs?", "answer": "3*24 = <<3*24=72>>72\n#### 72"},
    {"question": "A house costs 1,200 more than 300,000.", "answer": "Add them.\n#### 301,200"},
]
GSM8K_TASK = """\
      reset:
        prompt: {template: "{question}\\nEnd with: #### <number>"}
        answer: {column: answer, extract: "#### (.+)$"}
      visible: [prompt]
      gold: {answer: {column: answer, extract: "#### (.+)$"}}
"""
MMLU = [
    {
        "question": "Capital of France?",
        "subject": "geography",
        "choices": ["Rome", "Paris", "Bonn", "Oslo"],
        "answer": 1,
    },
    {"question": "2+2?", "subject": "maths", "choices": ["3", "5", "4", "22"], "answer": 2},
]
MMLU_TASK = """\
      reset: {prompt: question, choices: choices, answer: answer}
      visible: [prompt, choices]
      public: [subject]
      group: subject
"""
MATH = [
    {
        "problem": "What is half of one third of three halves?",
        "level": "Level 3",
        "type": "Algebra",
        "solution": "We get $\\frac{1}{2}\\cdot\\frac{1}{2}$, so the answer is $\\boxed{\\frac{1}{4}}$.",
    },
    {"problem": "Expand $(x+1)^2$.", "level": "Level 1", "type": "Algebra", "solution": "\\boxed{x^2+2x+1}"},
]
MATH_TASK = """\
      reset: {prompt: problem, answer: solution}
      visible: [prompt]
      difficulty: level
      group: type
"""


def open_host(folder: Path, rows: list[dict[str, Any]], task: str, arguments: str) -> Host:
    (folder / "environment.yaml").write_text(YAML.format(task=task.rstrip(), arguments=arguments))
    pq.write_table(pa.Table.from_pylist(rows), folder / "test.parquet")
    taskset = Taskset.from_path(folder)
    return Host(taskset, find_environment(taskset.environment))


def rewards(host: Host, index: int, replies: list[str]) -> list[float]:
    async def play() -> list[float]:
        session = await host.open_session()
        given = []
        for reply in replies:
            first = await session.reset({"split": "test", "index": index})
            assert not first.done
            outcome = await session.step({"answer": reply})
            assert outcome.done
            given.append(float(outcome.reward or 0.0))
        await host.release(session)
        return given

    return asyncio.run(play())


SHAPES = [
    (
        GSM8K,
        GSM8K_TASK,
        "{checker: number}",
        0,
        ["#### 72", "It is 72.", "72.0", "$72"],
        ["71", "#### 720", ""],
    ),
    (GSM8K, GSM8K_TASK, "{checker: number}", 1, ["301200", "#### 301,200"], ["301", "1,200"]),
    (MMLU, MMLU_TASK, "{checker: choice}", 0, ["B", "(b)", "Answer: B", "Paris"], ["A", "Rome", "A or B", "?"]),
    (MMLU, MMLU_TASK, "{checker: choice}", 1, ["C", "4"], ["B", "22"]),
    (
        MATH,
        MATH_TASK,
        "{checker: normalized}",
        0,
        ["\\boxed{\\frac{1}{4}}", "So it is $\\boxed{\\dfrac{1}{4}}$", "\\frac{1}{4}"],
        ["\\boxed{\\frac{1}{2}}", "no idea"],
    ),
    (MATH, MATH_TASK, "{checker: normalized}", 1, ["\\boxed{x^2 + 2x + 1}"], ["\\boxed{x^2}"]),
]


@pytest.mark.parametrize(("rows", "task", "arguments", "index", "right", "wrong"), SHAPES)
def test_right_replies_earn_one_and_wrong_ones_nothing(
    tmp_path: Path,
    rows: list[dict[str, Any]],
    task: str,
    arguments: str,
    index: int,
    right: list[str],
    wrong: list[str],
) -> None:
    host = open_host(tmp_path, rows, task, arguments)
    assert rewards(host, index, right) == [1.0] * len(right)
    assert rewards(host, index, wrong) == [0.0] * len(wrong)


def test_the_observation_shows_the_prompt_and_never_the_answer(tmp_path: Path) -> None:
    host = open_host(tmp_path, GSM8K, GSM8K_TASK, "{checker: number}")

    async def look() -> list[Any]:
        session = await host.open_session()
        first = await session.reset({"split": "test", "index": 0})
        state = await session.state()
        last = await session.step({"answer": "7"})
        await host.release(session)
        return [first.to_wire(), state, last.to_wire()]

    seen = asyncio.run(look())
    assert seen[0]["observation"]["prompt"].startswith("3 boxes of 24 eggs")
    assert "72" not in str(seen)


def test_the_gold_action_earns_the_top_reward(tmp_path: Path) -> None:
    host = open_host(tmp_path, GSM8K, GSM8K_TASK, "{checker: number}")
    for task in host.taskset["test"]:
        assert rewards(host, task.index, [task.gold.reveal()["answer"]]) == [1.0]


def test_a_row_that_the_checker_cannot_use_is_refused_with_the_reason_but_without_the_answer(tmp_path: Path) -> None:
    task = GSM8K_TASK.replace('{column: answer, extract: "#### (.+)$"}', "answer")
    host = open_host(tmp_path, [{"question": "?", "answer": "SECRET"}], task, "{checker: number}")
    with pytest.raises(RowRefused) as caught:
        rewards(host, 0, ["1"])
    assert "the row does not fit checker 'number': " in str(caught.value)
    assert "SECRET" not in str(caught.value)
