"""Frames and their answers without a transport: what a connection begins with, and that every way answers alike."""

import json

import pytest
from plain_quiz import TASK, Quiz, rows

from openenv_tasksets.server.access import TRAINER, Caller
from openenv_tasksets.server.conversation import (
    Channel,
    Refused,
    answer,
    answer_at_once,
    begin,
    wanted_session,
)
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host, HostSettings

pytestmark = pytest.mark.anyio


class Broken(Quiz):
    def __init__(self):
        raise ValueError("c4n4ry")


@pytest.fixture
def open_channel(make_taskset):
    def opened(environment=Quiz, caller=TRAINER, *, rpc_only=False, **settings):
        host = Host(make_taskset(rows(5), TASK), environment, settings=HostSettings(**settings))
        return Channel(host, Gate(), caller, rpc_only=rpc_only)

    return opened


def untold(why):
    raise AssertionError(f"ended: {why}")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", None),
        ("other=1", None),
        ("session_id=", None),
        ("session_id=a%2Fb&x=1", "a/b"),
        ("session_id=a&session_id=b", "b"),
        ("&&==&session_id", None),
    ],
)
def test_the_session_that_a_url_wants_is_the_last_one_that_it_names(query, wanted):
    assert wanted_session(query) == wanted


async def full(host):
    await host.open_session()


async def stopping(host):
    await host.sessions.drain(0)


async def nothing(_host):
    return


AGENT = Caller("agent", "another")


@pytest.mark.parametrize(
    ("before", "environment", "caller", "wanted", "code", "closed_with", "message"),
    [
        (full, Quiz, TRAINER, None, "CAPACITY_REACHED", 1013, "Server at capacity: 1/1 sessions active."),
        (stopping, Quiz, TRAINER, None, "SERVER_STOPPING", 1012, "the server is stopping:"),
        (nothing, Broken, TRAINER, None, "FACTORY_ERROR", 1000, "environment 'Broken' could not be made: ValueError"),
        (nothing, Quiz, TRAINER, "unknown", "SESSION_ERROR", 1000, "Unknown session_id: unknown"),
        (nothing, Quiz, AGENT, None, "SESSION_ERROR", 1000, "Unknown session_id: another"),
        (nothing, Quiz, AGENT, "unknown", "ACCESS_DENIED", 1000, "this token is for another session"),
    ],
)
@pytest.mark.parametrize("rpc_only", [False, True])
async def test_who_gets_no_session_is_told_why_and_whether_to_come_again(
    open_channel, before, environment, caller, wanted, code, closed_with, message, rpc_only
):
    channel = open_channel(environment, caller, rpc_only=rpc_only, max_sessions=1)
    await before(channel.host)
    with pytest.raises(Refused) as caught:
        await begin(channel, "new", wanted, untold)
    told = json.loads(caught.value.frame)
    data = {**told["error"]["data"], "message": told["error"]["message"]} if rpc_only else told["data"]
    assert (data["code"], caught.value.close_code) == (code, closed_with)
    assert data["message"].startswith(message)
    assert data["message"] == message or code != "SESSION_ERROR"
    assert "c4n4ry" not in str(told)
    await channel.host.close()


async def test_a_session_that_the_server_ends_says_whether_the_server_goes_on(open_channel):
    channel = open_channel()
    assert channel.farewell("enough")[1] == 1001
    await channel.host.sessions.drain(0)
    frame, code = channel.farewell("enough")
    assert (json.loads(frame)["data"], code) == ({"message": "enough", "code": "SESSION_ERROR"}, 1012)


async def test_frames_are_answered_alike_at_once_and_in_turn(open_channel):
    frames = [
        '{"type":"step","data":{"answer":"a1"}}',
        '{"type":"reset","data":{"index":1}}',
        '{"type":"reset","data":{"index":99}}',
        '{"type":"reset"}',
        '{"type":"step"}',
        '{"type":"step","data":[]}',
        '{"type":"step","data":{"answer":"a0"}}',
        '{"type":"step","data":{"answer":"a0"}}',
        '{"type":"state"}',
        '{"type":"mcp","data":{"jsonrpc":"2.0","id":1,"method":"nothing"}}',
        '{"type":"mcp","data":7}',
        '{"type":"dance"}',
        '{"data":{}}',
        "[1]",
        "{",
        '{"type":"close"}',
    ]
    told = []
    for at_once in (False, True):
        channel = open_channel()
        session = await begin(channel, "new", None, untold)
        answers = []
        for frame in frames:
            reply = answer_at_once(channel, session, frame) if at_once else answer(channel, session, frame)
            answers.append(reply if isinstance(reply, bytes) else await reply)
        told.append([each and json.loads(each) for each in answers])
        await channel.host.sessions.leave(session, broke=False)
    assert told[0] == told[1]
    assert told[0][-1] is None
    assert [each["type"] for each in told[0][:-1]].count("observation") == 3
