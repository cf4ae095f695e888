"""Sessions on a WebSocket, spoken to byte by byte: the handshake, the order of answers, clients that send or wait."""

import json
import re
import time

import pytest
from asking import ask, taken_up
from raw_websocket import CLOSE, MIB, PING, PONG, RESET, TEXT, Echo, Raw, frame, padded

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings


class Slow(Echo):
    blocking = "thread"

    def step(self, action):
        time.sleep(action.get("seconds", 0))
        return super().step(action)


class Pooled(Slow):
    blocking = "pool"


@pytest.fixture(scope="module", params=["fast", "plain"])
def transport(request):
    return request.param


@pytest.fixture(scope="module")
def hosts(make_taskset):
    taskset = make_taskset([{"question": "q0"}], {"reset": {"question": "question"}, "visible": ["question"]})
    slow = make_taskset([{"question": "q0"}], {"reset": {"question": "question"}}, id="slow")
    pooled = make_taskset([{"question": "q0"}], {"reset": {"question": "question"}}, id="pooled")
    settings = HostSettings(max_sessions=8)
    return [Host(taskset, Echo), Host(slow, Slow, settings=settings), Host(pooled, Pooled, settings=settings)]


@pytest.fixture(scope="module")
def url(hosts, serve, transport):
    with serve(create_app(hosts), transport) as url:
        yield url


def test_the_handshake_names_the_session(url):
    with Raw(url) as raw:
        assert raw.head.startswith("HTTP/1.1 101 ")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in raw.head.split("\r\n")}
        assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert len(headers["x-session-id"]) == 32
        assert "sec-websocket-extensions" not in headers


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/quiz/ws", ["Sec-WebSocket-Version: 12"], 400),
        ("/nope/ws", [], 403),
        ("/quiz/wsx", [], 403),
        ("/quiz/reset", [], 403),
    ],
)
def test_what_is_no_connection_of_ours_is_refused_in_the_handshake(url, path, headers, status):
    with Raw(url, path, headers) as raw:
        assert raw.head.startswith(f"HTTP/1.1 {status} ")
        assert "x-session-id" not in raw.head.lower()


def test_many_frames_in_one_packet_are_answered_in_order(url):
    steps = [b'{"type":"step","data":{"answer":"%s"}}' % (b"x" * number) for number in range(100)]
    with Raw(url) as raw:
        raw.socket.sendall(b"".join(frame(TEXT, payload) for payload in (RESET, *steps)))
        assert json.loads(raw.frame()[1])["data"]["observation"] == {"question": "q0"}
        assert [json.loads(raw.frame()[1])["data"]["observation"]["size"] for _ in steps] == list(range(100))


def test_a_message_beyond_sixteen_mebibytes_is_answered_and_the_session_lives(url):
    step, _ = padded(16 * MIB + 1)
    with Raw(url) as raw:
        raw.send(TEXT, RESET)
        raw.frame()
        raw.send(TEXT, step)
        data = json.loads(raw.frame()[1])["data"]
        assert data == {
            "message": f"A message is at most {16 * MIB} bytes, not {16 * MIB + 1}",
            "code": "MESSAGE_TOO_LARGE",
        }
        raw.send(TEXT, padded(100)[0])
        assert json.loads(raw.frame()[1])["type"] == "observation"


def test_a_client_that_does_not_read_is_not_answered_without_end(url):
    """Its answers fill the buffers on the way; then the server stops reading, and goes on when it can."""
    ask = frame(TEXT, b'{"type":"step","data":{"want":1000000}}')
    with Raw(url) as raw, Raw(url) as other:
        raw.send(TEXT, RESET)
        raw.frame()
        raw.socket.sendall(ask * 200)
        assert other.asks_state()
        for _ in range(200):
            assert len(json.loads(raw.frame()[1])["data"]["observation"]["echo"]) == 1_000_000
        assert raw.asks_state()


@pytest.mark.parametrize("which", ["slow", "pooled"])
def test_frames_that_come_during_a_step_wait_for_it(url, which):
    with Raw(url, f"/{which}/ws") as raw:
        raw.send(TEXT, RESET)
        raw.frame()
        steps = [b'{"type":"step","data":{"seconds":0.2,"answer":"x"}}']
        steps += [b'{"type":"step","data":{"answer":"%s"}}' % (b"x" * number) for number in range(2, 60)]
        raw.socket.sendall(b"".join(frame(TEXT, step) for step in steps))
        assert [json.loads(raw.frame()[1])["data"]["observation"]["size"] for _ in steps] == list(range(1, 60))


@pytest.mark.parametrize("which", ["slow", "pooled"])
def test_a_client_that_is_gone_without_a_sign_is_noticed_during_its_step(hosts, serve, transport, which):
    settings = {"ws_ping_interval": 0.5, "ws_ping_timeout": 2}
    with serve(create_app(hosts), transport, **settings) as url, Raw(url, f"/{which}/ws") as silent:
        silent.send(TEXT, RESET)
        while silent.frame()[0] == PING:
            silent.send(PONG, b"")
        silent.send(TEXT, b'{"type":"step","data":{"seconds":6}}')
        while (seen := silent.frame()) is not None:
            assert seen[0] in (PING, CLOSE)


def test_a_session_whose_client_is_gone_without_a_sign_may_be_taken_up_again(make_taskset, serve, transport):
    taskset = make_taskset([{"question": "q0"}], {"reset": {"question": "question"}}, id="quiz")
    app = create_app([Host(taskset, Slow, settings=HostSettings(grace_seconds=60))])
    with serve(app, transport, ws_ping_interval=0.5, ws_ping_timeout=2) as url, Raw(url, "/ws") as silent:
        silent.send(TEXT, RESET)
        while silent.frame()[0] == PING:
            silent.send(PONG, b"")
        while silent.frame() is not None:
            pass
        (session_id,) = re.findall(r"x-session-id: (\w+)", silent.head.lower())
        with taken_up(url, session_id) as websocket:
            assert ask(websocket, "step", {"answer": "abc"})["data"]["observation"]["size"] == 3
