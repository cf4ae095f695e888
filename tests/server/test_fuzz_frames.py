"""Frames, and sequences of them, that nobody would think of: one answer each, and no session lost."""

import json
import socket

import pytest
from asking import open_raw
from fuzzing import some, very_many
from hypothesis import given
from hypothesis import strategies as st
from made_up_json import objects, text_of, values
from plain_quiz import TASK, Quiz, rows
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

ALONE = {"INVALID_JSON", "UNKNOWN_TYPE", "VALIDATION_ERROR"}


@pytest.fixture(scope="module", params=["fast", "plain"])
def transport(request):
    return request.param


@pytest.fixture(scope="module")
def host(make_taskset, transport):
    return Host(make_taskset(rows(9), TASK), Quiz)


@pytest.fixture(scope="module")
def url(serve, host, transport):
    with serve(create_app([host]), transport, ws_ping_interval=None) as url:
        yield url.replace("http", "ws") + "/ws"
    assert host.active_sessions == 0


def sent(kind, data):
    return st.tuples(st.just(kind), data.map(lambda value: text_of({"type": kind, "data": value})))


TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
FRAMES = st.one_of(
    st.tuples(st.just("begin"), st.integers(0, 8).map(lambda n: text_of({"type": "reset", "data": {"index": n}}))),
    sent("reset", objects),
    sent("step", objects),
    sent("step", st.fixed_dictionaries({"answer": st.sampled_from(["", "a1", "a2"])})),
    sent("mcp", objects),
    st.just(("state", '{"type":"state"}')),
    st.tuples(st.just("odd"), (values | objects).map(text_of)),
    st.tuples(st.just("odd"), TEXTS | st.binary(max_size=30)),
    # What is cut off or has something behind it.
    st.tuples(st.just("odd"), st.integers(0, 30).map(lambda n: '{"type":"step","data":{"a":[1]}}'[:n])),
    st.tuples(st.just("odd"), TEXTS.map(lambda text: f'{{"type":"state"}} x{text}')),
)


class Model:
    """What may be said, by what was said before."""

    running = False

    def check(self, kind, frame, reply):
        told, data = reply["type"], reply["data"]
        code = data.get("code") if told == "error" else None
        if kind == "begin":
            assert told == "observation"
            assert data["observation"]["question"] == f"q{json.loads(frame)['data']['index']}"
        elif kind == "reset":
            assert told == "observation" or code == "VALIDATION_ERROR"
        elif kind == "step":
            assert told == "observation" if self.running else code == "RESET_NEEDED", reply
        elif kind == "odd":
            assert told in ("state", "observation", "mcp") or code in {*ALONE, "RESET_NEEDED"}, reply
        else:
            assert told == kind
        if told == "observation" and kind in ("begin", "reset"):
            self.running = True
        elif told == "observation" and data["done"]:
            self.running = False


def play(url, frames):
    model = Model()
    with connect(url, compression=None, open_timeout=120) as websocket:
        for (kind, frame), pieces in frames:
            if kind == "odd" and asks_to_close(frame):
                continue
            websocket.send(split(frame, pieces) if pieces > 1 and len(frame) > 1 else frame)
            reply = json.loads(websocket.recv(timeout=120))
            model.check(kind, frame, reply)
            if kind == "odd" and reply["type"] == "observation":
                return  # by chance a good one; the model has lost track
        websocket.send('{"type":"state"}')
        assert json.loads(websocket.recv(timeout=120))["type"] == "state"
        websocket.send('{"type":"close"}')
        with pytest.raises(ConnectionClosed) as caught:
            websocket.recv(timeout=120)
        assert caught.value.rcvd.code == 1000


def split(frame, pieces):
    size = max(1, len(frame) // pieces)
    return [frame[at : at + size] for at in range(0, len(frame), size)]


def asks_to_close(frame):
    try:
        return json.loads(frame) == {"type": "close"}
    except ValueError:
        return False


SEQUENCES = st.lists(st.tuples(FRAMES, st.sampled_from([1, 1, 1, 2, 3])), max_size=8)


@given(frames=SEQUENCES)
@some(150)
def test_each_frame_of_a_sequence_has_its_answer_and_the_session_lives(url, frames):
    play(url, frames)


@very_many(10)
@given(frames=SEQUENCES)
def test_each_frame_of_very_many_sequences_has_its_answer(url, frames):
    play(url, frames)


METHODS = ["tools/list", "tools/call", "openenv/session/create", "openenv/session/agent_token", "initialize", "ping"]
REQUESTS = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": st.sampled_from(METHODS) | st.text(max_size=5)},
    optional={"id": st.integers(-3, 3) | st.text(max_size=3) | values, "params": objects | values},
)
RPC_FRAMES = st.lists((REQUESTS | objects | values).map(text_of) | TEXTS | st.binary(max_size=30), max_size=8)


def call(url, frames):
    with connect(url.replace("/ws", "/mcp"), compression=None, open_timeout=120) as websocket:
        for frame in frames:
            websocket.send(frame)
            reply = json.loads(websocket.recv(timeout=120))
            assert reply["jsonrpc"] == "2.0"
            assert ("result" in reply) is not ("error" in reply), reply
        websocket.send('{"jsonrpc":"2.0","id":7,"method":"openenv/session/create","params":{}}')
        assert json.loads(websocket.recv(timeout=120))["result"]["session_id"]


@given(frames=RPC_FRAMES)
@some(100)
def test_each_frame_of_json_rpc_has_its_answer_and_the_session_lives(url, frames):
    call(url, frames)


@very_many(5)
@given(frames=RPC_FRAMES)
def test_each_of_very_many_frames_of_json_rpc_has_its_answer(url, frames):
    call(url, frames)


GOOD = Frame(Opcode.TEXT, b'{"type":"reset"}').serialize(mask=True)
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
CLOSE_CODES = {1000, 1002, 1003, 1007, 1009}


def changed(good, changes):
    data = bytearray(good)
    for at, value in changes:
        data[at % len(data)] = value
    return bytes(data)


BYTES = st.binary(min_size=1, max_size=60) | st.builds(
    changed, st.just(GOOD * 3), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)), min_size=1, max_size=4)
)


@given(data=BYTES)
@some(150)
def test_bytes_that_are_no_frames_end_their_connection_and_nothing_else(url, data):
    pour(url, data)


@very_many(20)
@given(data=BYTES)
def test_very_many_bytes_that_are_no_frames_end_their_connection(url, data):
    pour(url, data)


def pour(url, data):
    with open_raw(url, timeout=120) as connection:
        connection.sendall(UPGRADE)
        said = b""
        while b"\r\n\r\n" not in said:
            said += connection.recv(2**16)
        assert said.startswith(b"HTTP/1.1 101")
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        said = said.partition(b"\r\n\r\n")[2]
        while piece := connection.recv(2**16):
            said += piece
    while said:
        length, head = said[1], 2
        if length == 126:
            length, head = int.from_bytes(said[2:4], "big"), 4
        payload, opcode = said[head : head + length], said[0] & 15
        assert opcode in (Opcode.TEXT, Opcode.PONG, Opcode.CLOSE)
        if opcode == Opcode.CLOSE and payload:
            code = int.from_bytes(payload[:2], "big")
            # A code of the client's own, which it may have closed with, comes back.
            assert code in CLOSE_CODES or 3000 <= code < 5000
        said = said[head + length :]
