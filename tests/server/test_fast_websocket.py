"""WebSocket's own rules, spoken byte by byte to both transports; cases like those of the Autobahn test suite."""

import json
import socket
import struct
import time

import pytest
from websockets.sync.client import connect

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
STATE = b'{"type":"state"}'
RESET = b'{"type":"reset","data":{"index":0}}'
MIB = 2**20


class Quiz:
    blocking = False

    def reset(self, question):
        return {"question": question}

    def step(self, action):
        return {"size": len(action.get("answer", "")), "echo": "x" * action.get("want", 0), "done": False}

    state = None

    def close(self):
        pass


class Slow(Quiz):
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
    return [Host(taskset, Quiz), Host(slow, Slow, settings=settings), Host(pooled, Pooled, settings=settings)]


@pytest.fixture(scope="module")
def url(hosts, serve, transport):
    with serve(create_app(hosts), transport) as url:
        yield url


class Raw:
    """A client that says exactly what it is told to."""

    def __init__(self, url, path="/quiz/ws", headers=()):
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            *headers,
            "",
            "",
        ]
        self.socket.sendall("\r\n".join(lines).encode())
        self.rest = b""
        self.head = self.until(b"\r\n\r\n").decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def until(self, mark):
        while mark not in self.rest:
            self.rest += self.more()
        found, _, self.rest = self.rest.partition(mark)
        return found

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        return data

    def exactly(self, size):
        while len(self.rest) < size:
            self.rest += self.more()
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def send(self, opcode, payload=b"", *, fin=True, reserved=0, mask=True):
        self.socket.sendall(frame(opcode, payload, fin=fin, reserved=reserved, mask=mask))

    def frame(self):
        """Opcode and payload of the next frame; None at the end of the connection."""
        try:
            first, second = self.exactly(2)
            assert second < 128, "a server does not mask"
            size = second
            if second > 125:
                size = int.from_bytes(self.exactly(2 if second == 126 else 8), "big")
            return first & 15, self.exactly(size)
        except (EOFError, ConnectionResetError):
            return None

    def asks_state(self):
        """Whether the session answers."""
        self.send(TEXT, STATE)
        opcode, payload = self.frame()
        return opcode == TEXT and json.loads(payload)["type"] == "state"

    def closed_with(self):
        """The code of the closing frame, which is followed by nothing but the end."""
        opcode, payload = self.frame()
        assert opcode == CLOSE, payload
        assert self.frame() is None
        return int.from_bytes(payload[:2], "big") if payload else None


def frame(opcode, payload=b"", *, fin=True, reserved=0, mask=True):
    size = len(payload)
    bits = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if size < 126:
        head += bytes([bits | size])
    elif size < 65536:
        head += bytes([bits | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bits | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = b"7\xfa!="  # the same in every process that collects these tests
    masked = int.from_bytes(payload, "big") ^ int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return head + key + masked.to_bytes(size, "big")


def padded(size):
    """A step of exactly so many bytes, and how long its answer is."""
    empty = b'{"type":"step","data":{"answer":""}}'
    return empty.replace(b'""', b'"' + b"x" * (size - len(empty)) + b'"'), size - len(empty)


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


def test_many_frames_in_one_packet_are_answered_in_order(url):
    steps = [b'{"type":"step","data":{"answer":"%s"}}' % (b"x" * number) for number in range(100)]
    with Raw(url) as raw:
        raw.socket.sendall(b"".join(frame(TEXT, payload) for payload in (RESET, *steps)))
        assert json.loads(raw.frame()[1])["data"]["observation"] == {"question": "q0"}
        assert [json.loads(raw.frame()[1])["data"]["observation"]["size"] for _ in steps] == list(range(100))


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


def test_a_message_that_grows_too_large_in_fragments_is_cut_off(url):
    with Raw(url) as raw:
        raw.send(BINARY, b"x" * (20 * MIB), fin=False)
        raw.socket.sendall(b"\x80\xff" + (20 * MIB).to_bytes(8, "big") + b"\0" * 4)
        assert raw.closed_with() == 1009


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


def test_a_client_that_answers_no_ping_is_gone(hosts, serve, transport):
    app = create_app(hosts)
    with (
        serve(app, transport, ws_ping_interval=0.1, ws_ping_timeout=3) as url,
        Raw(url) as silent,
        connect(url.replace("http", "ws") + "/quiz/ws") as alive,
    ):
        while (seen := silent.frame()) is not None:
            assert seen[0] in (PING, CLOSE)
        time.sleep(0.5)
        alive.send(STATE.decode())
        assert json.loads(alive.recv(timeout=30))["type"] == "state"
