"""How a session ends, and that its environment ends with it, once."""

import contextlib
import socket
import threading

import pytest
from asking import admitted, ask, close_code, eventually, open_session, receive, send
from oracle_environments import one_question

RESET = {"split": "test", "index": 3}


@pytest.fixture
def counted(openenv):
    """An environment that counts its instances and their closings."""

    class Count:
        made = closed = 0

    base = one_question(openenv)

    def __init__(self):
        base.__init__(self)
        Count.made += 1

    def close(self):
        Count.closed += 1

    return type("Counted", (base,), {"__init__": __init__, "close": close}), Count


@pytest.mark.parametrize("leave", ["close frame", "closing handshake", "going away", "lost connection"])
def test_the_environment_is_closed_once_however_the_client_leaves(server, counted, quiz_taskset, leave):
    environment, count = counted
    with server.serve(environment, quiz_taskset) as url:
        before = count.made - count.closed
        with open_session(url) as websocket:
            ask(websocket, "reset", RESET)
            assert count.made - count.closed == before + 1
            if leave == "close frame":
                send(websocket, "close")
                assert close_code(websocket) == 1000
            elif leave == "lost connection":
                websocket.socket.shutdown(socket.SHUT_RDWR)
            else:
                websocket.close(1000 if leave == "closing handshake" else 1001)
            assert eventually(lambda: count.made - count.closed == before)
    assert count.made - count.closed == before


def test_the_closing_handshake_is_answered_with_the_clients_code(url):
    for code in (1000, 1001, 4321):
        with open_session(url) as websocket:
            ask(websocket, "state")
            websocket.close(code)
        assert (websocket.protocol.close_rcvd.code, websocket.protocol.close_sent.code) == (code, code)


def test_a_server_that_stops_closes_with_1012_and_closes_the_environments(server, counted, quiz_taskset):
    environment, count = counted
    with contextlib.ExitStack() as stack:
        with server.serve(environment, quiz_taskset) as url:
            websocket = stack.enter_context(open_session(url))
            ask(websocket, "reset", RESET)
        assert close_code(websocket) == 1012
    assert eventually(lambda: count.made == count.closed)


def test_an_environment_whose_close_raises_harms_nobody(server, openenv, quiz_taskset):
    def close(self):
        raise ValueError("c4n4ry")

    with server.serve(one_question(openenv, close=close), quiz_taskset, max_sessions=1) as url:
        for _ in range(3):
            assert eventually(lambda: admitted(url))


def test_a_close_frame_behind_a_running_step_comes_after_its_answer(server, openenv, quiz_taskset):
    stepping, let_go = threading.Event(), threading.Event()

    def step(self, action, timeout_s=None, **kwargs):
        stepping.set()
        assert let_go.wait(30)
        return type(self).models[1](reward=0.5)

    with server.serve(one_question(openenv, step=step), quiz_taskset) as url, open_session(url) as websocket:
        ask(websocket, "reset", RESET)
        send(websocket, "step", {})
        assert stepping.wait(30)
        send(websocket, "close")
        let_go.set()
        assert receive(websocket)["data"]["reward"] == 0.5
        assert close_code(websocket) == 1000


@pytest.mark.parametrize("query", ["?session_id=nope", "?session_id=00000000-0000-0000-0000-000000000000"])
def test_an_unknown_session_id_is_told_and_closed(url, query):
    with open_session(url, query) as websocket:
        error = receive(websocket)["data"]
        assert (error["code"], error["message"]) == ("SESSION_ERROR", f"Unknown session_id: {query[12:]}")
        assert close_code(websocket) == 1000
