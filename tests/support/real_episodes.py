"""Twenty episodes of a taskset over the server, by OpenEnv's own client, and what came of them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from openenv_tasksets.policy import text_field
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.taskset import Taskset

EPISODES = 20
Act = Callable[[int, int, Any], dict[str, Any]]
"""From the task's index, the number of steps taken and the observation to an action."""


@dataclass(frozen=True)
class Played:
    """What was seen.

    Attributes:
        first: The first observation of each episode, as JSON text.
        rewards: The sum of the rewards of each episode.
        steps: How many steps each took.
    """

    first: list[str]
    rewards: list[float]
    steps: list[int]

    def told(self, distribution: str) -> str:
        """One line for the document."""
        rewards = ", ".join(f"{each:g}" for each in sorted({round(each, 3) for each in self.rewards}))
        return (
            f"{distribution} {version(distribution)}: {len(self.first)} episodes, {sum(self.steps)} steps, "
            f"{len(set(self.first))} first observations, rewards {rewards}"
        )


@contextmanager
def playing(serve: Any, openenv: Any, taskset: Taskset, environment: type[Any]) -> Iterator[Any]:
    """A client of a server of the taskset."""
    host = Host(taskset, environment, settings=HostSettings(max_sessions=1))
    with serve(create_app([host])) as url, openenv.GenericEnvClient(base_url=url).sync() as client:
        yield client


def by_policy(environment: type[Any], policy: Callable[[dict[str, Any]], Any]) -> Act:
    """What an example's policy does."""
    field = text_field(EnvironmentType.of(environment).action.schema)

    def act(index: int, taken: int, observation: Any) -> dict[str, Any]:
        reply = policy(observation)
        return {field: reply} if isinstance(reply, str) else reply

    return act


def play(client: Any, size: int, act: Act) -> Played:
    """Twenty tasks in order; the first two once more, to see that they are the rows' and not chance."""
    played = Played([], [], [])
    for number in range(EPISODES):
        index = number % size
        result = client.reset(split="test", index=index)
        assert client.state()["index"] == index
        played.first.append(json.dumps(result.observation, sort_keys=True))
        total, taken = 0.0, 0
        while not result.done:
            result = client.step(act(index, taken, result.observation))
            total, taken = total + float(result.reward or 0), taken + 1
        played.rewards.append(total)
        played.steps.append(taken)
    for index in (1, 0):
        again = client.reset(split="test", index=index).observation
        assert json.dumps(again, sort_keys=True) == played.first[index], "the same row gives the same observation"
    return played
