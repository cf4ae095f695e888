"""WebSocket's own rules, spoken byte by byte to both transports; cases like those of the Autobahn test suite."""

import json
import socket
import struct
import time

import pytest
from raw_websocket import BINARY, CLOSE, CONT, MIB, PING, PONG, RESET, STATE, TEXT, Echo, Raw, frame, padded
from websockets.sync.client import connect

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host


@pytest.fixture(scope="module", params=["fast", "plain"])
def transport(request):
    return request.param


@pytest.fixture(scope="module")
def host(make_taskset):
    return Host(make_taskset([{"question": "q0"}], {"reset": {"question": "question"}, "visible": ["question"]}), Echo)


@pytest.fixture(scope="module")
def url(host, serve, transport):
    with serve(create_app([host]), transport) as url:
        yield url


@pytest.mark.parametrize("size", [36, 125, 126, 127, 128, 65535, 65536, 65537, 16 * MIB])
def test_messages_of_every_kind_of_length(url, size):
    step, answer = padded(size)
    with Raw(url) as raw:
        raw.send(TEXT, RESET)
        raw.frame()
        raw.send(TEXT, step)
        assert json.loads(raw.frame()[1])["data"]["observation"]["size"] == answer


@pytest.mark.parametrize("size", [0, 60, 300, 70_000, 3 * MIB])
def test_answers_of_every_kind_of_length(url, size):
    with Raw(url) as raw:
        raw.send(TEXT, RESET)
        raw.frame()
        raw.send(TEXT, b'{"type":"step","data":{"want":%d}}' % size)
        assert json.loads(raw.frame()[1])["data"]["observation"]["echo"] == "x" * size


def test_bytes_that_come_one_by_one(url):
    with Raw(url) as raw:
        raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(TEXT, RESET) + frame(PING, b"hi") + frame(TEXT, padded(200)[0]):
            raw.socket.sendall(bytes([byte]))
            time.sleep(0.0005)
        assert raw.frame()[0] == TEXT
        assert raw.frame() == (PONG, b"hi")
        assert json.loads(raw.frame()[1])["data"]["observation"]["size"] == padded(200)[1]


@pytest.mark.parametrize("kind", [TEXT, BINARY])
def test_a_fragmented_message_with_control_frames_in_between(url, kind):
    with Raw(url) as raw:
        raw.send(kind, RESET[:10], fin=False)
        raw.send(PING, b"1")
        raw.send(CONT, b"", fin=False)
        raw.send(PONG, b"unasked")
        raw.send(CONT, RESET[10:])
        assert raw.frame() == (PONG, b"1")
        assert json.loads(raw.frame()[1])["data"]["observation"] == {"question": "q0"}
        assert raw.asks_state()


def test_a_text_may_be_cut_within_a_character(url):
    payload = '{"type":"reset","data":{"index":0,"topic":"κόσμε"}}'.encode()
    cut = payload.index("ό".encode()) + 1
    with Raw(url) as raw:
        raw.send(TEXT, payload[:cut], fin=False)
        raw.send(CONT, payload[cut:])
        assert json.loads(raw.frame()[1])["type"] == "observation"


@pytest.mark.parametrize("size", [0, 1, 125])
def test_a_ping_is_answered_with_what_it_holds(url, size):
    with Raw(url) as raw:
        raw.send(PING, b"p" * size)
        assert raw.frame() == (PONG, b"p" * size)
        raw.send(PONG, b"p" * size)
        assert raw.asks_state()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, STATE, reserved=1), 1002),
        (frame(TEXT, STATE, reserved=2), 1002),
        (frame(TEXT, STATE, reserved=4), 1002),
        (frame(PING, b"", reserved=7), 1002),
        *((frame(opcode, b"x"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
        (frame(TEXT, STATE, mask=False), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(CONT, b"x"), 1002),
        (frame(CONT, b"x", fin=False), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(BINARY, b"y", fin=False), 1002),
        (frame(TEXT, b'{"type":"\xff"}'), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
        (frame(TEXT, b"\xc0\xaf"), 1007),
        (frame(TEXT, "κό".encode()[:3], fin=False) + frame(CONT, b"x"), 1007),
        (b"\x82\xff" + (33 * MIB).to_bytes(8, "big") + b"\0" * 4, 1009),
        (b"\x81\xff" + (2**63).to_bytes(8, "big") + b"\0" * 4, 1009),
    ],
)
def test_a_connection_that_breaks_the_rules_is_closed_with_the_reason(url, sent, code):
    with Raw(url) as raw:
        raw.socket.sendall(sent)
        assert raw.closed_with() == code


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_a_closing_frame_is_answered_with_its_own_code(url, code):
    with Raw(url) as raw:
        raw.send(CLOSE, struct.pack("!H", code) + "bye κ".encode())
        assert raw.closed_with() == code


def test_an_empty_closing_frame_is_answered_with_an_empty_one(url):
    with Raw(url) as raw:
        raw.send(CLOSE)
        assert raw.closed_with() is None


@pytest.mark.parametrize("payload", [b"\x03", *(struct.pack("!H", code) for code in (0, 999, 1004, 1005, 1006, 2999))])
def test_a_closing_frame_that_says_nonsense_breaks_the_rules(url, payload):
    with Raw(url) as raw:
        raw.send(CLOSE, payload)
        assert raw.closed_with() == 1002


def test_a_closing_frame_whose_reason_is_no_text(url):
    with Raw(url) as raw:
        raw.send(CLOSE, b"\x03\xe8\xff\xfe")
        assert raw.closed_with() == 1007


def test_nothing_is_answered_after_a_closing_frame(url):
    with Raw(url) as raw:
        raw.socket.sendall(frame(CLOSE, b"\x03\xe8") + frame(TEXT, STATE) + frame(PING))
        assert raw.closed_with() == 1000


def test_a_message_that_grows_too_large_in_fragments_is_cut_off(url):
    with Raw(url) as raw:
        raw.send(BINARY, b"x" * (20 * MIB), fin=False)
        raw.socket.sendall(b"\x80\xff" + (20 * MIB).to_bytes(8, "big") + b"\0" * 4)
        assert raw.closed_with() == 1009


def test_a_client_that_answers_no_ping_is_gone(host, serve, transport):
    app = create_app([host])
    with (
        serve(app, transport, ws_ping_interval=0.1, ws_ping_timeout=2) as url,
        Raw(url) as silent,
        connect(url.replace("http", "ws") + "/quiz/ws") as alive,
    ):
        while (seen := silent.frame()) is not None:
            assert seen[0] in (PING, CLOSE)
        time.sleep(0.5)
        alive.send(STATE.decode())
        assert json.loads(alive.recv(timeout=30))["type"] == "state"
