"""The two players: the same episodes in process and over the wire, and what a bad connection does."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.server import ServerConnection, serve

from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import (
    EnvironmentFailed,
    PolicyError,
    ResetNeeded,
    SelectionError,
    TaskNotFound,
    TasksetError,
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
from openenv_tasksets.task_client import ServerUnusable, TaskClient


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
    "limits": {"max_steps": 3, "episode_seconds": 2},
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


Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def scripted(handler: Handler) -> AsyncIterator[str]:
    """A server whose every connection is handled so."""
    async with serve(handler, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def frame(kind: str, data: Mapping[str, Any] | None) -> str:
    return json.dumps({"type": kind, "data": data})


SEEN = frame("observation", {"observation": {"n": 1}, "reward": None, "done": False})
STATE = frame("state", {"step_count": 0})


async def greet(connection: ServerConnection) -> None:
    """Answer the first frame, which asks for the state."""
    assert json.loads(await connection.recv()) == {"type": "state"}
    await connection.send(STATE)


def test_a_lost_connection_ends_its_episode_and_the_next_one_connects_again() -> None:
    connections = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await greet(connection)
        await connection.recv()
        await connection.send(SEEN)
        if connections == 1:
            await connection.recv()
            await connection.close(1012)
            return
        async for _ in connection:
            await connection.send(frame("observation", {"observation": {}, "reward": 1.0, "done": True}))

    async def scenario() -> None:
        async with scripted(handler) as url:
            player = await RemotePlayer.open(url)
            await player.reset({})
            with pytest.raises(EnvironmentFailed, match="the connection to ws://.* was lost"):
                await player.step({})
            with pytest.raises(EnvironmentFailed, match="there is no connection to .*: the episode was lost with it"):
                await player.step({})
            assert connections == 1
            await player.reset({})
            assert (await player.step({})).reward == 1.0
            assert connections == 2
            await player.close()

    asyncio.run(scenario())


def test_a_server_that_does_not_come_back_is_given_up() -> None:
    async def scenario() -> None:
        async with scripted(greet) as url:
            player = RemotePlayer(url, retry_delays_s=(0.0, 0.01))
        with pytest.raises(ServerUnusable, match=r"could not be made again: cannot connect to ws://127"):
            await player.reset({})

    asyncio.run(scenario())


def test_an_answer_that_does_not_come_loses_the_connection() -> None:
    connections = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await greet(connection)
        await connection.recv()
        await connection.send(SEEN)
        await connection.wait_closed()

    async def scenario() -> None:
        async with scripted(handler) as url:
            player = await RemotePlayer.open(url, message_timeout_s=0.2)
            await player.reset({})
            with pytest.raises(TimeExceeded, match=r"no answer from ws://.* within 0.2 s"):
                await player.step({})
            await player.reset({})
            assert connections == 2
            await player.close()

    asyncio.run(scenario())


def test_a_cancelled_call_loses_the_connection() -> None:
    """Its answer would be taken for the next call's."""

    async def handler(connection: ServerConnection) -> None:
        await greet(connection)
        await connection.recv()
        await connection.wait_closed()

    async def scenario() -> None:
        async with scripted(handler) as url:
            player = await RemotePlayer.open(url, message_timeout_s=5)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await player.reset({})
            with pytest.raises(EnvironmentFailed, match="there is no connection"):
                await player.state()

    asyncio.run(scenario())


def error(code: str, **facts: Any) -> str:
    return frame("error", {"message": "the message", "code": code, **facts})


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (error("VALIDATION_ERROR", errors=[{"loc": ["x"], "msg": "m"}]), PolicyError, "the message"),
        (error("VALIDATION_ERROR", errors="none"), PolicyError, "the message"),
        (error("EXECUTION_ERROR"), EnvironmentFailed, r"the message \(code: EXECUTION_ERROR\)"),
        (error("SESSION_ERROR"), EnvironmentFailed, r"\(code: SESSION_ERROR\)"),
        (error("TIME_EXCEEDED"), TimeExceeded, "the message"),
        (error("RESET_NEEDED"), ResetNeeded, "the message"),
        (frame("error", {}), EnvironmentFailed, r"None \(code: None\)"),
        ("<html>", EnvironmentFailed, "not JSON"),
        ("[1]", EnvironmentFailed, "not a frame with data"),
        (frame("observation", None), EnvironmentFailed, "not a frame with data"),
        (frame("observation", {"observation": 3}), EnvironmentFailed, "not an observation"),
    ],
)
def test_an_error_frame_or_garbage_in_a_step(answer: str, kind: type[TasksetError], told: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        await greet(connection)
        async for _ in connection:
            await connection.send(answer)

    async def scenario() -> None:
        async with scripted(handler) as url:
            player = await RemotePlayer.open(url)
            with pytest.raises(kind, match=told):
                await player.step({})
            await player.close()

    asyncio.run(scenario())


def test_an_error_in_the_state_does_not_keep_from_playing() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(error("EXECUTION_ERROR"))
        await connection.recv()
        await connection.send(SEEN)

    async def scenario() -> None:
        async with scripted(handler) as url:
            player = await RemotePlayer.open(url)
            assert (await player.reset({})).observation == {"n": 1}
            await player.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (error("CAPACITY_REACHED", active_sessions=2, max_sessions=2), CapacityReached, "2/2 sessions active"),
        (error("FACTORY_ERROR"), ServerUnusable, "the message"),
        (None, ServerUnusable, "gives no session: the connection to .* was lost"),
    ],
)
def test_a_session_that_is_refused(answer: str | None, kind: type[TasksetError], told: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        if answer is not None:
            await connection.send(answer)

    async def scenario() -> None:
        async with scripted(handler) as url:
            with pytest.raises(kind, match=told):
                await RemotePlayer.open(url)

    asyncio.run(scenario())


def test_no_server_at_all() -> None:
    with pytest.raises(ServerUnusable, match="cannot connect to ws://127.0.0.1:1/ws"):
        asyncio.run(RemotePlayer.open("http://127.0.0.1:1"))


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
