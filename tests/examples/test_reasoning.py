"""The reasoning example: generated rows, scored by reasoning-gym."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from openenv_tasksets.installed import find_environment
from openenv_tasksets.loaders.errors import ResetNeeded
from openenv_tasksets.play import attempts, play
from openenv_tasksets.policy import FunctionPolicy
from openenv_tasksets.report import EpisodeRecord
from openenv_tasksets.server.host import Host
from openenv_tasksets.target import LocalTarget
from openenv_tasksets.taskset import Taskset
from tasksets_examples.reasoning.build import TIERS, build, main
from tasksets_examples.reasoning.build import rows as made_rows
from tasksets_examples.reasoning.environment import FAMILIES, MAX_ANSWER_LENGTH, Reasoning, ReasoningAction
from tasksets_examples.reasoning.policy import answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The taskset in its full size."""
    folder = tmp_path_factory.mktemp("reasoning")
    main(folder)
    return folder


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    files = {split: folder / "data" / f"{split}-00000-of-00001.parquet" for split in ("train", "test")}
    return {split: pyarrow.parquet.read_table(file).to_pylist() for split, file in files.items()}


def test_there_are_at_least_5000_rows_in_every_family_and_tier(rows: dict[str, list[dict[str, Any]]]) -> None:
    everything = rows["train"] + rows["test"]
    assert len(everything) >= 5000
    assert len({row["id"] for row in everything}) == len(everything)
    assert len({row["question"] for row in everything}) == len(everything), "no question is there twice"
    counts = Counter((row["family"], row["difficulty"]) for row in everything)
    assert set(counts) == {(family, tier) for family in FAMILIES for tier in ("easy", "medium", "hard")}
    assert len(set(counts.values())) == 1
    assert set(TIERS) == set(FAMILIES)


def test_the_first_tasks_are_of_every_family_and_tier(rows: dict[str, list[dict[str, Any]]]) -> None:
    assert len({(row["family"], row["difficulty"]) for row in rows["test"][:24]}) == 24


def test_a_seed_determines_the_rows(tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        assert build(tmp_path / name, size=100, seed=seed) == {"test": 24, "train": 96}
        contents.append((tmp_path / name / "data" / "train-00000-of-00001.parquet").read_bytes())
    assert contents[0] == contents[1] != contents[2]


class Everything(set[str]):
    """As if every question were there already."""

    def __contains__(self, question: object) -> bool:
        return True


def test_a_family_that_has_no_more_questions_says_so() -> None:
    with pytest.raises(ValueError, match="chain_sum has only about 0 easy questions; ask for fewer rows"):
        next(made_rows("test", 1, 0, Everything()))


def played(folder: Path, policy: FunctionPolicy, count: int) -> list[EpisodeRecord]:
    taskset = Taskset.from_path(folder, split="test")
    target = LocalTarget(Host(taskset, find_environment(taskset.environment)), taskset.split("test"))
    records: list[EpisodeRecord] = []
    asyncio.run(play(attempts(target.specs(range(count))), target.open_player, policy, records.append))
    return records


def test_gold_earns_the_top_reward_in_every_family_and_tier(folder: Path) -> None:
    tasks = Taskset.from_path(folder)["test"].take(96)
    gold = {task.visible["question"]: task.gold.reveal()["answer"] for task in tasks}
    records = played(folder, FunctionPolicy(lambda seen: gold[seen["prompt"]], "answer"), 96)
    assert {(record.status, record.reward) for record in records} == {("ok", 1.0)}
    assert {record.group for record in records} == set(FAMILIES)


ODD = ["", " ", "The answer is 12", "[", "__import__('os').getpid()", "nan", "1/0", "é" * 9_000, "," * 9_000]


@pytest.mark.parametrize("reply", ODD, ids=lambda each: repr(each[:12]))
def test_an_odd_reply_earns_less_and_is_no_error(folder: Path, reply: str) -> None:
    records = played(folder, FunctionPolicy(lambda _: {"answer": reply}, None), 24)
    assert {record.status for record in records} == {"ok"}
    assert all(record.reward is not None and 0 <= record.reward < 1 for record in records)


def test_the_scripted_policy_is_sometimes_right_and_less_often_in_what_is_hard(folder: Path) -> None:
    records = played(folder, FunctionPolicy(answer, "answer"), 240)
    right = Counter(record.difficulty for record in records if record.reward == 1)
    assert 0 < right["hard"] < right["easy"] < 80


def entry(folder: Path, family: str) -> dict[str, Any]:
    task = next(each for each in Taskset.from_path(folder)["test"] if each.public["family"] == family)
    return task.arguments()


def test_partial_credit_is_the_packages_own(folder: Path) -> None:
    environment = Reasoning()
    arguments = entry(folder, "word_sorting")
    environment.reset(**arguments)
    first, second, *rest = arguments["metadata"]["sorted_words"]
    observation = environment.step(ReasoningAction(", ".join([second, first, *rest])))
    assert observation.reward is not None
    assert 0 < observation.reward < 1
    assert observation.done


def test_an_overlong_reply_is_not_scored(folder: Path) -> None:
    environment = Reasoning()
    arguments = entry(folder, "gcd")
    environment.reset(**arguments)
    reply = arguments["answer"] + " " * MAX_ANSWER_LENGTH
    assert environment.step(ReasoningAction(reply)).reward == 0.0


def test_a_family_whose_scorer_executes_replies_is_refused() -> None:
    environment = Reasoning()
    with pytest.raises(ValueError, match="family is one of chain_sum, gcd"):
        environment.reset("q", "a", "spiral_matrix", {})
    with pytest.raises(ResetNeeded, match=r"call reset\(\) for another one"):
        environment.step(ReasoningAction("a"))


def test_a_question_is_answered_once(folder: Path) -> None:
    environment = Reasoning()
    environment.reset(**entry(folder, "gcd"))
    assert environment.state == {"family": "gcd"}
    environment.step(ReasoningAction("1"))
    with pytest.raises(ResetNeeded):
        environment.step(ReasoningAction("1"))
    environment.close()


def test_the_agent_sees_the_question_alone(folder: Path) -> None:
    task = Taskset.from_path(folder).task("test", 0)
    assert list(task.visible) == ["question"]
    assert set(task.public) == {"family", "difficulty", "group"}
