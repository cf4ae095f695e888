"""The plain route without a server: what it keeps of a connection, and what it makes of a client that is gone."""

import asyncio
import gc

import pytest
from plain_quiz import TASK, Quiz, rows

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

SCOPE = {"type": "websocket", "path": "/ws", "query_string": b"", "headers": [], "subprotocols": []}


@pytest.mark.parametrize("gone", [OSError(), RuntimeError("after sending 'websocket.close'")])
def test_an_answer_to_a_client_that_is_gone_is_no_error_of_the_server(make_taskset, gone):
    host = Host(make_taskset(rows(5), TASK), Quiz)
    messages = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": '{"type":"reset","data":{"index":3}}'},
        {"type": "websocket.disconnect", "code": 1006},
    ]

    async def receive():
        return messages.pop(0)

    async def send(message):
        if message["type"] != "websocket.accept":
            raise gone

    asyncio.run(create_app([host])(SCOPE, receive, send))
    assert (messages, host.active_sessions) == ([], 0)


def test_of_what_opened_a_connection_nothing_is_kept_while_it_is_idle(make_taskset):
    """Its memory is a thousandfold in a server of a thousand sessions."""
    app = create_app([Host(make_taskset(rows(5), TASK), Quiz)])

    async def opened():
        received, sent = asyncio.Queue(), asyncio.Queue()
        handler = asyncio.create_task(app(SCOPE, received.get, sent.put))
        received.put_nowait({"type": "websocket.connect"})
        assert (await sent.get())["type"] == "websocket.accept"
        received.put_nowait({"type": "websocket.receive", "text": '{"type":"reset","data":{"index":3}}'})
        assert "q3" in (await sent.get())["text"]
        return handler, received

    async def count():
        opening = [await opened() for _ in range(20)]
        await asyncio.sleep(0)
        gc.collect()
        loop = asyncio.get_running_loop()
        kept = sum(isinstance(each, asyncio.Task) and each.get_loop() is loop for each in gc.get_objects())
        for handler, received in opening:
            received.put_nowait({"type": "websocket.disconnect", "code": 1006})
            await handler
        return kept

    # The handlers, and this.
    assert asyncio.run(count()) == 20 + 1
