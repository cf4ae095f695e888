"""The endless example: puzzles made when they are asked for, served and played like any others."""

import json
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import pytest

import tasksets_examples
from openenv_tasksets.taskset import Taskset
from tasksets_examples.demo import served
from tasksets_examples.endless.source import puzzles
from tasksets_examples.reasoning.build import TIERS

FOLDER = Path(tasksets_examples.__file__).with_name("endless")


def test_an_index_is_the_same_puzzle_in_every_source() -> None:
    one, other = puzzles("train", seed=1), puzzles("train", seed=1)
    for index in (0, 23, 10**6, 2**60):
        assert one[index] == other[index]
    assert one[0] != puzzles("train", seed=2)[0]
    assert one[0] != puzzles("test", seed=1)[0]
    assert {one[index]["family"] for index in range(24)} == set(TIERS)
    assert {one[index]["difficulty"] for index in range(24)} == {"easy", "medium", "hard"}


def test_only_the_split_to_test_on_ends() -> None:
    taskset = Taskset.from_path(FOLDER)
    assert taskset.split("train").size is None
    assert taskset.num_tasks("test") == 240
    assert taskset.task("train", 2**50).public["family"] in ("chain_sum", "gcd", "caesar_cipher")


@pytest.mark.slow
def test_it_is_served_and_played() -> None:
    gold = {
        task.visible["question"]: task.gold.reveal()["answer"] for task in Taskset.from_path(FOLDER)["train"].take(9)
    }
    with warnings.catch_warnings(), served(FOLDER) as url:
        warnings.simplefilter("ignore")  # OpenEnv's imports have some.
        from openenv import GenericEnvClient

        rewards = []
        with GenericEnvClient(base_url=url).sync() as client:
            for position in range(9):
                prompt = client.reset(split="train", seed=position).observation["prompt"]
                rewards.append(client.step({"answer": gold[prompt]}).reward)
            client.reset(split="train", index=10**12)
            state = client.state()
        assert rewards == [1.0] * 9
        assert (state["index"], state["task_id"]) == (10**12, f"train-{10**12}")
        assert asked(url, "tasks")["tasks"][999]["index"] == 999
        assert asked(url, "task", index=10**9)["task"]["id"] == f"train-{10**9}"
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(url, "num_tasks")
        assert refused.value.code == 501
        assert "no end" in json.load(refused.value)["detail"]


def asked(url: str, route: str, **more: int) -> dict[str, object]:
    body = json.dumps({"split": "train", **more}).encode()
    request = urllib.request.Request(f"{url}/endless/{route}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
