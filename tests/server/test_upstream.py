"""A server as it is reached: who is refused at once, what is told of a failure, and messages that nobody read."""

import asyncio
import socket

import pytest
from asking import until
from odd_upstream import STATE, OddUpstream

from openenv_tasksets.loaders.errors import EnvironmentFailed, EnvironmentNotFound
from openenv_tasksets.server.upstream import NotReady, ask, open_socket, wait_until_ready

pytestmark = pytest.mark.anyio
FOR_EVER = 10_000.0


@pytest.fixture
def odd():
    """Answers each frame with as many states as it asks for."""
    with OddUpstream(lambda _number, frame: (STATE,) * frame["times"]).serving() as odd:
        yield odd


async def test_what_nobody_has_read_is_counted(odd):
    upstream = await open_socket(odd.url, None, 30)
    try:
        await upstream.send('{"type":"state","times":3}')
        await until(lambda: upstream.unread == 3)
        assert await upstream.read() == b'{"type": "state", "data": {"step_count": 0}}'
        assert upstream.unread == 2
    finally:
        await upstream.close()


@pytest.mark.parametrize("status", [401, 403, 429, 503])
async def test_a_refused_connection_is_told_by_its_status_alone(odd, status):
    odd.pages["/ws"] = (status, "the answer is c4n4ry")
    with pytest.raises(EnvironmentFailed) as caught:
        await open_socket(odd.url, None, 30)
    assert caught.value.message == f"the environment's server refuses the connection: HTTP {status}"
    assert caught.value.__suppress_context__


async def test_a_server_that_is_not_there_is_no_connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(EnvironmentFailed, match="cannot be reached: ConnectionRefusedError"):
        await open_socket(url, None, 30)


async def test_one_that_never_answers_the_handshake_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EnvironmentFailed, match="cannot be reached: TimeoutError"):
            await open_socket(url, None, 0.1)


@pytest.mark.parametrize("status", [302, 401, 403, 404])
async def test_what_no_waiting_would_change_is_not_waited_for(odd, status):
    odd.pages["/health"] = (status, odd.url)
    with pytest.raises(EnvironmentNotFound, match=f"HTTP {status}") as caught:
        await wait_until_ready(odd.url, None, FOR_EVER)
    assert not isinstance(caught.value, NotReady)


async def test_what_may_change_is_asked_again_until_it_does(odd):
    odd.pages["/health"] = (503, "")
    waiting = asyncio.create_task(wait_until_ready(odd.url, None, FOR_EVER))
    await until(lambda: len(odd.headers) > 1)
    assert not waiting.done()
    odd.pages["/health"] = (200, "{}")
    await waiting


async def test_a_token_is_shown_over_both_and_only_where_there_is_one(odd):
    for token in (None, "s3cret"):
        odd.headers.clear()
        await ask(odd.url, "/schema", token)
        await (await open_socket(odd.url, token, 30)).close()
        told = None if token is None else f"Bearer {token}"
        assert [headers.get("Authorization") for headers in odd.headers] == [told, told]
