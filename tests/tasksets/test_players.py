"""The two players: the same episodes in process and over the wire."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import (
    EnvironmentFailed,
    PolicyError,
    ResetNeeded,
    SelectionError,
    TaskNotFound,
    TimeExceeded,
)
from openenv_tasksets.play import attempts, play
from openenv_tasksets.players import LocalPlayer, Player, RemotePlayer, read_outcome
from openenv_tasksets.policy import FunctionPolicy
from openenv_tasksets.report import EpisodeRecord
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.target import LocalTarget, RemoteTarget
from openenv_tasksets.task_client import TaskClient


@dataclass
class Guess:
    number: int
    do: str = ""


class GuessNumber:
    """Ends at the right guess; the reward is NaN for 13, and some words make it fail."""

    def reset(self, number: int, hint: str) -> dict[str, Any]:
        self._number = number
        return {"hint": hint, "numbers": (1, 2), "metadata": {}}

    def step(self, action: Guess) -> dict[str, Any]:
        if action.do == "raise":
            raise ValueError(f"the number is {self._number}")
        if action.do == "sleep":
            time.sleep(30)
        reward = float("nan") if action.number == 13 else float(action.number == self._number)
        return {"hint": "done", "reward": reward, "done": action.number == self._number}

    @property
    def state(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


ROWS = [{"number": n, "hint": f"between {n - 1} and {n + 1}", "tier": n % 2} for n in range(1, 7)]
TASK = {
    "reset": {"number": "number", "hint": "hint"},
    "visible": ["hint"],
    "difficulty": "tier",
    "limits": {"max_steps": 3, "episode_seconds": 5},
}


@pytest.fixture(scope="module")
def host(make_taskset: Callable[..., Any]) -> Host:
    return Host(make_taskset(ROWS, TASK), GuessNumber, settings=HostSettings(max_sessions=4))


@pytest.fixture(scope="module")
def url(host: Host) -> Iterator[str]:
    """The same host behind a real server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app([host]), ws="websockets-sansio", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


Open = Callable[[], Awaitable[Player]]


@pytest.fixture(params=["local", "remote"])
def open_player(request: pytest.FixtureRequest, host: Host) -> Open:
    if request.param == "local":
        return lambda: LocalPlayer.open(host)
    url = request.getfixturevalue("url")
    return lambda: RemotePlayer.open(url)


def using(open_player: Open, scenario: Callable[[Player], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        player = await open_player()
        try:
            return await scenario(player)
        finally:
            await player.close()

    return asyncio.run(opened())


def test_an_episode_is_the_same_either_way(open_player: Open) -> None:
    async def scenario(player: Player) -> None:
        outcome = await player.reset({"split": "train", "index": 4})
        assert (outcome.observation, outcome.reward, outcome.done) == (
            {"hint": "between 4 and 6", "numbers": [1, 2], "metadata": {}},
            None,
            False,
        )
        assert (await player.step({"number": 13})).reward is None
        assert (await player.state())["task_id"] == "train-4"
        outcome = await player.step({"number": 5})
        assert (outcome.reward, outcome.done, outcome.truncated_by) == (1.0, True, None)

    using(open_player, scenario)


def test_a_limit_is_told_from_the_end(open_player: Open) -> None:
    async def scenario(player: Player) -> None:
        await player.reset({"index": 0})
        await player.step({"number": 9})
        await player.step({"number": 9})
        outcome = await player.step({"number": 9})
        assert (outcome.done, outcome.truncated_by) == (False, "max_steps")

    using(open_player, scenario)


def test_errors_have_the_same_kinds_and_the_player_goes_on(open_player: Open) -> None:
    async def scenario(player: Player) -> None:
        with pytest.raises(ResetNeeded):
            await player.step({"number": 1})
        with pytest.raises(SelectionError, match="no task 77 in split 'train'"):
            await player.reset({"index": 77})
        await player.reset({"index": 0})
        with pytest.raises(PolicyError) as refused:
            await player.step({"nombre": 1})
        assert list(refused.value.details[0]["loc"]) == ["number"]  # type: ignore[call-overload]
        with pytest.raises(EnvironmentFailed) as failed:
            await player.step({"number": 2, "do": "raise"})
        assert "the number is" not in str(failed.value)
        with pytest.raises(TimeExceeded):
            await player.step({"number": 2, "do": "sleep"})
        await player.reset({"index": 0})
        assert (await player.step({"number": 1})).done

    using(open_player, scenario)


def test_there_are_so_many_players_and_no_more(open_player: Open) -> None:
    async def scenario(_: Player) -> None:
        others = [await open_player() for _ in range(3)]
        try:
            with pytest.raises(CapacityReached) as full:
                await open_player()
            assert (full.value.active_sessions, full.value.max_sessions) == (4, 4)
        finally:
            for player in others:
                await player.close()

    using(open_player, scenario)


def guess(observation: dict[str, Any]) -> dict[str, Any]:
    """Right where the lower bound is odd, an error where it is 4, and wrong otherwise."""
    low = next((int(word) for word in observation["hint"].split() if word.isdecimal()), 0)
    return {"number": low + 1 if low % 2 else 0, "do": "raise" if low == 4 else ""}


def test_a_run_comes_to_the_same_either_way(host: Host, url: str) -> None:
    client = TaskClient(url)
    local, remote = LocalTarget(host, host.taskset.split("train")), RemoteTarget(client, "train")
    assert local.action_schema == remote.action_schema
    assert (local.identity.partition("@")[0], remote.identity) == ("quiz/train", "quiz/train")

    def outcome(target: LocalTarget | RemoteTarget) -> list[tuple[Any, ...]]:
        records: list[EpisodeRecord] = []
        plan = attempts(target.specs(range(6)))
        asyncio.run(play(plan, target.open_player, FunctionPolicy(guess, None), records.append, concurrency=3))
        return sorted(
            (each.index, each.task_id, each.status, each.reward, each.steps, each.difficulty, each.truncated_by)
            for each in records
        )

    assert outcome(local) == outcome(remote)
    truncated, right = ("truncated", 0.0, 3, 1, "max_steps"), ("ok", 1.0, 1, 0, None)
    failed = ("environment_error", None, 0, 1, None)
    expected = [truncated, right, truncated, right, failed, right]
    assert outcome(local) == [(index, f"train-{index}", *each) for index, each in enumerate(expected)]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"observation": [], "reward": 1}, "not an observation with a reward"),
        ({"observation": {}, "reward": "1"}, "not an observation with a reward"),
    ],
)
def test_what_is_no_observation_is_refused(data: dict[str, Any], told: str) -> None:
    with pytest.raises(EnvironmentFailed, match=told):
        read_outcome(data)


