"""Players at a server that says odd things, or nothing: what is lost, what is tried again, and what is given up."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from openenv_tasksets.loaders.errors import (
    EnvironmentFailed,
    PolicyError,
    ResetNeeded,
    TasksetError,
    TimeExceeded,
)
from openenv_tasksets.players import RemotePlayer
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.task_client import ServerUnusable

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


async def begin(connection: ServerConnection) -> None:
    """Answer the first frame, and the reset that comes next."""
    await greet(connection)
    await connection.recv()
    await connection.send(SEEN)


def test_a_lost_connection_ends_its_episode_and_the_next_one_connects_again() -> None:
    connections = 0

    async def handler(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await begin(connection)
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
        await begin(connection)
        await connection.wait_closed()

    async def scenario() -> None:
        async with scripted(handler) as url:
            player = await RemotePlayer.open(url, message_timeout_s=2)
            await player.reset({})
            with pytest.raises(TimeExceeded, match=r"no answer from ws://.* within 2 s"):
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
            player = await RemotePlayer.open(url, message_timeout_s=60)
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
