"""Environments that others wrote, installed as they are: each row is another task, and rewards vary."""

import importlib
from pathlib import Path

import pytest
from real_episodes import EPISODES, by_policy, play, playing

import tasksets_examples
from openenv_tasksets.installed import find_environment
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.testing import check_environment, check_taskset

EXAMPLES = Path(tasksets_examples.__file__).parent
POLICIES = {
    "board_games": ("open-spiel", "move"),
    "gym_games": ("gymnasium", "move"),
    "medical_safety": ("openenv-dipg-safety", "reply"),
    "number_sort": ("learnlens", "sort"),
    "text_games": ("textarena", "move"),
}


@pytest.fixture(params=POLICIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def taskset(name: str) -> Taskset:
    return Taskset.from_path(EXAMPLES / name)


def test_twenty_episodes(name, taskset, serve, openenv, tell):
    distribution, function = POLICIES[name]
    environment = find_environment(taskset.environment)
    policy = getattr(importlib.import_module(f"tasksets_examples.{name}.policy"), function)
    with playing(serve, openenv, taskset, environment) as client:
        played = play(client, taskset.num_tasks("test"), by_policy(environment, policy))
    tell(played.told(distribution))
    assert len(played.first) == EPISODES
    assert played.first[0] != played.first[1]
    assert len(set(played.rewards)) > 1


def test_the_taskset_and_the_environment_keep_the_contract(taskset):
    check_taskset(taskset)
    check_environment(find_environment(taskset.environment), taskset)
