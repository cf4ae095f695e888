"""Faults 2, 4 and 18: environment code that waits holds up what is not its own; threads.

Nothing here is timed: the code waits at a gate that opens only when the others were answered.
"""

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from asking import HTTP, WAIT_S, ask, eventually, open_session, receive, send
from oracle_environments import one_question

RESET = {"split": "test", "index": 3}
ACTION = {"action": {"answer": "a"}}


@pytest.fixture
def healthy(patience_s):
    """``healthy(url)``: whether somebody else is answered."""

    def ask(url):
        try:
            return HTTP.get(url + "/health", timeout=patience_s).json() == {"status": "healthy"}
        except httpx.TimeoutException:
            return False

    return ask


def requested(pool, method, url, body=None):
    """A request on its way."""
    return pool.submit(HTTP.request, method, url, json=body, timeout=WAIT_S)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/reset", RESET), ("POST", "/step", ACTION), ("GET", "/state", None)],
    ids=["reset", "step", "state"],
)
@pytest.mark.parametrize("where", ["its constructor", "close()"])
def test_an_environment_that_waits_over_http_delays_nobody(
    sound_server, openenv, quiz_taskset, gate, method, path, body, where, healthy, patience_s
):
    base = one_question(openenv)

    def wait_first(self):
        gate.wait()
        base.__init__(self)

    members = {"__init__": wait_first} if where == "its constructor" else {"close": lambda self: gate.wait()}
    with sound_server.serve(type("Waits", (base,), members), quiz_taskset) as url, ThreadPoolExecutor() as pool:
        request = requested(pool, method, url + path, body)
        try:
            # The session of a reset() may be kept, and there is nothing to close.
            may_be_kept = (where, path) == ("close()", "/reset")
            assert eventually(lambda: gate.reached(0) or (may_be_kept and request.done()), patience_s)
            assert healthy(url)
        finally:
            gate.open()
        assert request.result().status_code == 200


@pytest.mark.parametrize("over", ["HTTP", "the WebSocket"])
def test_a_state_that_waits_delays_nobody(sound_server, openenv, quiz_taskset, gate, over, healthy):
    base = one_question(openenv)

    def state(self):
        gate.wait()
        return base.state.fget(self)

    environment = type("Waits", (base,), {"state": property(state)})
    with (
        sound_server.serve(environment, quiz_taskset) as url,
        open_session(url) as websocket,
        ThreadPoolExecutor() as pool,
    ):
        ask(websocket, "reset", RESET)
        over_http = over == "HTTP"
        asked = requested(pool, "GET", url + "/state") if over_http else pool.submit(ask, websocket, "state")
        try:
            assert gate.reached()
            assert healthy(url)
        finally:
            gate.open()
        asked.result()


class SlowRows:
    """Rows that come when the gate is open; until the server is up, it is."""

    def __init__(self, gate):
        self.gate = gate
        self.slow = False

    def __len__(self):
        return 5

    def __getitem__(self, index):
        if self.slow:
            self.gate.wait()
        return {"question": str(index), "answer": "a"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/quiz/task", {"split": "train", "index": 1}),
        ("/quiz/tasks", {"split": "train"}),
        ("/quiz/task_range", {"split": "train", "start": 0, "stop": 2}),
    ],
)
def test_rows_that_come_slowly_delay_nobody(sound_server, openenv, make_taskset, gate, path, body, healthy):
    rows = SlowRows(gate)
    task = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"], "public": ["question"]}
    taskset = make_taskset(rows, task)
    with sound_server.serve(one_question(openenv), taskset) as url, ThreadPoolExecutor() as pool:
        rows.slow = True
        request = requested(pool, "POST", url + path, body)
        try:
            assert gate.reached()
            assert healthy(url)
        finally:
            gate.open()
        assert request.result().status_code == 200


def test_many_requests_wait_at_the_same_time(sound_server, openenv, quiz_taskset, gate, patience_s):
    """The peer has 32 threads for all requests."""

    def step(self, action, timeout_s=None, **kwargs):
        gate.wait()
        return type(self).models[1](reward=1.0)

    environment = one_question(openenv, step=step)
    with sound_server.serve(environment, quiz_taskset) as url, ThreadPoolExecutor(max_workers=40) as pool:
        steps = [requested(pool, "POST", url + "/step", ACTION) for _ in range(40)]
        try:
            assert all(gate.reached(patience_s) for _ in range(40))
        finally:
            gate.open()
        assert [each.result().json()["reward"] for each in steps] == [1.0] * 40


def test_an_idle_session_that_does_not_block_costs_no_thread(sound_server, openenv, quiz_taskset):
    environment, sessions = one_question(openenv, blocking=False), 40
    with sound_server.serve(environment, quiz_taskset) as url, contextlib.ExitStack() as stack:
        before = _servers_threads()
        for _ in range(sessions):
            websocket = stack.enter_context(open_session(url, ping_interval=None))
            ask(websocket, "reset", RESET)
        after = _servers_threads()
    # A few may read rows, for all.
    assert after - before < sessions / 2


def _servers_threads():
    """How many there are that are not this client's: websockets receives on one for each connection."""
    return sum("recv_events" not in thread.name for thread in threading.enumerate())


def test_no_environment_is_made_to_describe_one(sound_server, openenv, quiz_taskset):
    base, made = one_question(openenv), []

    def count(self):
        made.append(self)
        base.__init__(self)

    with sound_server.serve(type("Counted", (base,), {"__init__": count}), quiz_taskset) as url:
        before = len(made)
        for path in ("/metadata", "/schema", "/quiz/splits", "/list_environments"):
            assert HTTP.get(url + path).status_code == 200
        assert HTTP.post(url + "/quiz/num_tasks", json={"split": "test"}).json() == {"num_tasks": 5}
        assert len(made) == before


@pytest.mark.slow
def test_code_that_computes_may_have_a_process_of_its_own(sound_server, quiz_taskset):
    """``blocking = "process"``: what computes in Python would hold up every thread of the server's process."""
    from own_process import OwnProcess

    with sound_server.serve(OwnProcess, quiz_taskset) as url:
        with open_session(url) as websocket:
            send(websocket, "reset", RESET)
            # Another process has to import OpenEnv first.
            observation = receive(websocket, timeout=100)["data"]["observation"]
            assert observation["question"] == "test 3 + 1 = ?"
            assert observation["pid"] != os.getpid()
            stepped = ask(websocket, "step", {"answer": "c4n4ry-4"})["data"]
            assert (stepped["reward"], stepped["observation"]["pid"]) == (1.0, observation["pid"])
        assert eventually(lambda: not _alive(observation["pid"]))


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
