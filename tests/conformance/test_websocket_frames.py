"""The WebSocket beyond single exchanges: order, independence, sizes, and what the protocol below it carries."""

import contextlib
import json
import threading

import pytest
from asking import HTTP, ask, open_session, receive, send
from oracle_environments import one_question
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

MIB = 2**20
RESET = {"split": "test", "index": 3}


def questions(replies):
    return [reply["data"]["observation"]["question"] for reply in replies]


def test_pipelined_frames_are_answered_in_order(url):
    with open_session(url) as websocket:
        send(websocket, "reset", RESET)
        for number in range(1, 200):
            send(websocket, "step", {"answer": str(number), "do": "none"})
        receive(websocket)
        seen = [receive(websocket)["data"]["observation"]["seen"] for _ in range(1, 200)]
    assert seen == [str(number) for number in range(1, 200)]


def test_an_error_between_pipelined_frames_keeps_its_place(url):
    with open_session(url) as websocket:
        for frame in ('{"type":"state"}', "not json", '{"type":"wat"}', '{"type":"step"}', '{"type":"state"}'):
            websocket.send(frame)
        replies = [receive(websocket) for _ in range(5)]
    codes = [reply["data"].get("code") for reply in replies]
    assert codes == [None, "INVALID_JSON", "UNKNOWN_TYPE", "VALIDATION_ERROR", None]


def test_frames_after_close_are_not_answered(url):
    with open_session(url) as websocket:
        send(websocket, "state")
        send(websocket, "close")
        with contextlib.suppress(ConnectionClosed):  # it may be closed by then
            send(websocket, "state")
        replies = list(websocket)
    assert [json.loads(reply)["type"] for reply in replies] == ["state"]
    assert websocket.close_code == 1000


def test_there_is_no_greeting(url):
    with open_session(url) as websocket, pytest.raises(TimeoutError):
        websocket.recv(timeout=0.2)


def test_sessions_are_independent(url):
    with open_session(url) as one, open_session(url) as other:
        ask(one, "reset", {"split": "test", "index": 1})
        ask(other, "reset", {"split": "test", "index": 2})
        ask(one, "step", {"answer": "a", "do": "none"})
        states = [ask(each, "state")["data"] for each in (one, other)]
    assert [(state["task_id"], state["step_count"]) for state in states] == [("test-1", 1), ("test-2", 0)]


def test_resets_that_name_no_task_walk_the_stream_of_positions_across_sessions(server, quiz_environment, quiz_taskset):
    with server.serve(quiz_environment, quiz_taskset) as url, open_session(url) as one, open_session(url) as other:
        named = questions(ask(one, "reset", {"seed": position}) for position in range(4))
        unnamed = questions([ask(one, "reset"), ask(other, "reset", {}), ask(one, "reset"), ask(other, "reset")])
    assert unnamed == named
    assert len(set(named)) == 4


def test_a_slow_step_delays_no_other_session(server, openenv, quiz_taskset):
    stepping, let_go = threading.Event(), threading.Event()

    def step(self, action, timeout_s=None, **kwargs):
        stepping.set()
        assert let_go.wait(30)
        return type(self).models[1](reward=1.0)

    app = server.serve(one_question(openenv, step=step), quiz_taskset)
    with app as url, open_session(url) as slow, open_session(url) as other:
        ask(slow, "reset", RESET)
        send(slow, "step", {"answer": "a"})
        assert stepping.wait(30)
        try:
            assert ask(other, "reset", RESET)["type"] == "observation"
            assert ask(other, "state")["data"]["task_id"] == "test-3"
        finally:
            let_go.set()
        assert receive(slow)["data"]["reward"] == 1.0


@pytest.mark.parametrize("size", [70_000, 15 * MIB], ids=["70 kB", "15 MiB"])
def test_large_frames_come_in(url, size):
    with open_session(url) as websocket:
        ask(websocket, "reset", RESET)
        answer = ask(websocket, "step", {"answer": "x" * size, "do": "none"})
        assert len(answer["data"]["observation"]["seen"]) == size
        assert ask(websocket, "state")["data"]["step_count"] == 1


def test_large_frames_go_out(server, openenv, quiz_taskset):
    def step(self, action, timeout_s=None, **kwargs):
        return type(self).models[1](question="x" * (40 * MIB))

    with server.serve(one_question(openenv, step=step), quiz_taskset) as url, open_session(url) as websocket:
        ask(websocket, "reset", RESET)
        assert len(ask(websocket, "step", {})["data"]["observation"]["question"]) == 40 * MIB


def test_a_message_in_fragments_is_one_message(url):
    with open_session(url) as websocket:
        websocket.send(iter(['{"type":', '"st', 'ate"}']))
        assert receive(websocket)["type"] == "state"


def test_a_ping_is_answered(url):
    with open_session(url) as websocket:
        assert websocket.ping(b"there?").wait(30)
        assert ask(websocket, "state")["type"] == "state"


@pytest.mark.parametrize("compression", ["deflate", None])
def test_with_and_without_compression_offered(url, compression):
    with open_session(url, compression=compression) as websocket:
        reply = ask(websocket, "step", {"answer": "a", "bogus": "x" * 5000})
        assert reply["data"]["code"] in ("VALIDATION_ERROR", "RESET_NEEDED")
        assert ask(websocket, "reset", RESET)["type"] == "observation"


def test_answers_are_text_frames(url):
    with open_session(url) as websocket:
        send(websocket, "state")
        assert isinstance(websocket.recv(timeout=30), str)


def test_an_unknown_path_refuses_the_handshake_with_403(url):
    with pytest.raises(InvalidStatus) as caught:
        connect(url.replace("http", "ws") + "/nope")
    assert caught.value.response.status_code == 403


def test_a_websocket_route_is_no_http_route(url):

    assert HTTP.get(url + "/ws").status_code == 404
