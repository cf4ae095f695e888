"""Clients that do not behave, on real sockets: each gets a clear answer, and nobody else is kept from anything."""

import contextlib
import gc
import json
import resource
import socket
import time
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest
from asking import HTTP, eventually, open_raw
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.connection_limits import ConnectionLimits
from openenv_tasksets.server.host import Host, HostSettings

ROWS = [{"question": f"q{n}"} for n in range(9)]
TASK = {"reset": {"question": "question"}, "visible": ["question"]}
MIB = 2**20


class Quiz:
    blocking = False

    def reset(self, question):
        return {"question": question}

    def step(self, action):
        return {"text": "x" * action.get("size", 0), "done": False}

    state = None

    def close(self):
        pass


@pytest.fixture(params=["fast", "plain"])
def transport(request):
    return request.param


@pytest.fixture
def host(make_taskset):
    return Host(make_taskset(ROWS, TASK), Quiz, settings=HostSettings(max_rate=4))


@pytest.fixture
def serve_limited(host, serve, transport):
    return lambda **limits: serve(create_app([host]), transport, limits=ConnectionLimits(**limits))


def rest(connection):
    """Everything until the server closes, be it that it was sent something more meanwhile."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(2**16):
            data += piece
    return data


def answered(data):
    """Status and JSON body of a raw answer."""
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)


def healthy(url):
    return HTTP.get(f"{url}/health", timeout=30).json() == {"status": "healthy"}


def test_headers_that_trickle_in_are_not_waited_for(serve_limited):
    with serve_limited(header_seconds=1) as url, ExitStack() as stack:
        slow = [stack.enter_context(open_raw(url)) for _ in range(20)]
        for piece in (b"GET /health HTTP/1.1\r\nx: ", b"y", b"y", b"y"):
            for each in slow[:19]:
                with contextlib.suppress(ConnectionError):  # it may have been too long already
                    each.sendall(piece)
            assert healthy(url)
            time.sleep(0.05)
        for each in slow:
            status, body = answered(rest(each))
            assert (status, body["code"]) == (408, "TIME_EXCEEDED")
            assert body["detail"] == "the request's headers did not come within 1 s"


def test_a_second_request_that_trickles_in_is_not_waited_for_either(serve_limited):
    with serve_limited(header_seconds=1) as url, open_raw(url) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        first = connection.recv(2**16)
        assert first.startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /hea")
        assert answered(rest(connection).removeprefix(b'{"status":"healthy"}'))[0] == 408


def test_a_body_that_trickles_in_is_not_waited_for(serve_limited):
    with serve_limited(request_seconds=0.5) as url, open_raw(url) as connection:
        connection.sendall(
            b"POST /reset HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
        )
        for _ in range(3):
            time.sleep(0.05)
            with contextlib.suppress(ConnectionError):
                connection.sendall(b" ")
        status, body = answered(rest(connection))
        assert (status, body["detail"]) == (408, "the request's body did not come within 0.5 s")
        assert healthy(url)


@pytest.mark.parametrize("leaves", [True, False])
def test_a_reset_whose_body_never_comes_begins_nothing(serve_limited, host, leaves):
    with serve_limited(request_seconds=60 if leaves else 0.2) as url:
        with open_raw(url) as connection:
            connection.sendall(b"POST /reset HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")
            if not leaves:
                assert answered(rest(connection))[0] == 408
        for _ in range(5):
            assert healthy(url)
        assert (host.counts.opened, sum(host.counts.resets.classes)) == (0, 0)
        # What else would begin one does.
        assert HTTP.post(f"{url}/reset").status_code == 200
        assert sum(host.counts.resets.classes) == 1


def test_a_slow_answer_is_not_a_slow_request(serve, make_taskset, transport):
    class Slow(Quiz):
        blocking = "thread"

        def reset(self, question):
            time.sleep(1.2)
            return {}

    app = create_app([Host(make_taskset(ROWS, TASK), Slow)])
    limits = ConnectionLimits(header_seconds=1, request_seconds=1)
    with serve(app, transport, limits=limits) as url:
        assert HTTP.post(f"{url}/reset", json={}, timeout=30).status_code == 200
        with connect(url.replace("http", "ws") + "/ws") as websocket:
            time.sleep(1.2)
            websocket.send('{"type":"reset"}')
            assert json.loads(websocket.recv(timeout=30))["type"] == "observation"


def one_answer(connection):
    """The next answer on a connection that goes on."""
    response = HTTPResponse(connection)
    response.begin()
    return response.status, json.loads(response.read())


HEAD = b"POST /reset HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize("sent", ["announced", "in chunks", "from a foreign page"])
def test_a_client_whose_body_is_refused_gets_to_the_answer_and_may_ask_again(serve_limited, sent):
    head, piece, status = HEAD, b" " * MIB, 413
    if sent == "in chunks":
        head, piece = HEAD + b"transfer-encoding: chunked\r\n", b"100000\r\n" + piece + b"\r\n"
    else:
        head += b"content-length: %d\r\n" % (40 * MIB)
    if sent == "from a foreign page":
        head, status = head + b"origin: https://evil.example\r\n", 403
    with serve_limited() as url, open_raw(url) as connection:
        connection.sendall(head + b"\r\n")
        for _ in range(40):
            connection.sendall(piece)
        connection.sendall(b"0\r\n\r\n" if sent == "in chunks" else b"")
        assert one_answer(connection)[0] == status
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert one_answer(connection) == (200, {"status": "healthy"})


def test_a_refused_body_without_end_is_read_for_so_long_and_no_longer(serve_limited):
    with serve_limited(request_seconds=0.5) as url, open_raw(url) as connection:
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % 2**40)
        assert one_answer(connection)[0] == 413
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                connection.sendall(b" ")
                time.sleep(0.01)
        assert rest(connection) == b""
        assert healthy(url)


def test_headers_without_end_are_cut_off(serve_limited):
    with serve_limited(header_bytes=2**14) as url, open_raw(url) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\n" + b"x: y\r\n" * 4000)
        status, body = answered(rest(connection))
        assert (status, body["code"]) == (431, "MESSAGE_TOO_LARGE")
        assert healthy(url)


def test_a_flood_of_connections_is_refused_and_passes(serve_limited, host):
    with serve_limited(most=20) as url:
        with ExitStack() as stack:
            websocket = stack.enter_context(connect(url.replace("http", "ws") + "/ws"))
            flood = [stack.enter_context(open_raw(url)) for _ in range(100)]
            refused = HTTP.get(f"{url}/health", timeout=30)
            assert (refused.status_code, refused.json()["code"]) == (503, "CAPACITY_REACHED")
            assert refused.json()["detail"] == "the server has 20 connections, and takes no more"
            assert int(refused.headers["retry-after"]) > 0
            websocket.send('{"type":"reset"}')
            assert json.loads(websocket.recv(timeout=30))["type"] == "observation"
            # Also one that says nothing is told, and let go.
            assert answered(rest(flood[-1]))[0] == 503
        assert eventually(lambda: healthy_or_not(url))


def test_one_address_has_no_more_connections_than_it_may_and_others_are_not_hurt(serve_limited, host):
    with serve_limited(most_of_address=5) as url:
        for _ in range(2):
            with ExitStack() as stack:
                for path in ("/ws", "/ws", "/nowhere"):  # which are upgraded, or not
                    upgrade = UPGRADE.replace(b"/ws", path.encode())
                    stack.enter_context(open_raw(url, "127.0.0.2")).sendall(upgrade)
                for _ in range(97):
                    flood = stack.enter_context(open_raw(url, "127.0.0.2"))
                status, body = answered(rest(flood))
                assert (status, body["code"]) == (503, "CAPACITY_REACHED")
                assert body["detail"] == "this address has 5 connections, and may have no more"
                assert healthy(url)
                with connect(url.replace("http", "ws") + "/ws") as websocket:
                    websocket.send('{"type":"reset"}')
                    assert json.loads(websocket.recv(timeout=30))["type"] == "observation"
            assert eventually(lambda: host.active_sessions == 0)
        assert eventually(lambda: ok_from(url, "127.0.0.2"))


def ok_from(url, address):
    with open_raw(url, address) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return b"200 OK" in rest(connection)


def healthy_or_not(url):
    return HTTP.get(f"{url}/health", timeout=30).status_code == 200


def test_garbage_is_answered_and_no_descriptor_is_left(serve_limited):
    with serve_limited() as url:
        assert healthy(url)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for garbage in (
            b"\x16\x03\x01\x02\x00\x01",
            b"\r\n" * 50,
            b"GET\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\n",
            b"\0" * 999,
        ):
            with open_raw(url) as connection:
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
                assert b"200 OK" not in rest(connection)
        assert healthy(url)
        assert eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def test_half_closed_connections_leave_nothing_behind(serve_limited, host):
    with serve_limited() as url:
        for _ in range(20):
            with open_raw(url) as connection:
                connection.sendall(UPGRADE)
                assert connection.recv(4096).startswith(b"HTTP/1.1 101")
                connection.shutdown(socket.SHUT_WR)
                rest(connection)
        assert eventually(lambda: host.active_sessions == 0)
        assert healthy(url)


def test_a_client_that_asks_for_much_and_never_reads_fills_no_memory(serve, make_taskset, transport):
    host = Host(make_taskset(ROWS, TASK), Quiz)
    frames = [b'{"type":"reset"}', *[json.dumps({"type": "step", "data": {"size": MIB}}).encode()] * 300]
    asked = b"".join(Frame(Opcode.TEXT, frame).serialize(mask=True) for frame in frames)
    with serve(create_app([host]), transport) as url, ExitStack() as stack:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(8):
            connection = stack.enter_context(open_raw(url))
            connection.sendall(UPGRADE)
            assert connection.recv(4096).startswith(b"HTTP/1.1 101")
            connection.sendall(asked)
        assert eventually(lambda: host.counts.steps.classes != [0] * len(host.counts.steps.classes))
        for _ in range(5):
            assert healthy(url)
            time.sleep(0.05)
        assert sum(host.counts.steps.classes) < 8 * 300
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 300 * MIB
    assert eventually(lambda: host.active_sessions == 0)


def test_a_session_that_asks_too_often_is_told_so_and_lives(serve_limited):
    with serve_limited() as url, connect(url.replace("http", "ws") + "/ws") as websocket:
        for _ in range(60):
            websocket.send('{"type":"reset"}')
        replies = [json.loads(websocket.recv(timeout=30)) for _ in range(60)]
        codes = [reply["data"].get("code", "observation") for reply in replies]
        assert codes[:4] == ["observation"] * 4
        assert set(codes[4:]) == {"RATE_EXCEEDED", "observation"} or set(codes[4:]) == {"RATE_EXCEEDED"}
        assert "may make 4 requests a second; wait " in replies[codes.index("RATE_EXCEEDED")]["data"]["message"]
        time.sleep(0.3)
        websocket.send('{"type":"state"}')
        assert json.loads(websocket.recv(timeout=30))["type"] == "state"
        session_id = HTTP.post(f"{url}/reset", json={}).json()["session_id"]
        with httpx.Client(headers={"x-session-id": session_id}) as client:
            answers = [client.get(f"{url}/state") for _ in range(60)]
        refused = next(answer for answer in answers if answer.status_code != 200)
        assert (refused.status_code, refused.json()["code"]) == (429, "RATE_EXCEEDED")
        assert int(refused.headers["retry-after"]) > 0


def test_requests_for_tools_count_as_well(make_taskset, serve, transport):
    host = Host(make_taskset(ROWS, TASK), Quiz, settings=HostSettings(max_rate=0.01))

    def code_of(reply):
        return (reply["error"]["data"] or {}).get("code")

    with serve(create_app([host]), transport) as url, connect(url.replace("http", "ws") + "/mcp") as websocket:
        replies = []
        for number in range(2):
            websocket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/list", "params": {}}))
            replies.append(json.loads(websocket.recv(timeout=30)))
        assert [(reply["id"], code_of(reply)) for reply in replies] == [(0, None), (1, "RATE_EXCEEDED")]

        params = {"session_id": HTTP.post(f"{url}/reset", json={}).json()["session_id"]}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}
        answers = [HTTP.post(f"{url}/mcp", json=request).json() for _ in range(2)]
        assert [code_of(answer) for answer in answers] == [None, "RATE_EXCEEDED"]


def test_requests_of_the_model_context_protocol_count_as_well(make_taskset, serve, transport):
    class Tooled(Quiz):
        step_tool = "act"

    host = Host(make_taskset(ROWS, TASK), Tooled, settings=HostSettings(max_rate=0.01))
    with serve(create_app([host]), transport) as url, httpx.Client(base_url=url, timeout=60) as client:
        client.headers["accept"] = "application/json, text/event-stream"
        session_id = client.post("/reset", json={}).json()["session_id"]
        client.headers["x-session-id"] = session_id

        def asked(method, **params):
            return client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

        information = {"name": "x", "version": "1"}
        begun = asked("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=information)
        client.headers["mcp-session-id"] = begun.headers["mcp-session-id"]
        client.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert [each["name"] for each in asked("tools/list").json()["result"]["tools"]] == ["act"]
        assert "may make 0.01 requests a second; wait " in asked("tools/list").json()["error"]["message"]
        called = asked("tools/call", name="act", arguments={}).json()["result"]
        assert called["isError"]
        assert "may make 0.01 requests a second; wait " in called["content"][0]["text"]
    assert host.counts.steps.seconds == 0.0


@pytest.mark.parametrize("depth", [100, 126, 128, 500])
def test_a_message_may_be_nested_so_deep_and_no_deeper(serve_limited, depth):
    nested = "[" * depth + "0" + "]" * depth
    with serve_limited() as url, connect(url.replace("http", "ws") + "/ws") as websocket:
        for frame in ('{"type":"reset"}', f'{{"type":"step","data":{{"x":{nested}}}}}', '{"type":"state"}'):
            websocket.send(frame)
        replies = [json.loads(websocket.recv(timeout=30)) for _ in range(3)]
        answer = HTTP.post(
            f"{url}/step", content=f'{{"action":{{"x":{nested}}}}}', headers={"content-type": "application/json"}
        )
    assert replies[2]["type"] == "state"
    if depth <= 126:
        assert (replies[1]["type"], answer.status_code) == ("observation", 200)
    else:
        assert replies[1]["data"]["message"] == "Invalid JSON: nested more than 128 deep"
        assert 400 <= answer.status_code < 500


def http_connections():
    return [each for each in gc.get_objects() if type(each).__name__ == "LimitedHttp"]


def test_of_a_connection_that_became_a_websocket_nothing_of_http_is_left(serve_limited):
    gc.collect()
    before = http_connections()
    gc.disable()
    try:
        with serve_limited() as url, ExitStack() as stack:
            for _ in range(5):
                websocket = stack.enter_context(connect(url.replace("http", "ws") + "/ws"))
                websocket.send('{"type":"state"}')
                websocket.recv(timeout=30)
            assert not [each for each in http_connections() if each not in before]
    finally:
        gc.enable()
