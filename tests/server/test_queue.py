"""More clients than sessions: who waits, who is served when, and who is told to come again."""

import json
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from asking import HTTP, ask, ended, eventually, open_raw, receive
from plain_quiz import TASK, Quiz, rows
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from openenv_tasksets.server.access import TRAINER
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.conversation import Channel, answer
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host, HostSettings


class Slow(Quiz):
    blocking = "thread"


class Pooled(Quiz):
    blocking = "pool"


@pytest.fixture(params=[Quiz, Slow, Pooled], ids=["on the loop", "on a thread", "on the pool"])
def make_host(request, make_taskset):
    def make(**settings):
        return Host(make_taskset(rows(50), TASK), request.param, settings=HostSettings(**settings))

    return make


@pytest.fixture(params=["fast", "plain"])
def transport(request):
    return request.param


def test_whoever_waits_is_served_in_turn_and_whoever_is_too_many_is_told_to_come_again(make_host, serve, transport):
    host = make_host(max_sessions=1, queue=2, queue_seconds=60)
    with serve(create_app([host]), transport) as url:
        ws = url.replace("http", "ws") + "/ws"
        with connect(ws) as first, connect(ws) as second:
            assert ask(first, "reset", {"index": 0})["type"] == "observation"
            assert eventually(lambda: host.sessions.slots.waiting == 1)
            # Frames that come before the session are answered by it.
            for index in (1, 3):
                second.send(json.dumps({"type": "reset", "data": {"index": index}}))
            with connect(ws) as third:
                assert eventually(lambda: host.sessions.slots.waiting == 2)
                with connect(ws) as fourth:
                    error, code = ended(fourth)
                    assert (error["code"], error["active_sessions"], code) == ("CAPACITY_REACHED", 1, 1013)
                refused = HTTP.post(f"{url}/reset", json={})
                assert (refused.status_code, refused.json()["code"]) == (503, "CAPACITY_REACHED")
                assert int(refused.headers["retry-after"]) > 0
                first.close()
                assert [receive(second)["data"]["observation"]["question"] for _ in range(2)] == ["q1", "q3"]
                assert ask(second, "step", {"answer": "a3"})["data"]["reward"] == 1.0
                second.close()
                assert ask(third, "reset", {"index": 2})["data"]["observation"]["question"] == "q2"


def test_a_long_line_is_served_in_the_order_of_coming_over_both_channels(make_host, serve, transport):
    host = make_host(max_sessions=1, queue=40, queue_seconds=60)
    served = []
    with serve(create_app([host]), transport) as url, ExitStack() as stack:
        holder = stack.enter_context(connect(url.replace("http", "ws") + "/ws"))
        ask(holder, "reset", {})

        def over_http(number):
            begun = HTTP.post(f"{url}/reset", json={"index": number}, timeout=60).json()
            served.append((number, begun["observation"]["question"]))
            message = {"jsonrpc": "2.0", "id": 1, "method": "openenv/session/close", "params": begun}
            HTTP.post(f"{url}/mcp", json={**message, "params": {"session_id": begun["session_id"]}}, timeout=60)

        def over_websocket(number):
            with connect(url.replace("http", "ws") + "/ws") as websocket:
                begun = ask(websocket, "reset", {"index": number})
                served.append((number, begun["data"]["observation"]["question"]))

        clients = []
        for number in range(20):
            client = threading.Thread(target=(over_http, over_websocket)[number % 2], args=(number,))
            client.start()
            clients.append(client)
            assert eventually(lambda waiting=number + 1: host.sessions.slots.waiting == waiting)
        holder.close()
        for client in clients:
            client.join(60)
    assert served == [(number, f"q{number}") for number in range(20)]