@pytest.mark.parametrize(
    ("metadata", "limit"),
    [({"truncated": True, "truncated_by": "episode_seconds"}, "episode_seconds"), ({"truncated": True}, "server")],
)
def test_truncation_is_read_from_the_metadata(metadata: dict[str, Any], limit: str) -> None:
    for data in ({"observation": {"metadata": metadata}}, {"observation": {}, "metadata": metadata}):
        outcome = read_outcome({**data, "reward": 0, "done": True})
        assert (outcome.done, outcome.truncated_by) == (False, limit)


@pytest.mark.parametrize("metadata", [None, [], {"truncated": "no"}, {"truncated": False}])
def test_other_metadata_is_no_truncation(metadata: Any) -> None:
    outcome = read_outcome({"observation": {"metadata": metadata}, "done": True})
    assert (outcome.done, outcome.truncated_by) == (True, None)


def test_an_index_error_in_process_keeps_its_type(host: Host) -> None:
    async def scenario(player: Player) -> None:
        with pytest.raises(TaskNotFound):
            await player.reset({"index": 6})

    using(lambda: LocalPlayer.open(host), scenario)


class Picky:
    """Refuses to be made, and says why."""

    def __init__(self) -> None:
        raise ValueError("size must be 3")

    def reset(self, number: int, hint: str) -> dict[str, Any]:
        return {}

    def step(self, action: Guess) -> dict[str, Any]:
        return {}


class Broken(Picky):
    """Fails for a reason that is nobody's argument."""

    def __init__(self) -> None:
        raise RuntimeError("size must be 3")


@pytest.mark.parametrize(
    ("environment", "secrets", "told"),
    [
        (Picky, [], "environment 'Picky' could not be made: ValueError: size must be 3"),
        (Picky, ["HOME"], "environment 'Picky' could not be made: ValueError"),
        (Broken, [], "environment 'Broken' could not be made: RuntimeError"),
    ],
)
def test_what_a_constructor_says_of_its_arguments_is_told_unless_it_may_be_a_secret(
    make_taskset: Callable[..., Any], environment: type[Any], secrets: list[str], told: str
) -> None:
    runtime = {"min_version": ">=0.10.0", "package": "openenv-tasksets", "secrets": secrets}
    taskset = make_taskset(ROWS, TASK, frameworks={"openenv": runtime})
    host = Host(taskset, environment, consent=Consent(secrets=frozenset(secrets)))
    with pytest.raises(EnvironmentFailed) as caught:
        asyncio.run(LocalPlayer.open(host))
    assert str(caught.value) == told
    assert isinstance(caught.value.__cause__, ValueError | RuntimeError)