def test_a_client_that_leaves_the_line_gives_its_place_up(make_host, serve, transport):
    host = make_host(max_sessions=1, queue=1, queue_seconds=60)
    with serve(create_app([host]), transport) as url:
        ws = url.replace("http", "ws") + "/ws"
        with connect(ws) as first:
            for _ in range(3):
                leaver = connect(ws)
                assert eventually(lambda: host.sessions.slots.waiting == 1)
                leaver.socket.shutdown(socket.SHUT_RDWR)
                assert eventually(lambda: host.sessions.slots.waiting == 0)
            with open_raw(url) as raw:
                raw.sendall(b"POST /reset HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
                assert eventually(lambda: host.sessions.slots.waiting == 1)
            assert eventually(lambda: host.sessions.slots.waiting == 0)
            assert ask(first, "reset", {})["type"] == "observation"
        assert eventually(lambda: host.active_sessions == 0)


@pytest.mark.slow
def test_a_client_in_line_is_not_given_up_while_no_more_of_its_frames_are_read(make_host, serve):
    host = make_host(max_sessions=1, queue=1, queue_seconds=60)
    with serve(create_app([host]), "fast", ws_ping_interval=0.5, ws_ping_timeout=2) as url:
        ws = url.replace("http", "ws") + "/ws"
        with connect(ws) as first, connect(ws) as second:
            assert eventually(lambda: host.sessions.slots.waiting == 1)
            for _ in range(20):
                second.send('{"type":"state"}')
            time.sleep(6)
            first.close()
            assert [receive(second)["type"] for _ in range(20)] == ["state"] * 20


def test_waiting_too_long_is_told_like_a_full_line(make_host, serve, transport):
    host = make_host(max_sessions=1, queue=1, queue_seconds=0.2)
    with serve(create_app([host]), transport) as url:
        ws = url.replace("http", "ws") + "/ws"
        with connect(ws) as first:
            ask(first, "reset", {})
            with connect(ws) as second:
                error, code = ended(second)
            assert (error["code"], code) == ("CAPACITY_REACHED", 1013)
            assert HTTP.post(f"{url}/reset", json={}).status_code == 503


def test_a_reset_over_http_waits_for_its_turn(make_host, serve):
    host = make_host(max_sessions=1, queue=1, queue_seconds=60)
    with serve(create_app([host])) as url:
        answers = []
        with connect(url.replace("http", "ws") + "/ws"):
            asking = threading.Thread(target=lambda: answers.append(HTTP.post(f"{url}/reset", json={"index": 3})))
            asking.start()
            assert eventually(lambda: host.sessions.slots.waiting == 1)
        asking.join(30)
        assert answers[0].json()["observation"]["question"] == "q3"


def test_the_rate_holds_wherever_the_environment_runs(make_host, serve, transport):
    host = make_host(max_rate=2)
    with serve(create_app([host]), transport) as url, connect(url.replace("http", "ws") + "/ws") as websocket:
        # One after the other: frames that wait are answered in another way.
        codes = [ask(websocket, "reset", {"index": 0})["data"].get("code") for _ in range(40)]
    assert codes[0] is None
    assert "RATE_EXCEEDED" in codes


def test_a_frame_of_an_episode_is_none_on_the_websocket_of_json_rpc(make_host, serve, transport):
    host = make_host()
    with serve(create_app([host]), transport) as url, connect(url.replace("http", "ws") + "/mcp") as websocket:
        for _ in range(2):
            assert ask(websocket, "reset", {"index": 0})["error"]["code"] == -32600


class Gated(Quiz):
    """Its reset() lasts until it is let go."""

    blocking = "thread"
    let_go = threading.Event()

    def reset(self, question, answer):
        assert self.let_go.wait(60)
        return super().reset(question, answer)


def test_a_reset_over_http_is_not_ended_for_another_client_s_sake(make_taskset, serve):
    host = Host(make_taskset(rows(9), TASK), Gated, settings=HostSettings(max_sessions=1))
    Gated.let_go.clear()
    with serve(create_app([host])) as url:
        answers = []
        asking = threading.Thread(target=lambda: answers.append(HTTP.post(f"{url}/reset", json={"index": 3})))
        asking.start()
        assert eventually(lambda: host.active_sessions == 1)
        second = HTTP.post(f"{url}/reset", json={"index": 4})
        assert (second.status_code, second.json()["code"]) == (503, "CAPACITY_REACHED")
        Gated.let_go.set()
        asking.join(30)
        assert answers[0].json()["observation"]["question"] == "q3"
        assert HTTP.post(f"{url}/reset", json={"index": 5}).json()["observation"]["question"] == "q5"


def test_a_client_that_sends_while_it_waits_fills_no_memory(make_host, serve, transport):
    host = make_host(max_sessions=1, queue=1, queue_seconds=60)
    with serve(create_app([host]), transport) as url:
        ws = url.replace("http", "ws") + "/ws"
        with connect(ws) as first:
            with connect(ws) as second:
                frame = json.dumps({"type": "step", "data": {"x": "x" * 2**20}})
                second.socket.settimeout(0.5)
                sent = 0
                with pytest.raises((TimeoutError, ConnectionClosed)):  # noqa: PT012
                    for sent in range(200):  # noqa: B007
                        second.send(frame)
                assert sent < 60
            assert ask(first, "reset", {})["type"] == "observation"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("rpc_only", "frame"),
    [
        (False, "garbage"),
        (False, '{"type":"wat"}'),
        (False, '{"type":"step","data":{}}'),
        (False, '{"type":"mcp","data":{"jsonrpc":"2.0","id":1,"method":"ping"}}'),
        (True, "garbage"),
        (True, '{"jsonrpc":"2.0","id":1,"method":"ping"}'),
    ],
)
async def test_a_client_that_asks_for_nothing_sensible_is_there_all_the_same(make_host, rpc_only, frame):
    host = make_host()
    session = await host.open_session()
    session.used_at = 0.0
    assert await answer(Channel(host, Gate(), TRAINER, rpc_only=rpc_only), session, frame)
    assert session.used_at > 0.0
    session.used_at = 0.0
    assert host.sessions.find(session.id).used_at > 0.0
    await host.release(session)
