"""The /ws route on a real server: refusals, vanished clients, and many sessions at once."""

import asyncio
import contextlib
import json
import socket
import threading

import pytest
from asking import HTTP, eventually
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings

ROWS = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(200)]
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}


class Quiz:
    closed = 0

    def __init__(self, fail=False):
        if fail:
            raise ValueError("the answer is c4n4ry")

    def reset(self, question, answer):
        self.question, self.answer = question, answer
        return {"question": question}

    def step(self, action):
        if "wait" in action:
            action_began.set()
            assert let_go.wait(30)
        return {"question": self.question, "reward": float(action.get("answer") == self.answer), "done": True}

    @property
    def state(self):
        return {}

    def close(self):
        type(self).closed += 1


action_began, let_go = threading.Event(), threading.Event()


def ask(websocket, kind, data=None):
    websocket.send(json.dumps({"type": kind} if data is None else {"type": kind, "data": data}))
    return json.loads(websocket.recv(timeout=30))


def refusal(url):
    """The error frame and the close code of a connection that gets no session."""
    with connect(url) as websocket:
        error = json.loads(websocket.recv(timeout=30))
        with pytest.raises(ConnectionClosed) as caught:
            websocket.recv(timeout=30)
    return error, caught.value.rcvd.code


class Pooled(Quiz):
    blocking = "pool"


@pytest.fixture(params=[Quiz, Pooled], ids=["on a thread", "on the pool"])
def environment(request):
    return request.param


@pytest.fixture
def host(environment, make_taskset):
    return Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(max_sessions=60))


@pytest.fixture(params=["fast", "plain"])
def transport(request):
    return request.param


@pytest.fixture
def url(host, serve, transport):
    with serve(create_app([host]), transport) as url:
        yield url.replace("http", "ws") + "/ws"


def test_beyond_its_capacity_a_server_asks_to_come_back_later(environment, make_taskset, serve, transport):
    host = Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(max_sessions=1))
    with serve(create_app([host]), transport) as url:
        url = url.replace("http", "ws") + "/ws"
        with connect(url) as first:
            ask(first, "reset", {"index": 0})
            error, code = refusal(url)
            assert error == {
                "type": "error",
                "data": {
                    "message": "Server at capacity: 1/1 sessions active. Cannot accept new connections.",
                    "code": "CAPACITY_REACHED",
                    "active_sessions": 1,
                    "max_sessions": 1,
                },
            }
            assert code == 1013
            assert ask(first, "step", {"answer": "a0"})["data"]["reward"] == 1.0
        assert eventually(lambda: host.active_sessions == 0)
        with connect(url) as second:
            assert ask(second, "reset")["type"] == "observation"


def test_an_environment_that_cannot_be_made_is_told_without_its_reason(
    environment, make_taskset, serve, transport, caplog
):
    host = Host(make_taskset(ROWS, TASK), environment, arguments={"fail": True})
    with serve(create_app([host]), transport) as url:
        error, code = refusal(url.replace("http", "ws") + "/ws")
    assert (error["type"], error["data"]["code"], error["data"]["factory_name"]) == (
        "error",
        "FACTORY_ERROR",
        environment.__name__,
    )
    assert error["data"]["message"] == f"environment {environment.__name__!r} could not be made: ValueError"
    assert error["data"]["error_id"] in caplog.text
    assert "c4n4ry" not in json.dumps(error) + caplog.text
    assert (code, host.active_sessions) == (1000, 0)


def test_a_session_cannot_be_taken_over(url, host):
    error, code = refusal(url + "?session_id=abc")
    assert error["data"] == {"message": "Unknown session_id: abc", "code": "SESSION_ERROR"}
    assert (code, host.active_sessions) == (1000, 0)


@pytest.mark.parametrize("leave", ["close frame", "closing handshake", "cut"])
def test_a_client_that_goes_frees_its_slot_and_its_environment(environment, url, host, leave):
    closed = environment.closed
    with connect(url) as websocket:
        ask(websocket, "reset", {"index": 0})
        assert host.active_sessions == 1
        if leave == "close frame":
            websocket.send('{"type":"close"}')
            with pytest.raises(ConnectionClosed) as caught:
                websocket.recv(timeout=30)
            assert caught.value.rcvd.code == 1000
        elif leave == "cut":
            websocket.socket.shutdown(socket.SHUT_RDWR)
    assert eventually(lambda: host.active_sessions == 0)
    assert environment.closed == closed + 1


def test_a_client_that_vanishes_in_mid_step_frees_its_slot_at_once(environment, url, host):
    action_began.clear(), let_go.clear()
    closed = environment.closed
    with connect(url) as websocket:
        ask(websocket, "reset", {"index": 0})
        websocket.send('{"type":"step","data":{"wait":true}}')
        assert action_began.wait(30)
        websocket.socket.shutdown(socket.SHUT_RDWR)
        assert eventually(lambda: host.active_sessions == 0)
    assert environment.closed == closed
    let_go.set()
    assert eventually(lambda: environment.closed == closed + 1)


def test_one_blocking_step_holds_up_nobody_else(url):
    action_began.clear(), let_go.clear()
    with connect(url) as slow, connect(url) as quick:
        ask(slow, "reset", {"index": 0})
        slow.send('{"type":"step","data":{"wait":true}}')
        assert action_began.wait(30)
        assert ask(quick, "reset", {"index": 1})["type"] == "observation"
        assert ask(quick, "step", {"answer": "a1"})["data"]["reward"] == 1.0
        let_go.set()
        assert json.loads(slow.recv(timeout=30))["type"] == "observation"


def test_fifty_sessions_at_once_play_their_own_tasks(url, host):
    async def play(session):
        async with connect_async(url) as websocket:
            seen = set()
            for turn in range(6):
                index = (session * 7 + turn * 31) % len(ROWS)
                # Every third reset takes what the server gives.
                data = {} if turn % 3 == 2 else {"index": index}
                await websocket.send(json.dumps({"type": "reset", "data": data}))
                question = json.loads(await websocket.recv())["data"]["observation"]["question"]
                await websocket.send('{"type":"state"}')
                state = json.loads(await websocket.recv())["data"]
                assert question == f"q{state['index']}"
                assert data == {} or state["index"] == index
                if state["position"] is not None:
                    seen.add(state["position"])
                await websocket.send(json.dumps({"type": "step", "data": {"answer": f"a{state['index']}"}}))
                reply = json.loads(await websocket.recv())["data"]
                assert (reply["reward"], reply["observation"]["question"]) == (1.0, question)
            return seen

    async def all_of_them():
        return await asyncio.gather(*(play(session) for session in range(50)))

    positions = [position for seen in asyncio.run(all_of_them()) for position in seen]
    assert sorted(positions) == list(range(100))
    assert eventually(lambda: host.active_sessions == 0)


def test_frames_up_to_sixteen_mebibytes_are_taken(url):
    with connect(url, max_size=None) as websocket:
        ask(websocket, "reset", {"index": 0})
        assert ask(websocket, "step", {"answer": "x" * (15 << 20)})["data"]["reward"] == 0.0


def test_a_stopping_server_closes_its_environments(environment, host, serve, transport):
    closed = environment.closed
    with contextlib.ExitStack() as clients:
        with serve(create_app([host]), transport) as url:
            websocket = clients.enter_context(connect(url.replace("http", "ws") + "/ws"))
            ask(websocket, "reset", {"index": 0})
        assert eventually(lambda: host.active_sessions == 0)
        assert environment.closed == closed + 1
        with pytest.raises(ConnectionClosed):
            websocket.recv(timeout=30)


def test_an_idle_session_is_told_and_its_connection_closed(environment, make_taskset, serve, transport):
    host = Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(session_timeout=1))
    closed = environment.closed
    with serve(create_app([host]), transport) as url, connect(url.replace("http", "ws") + "/ws") as websocket:
        ask(websocket, "reset", {"index": 0})
        data = json.loads(websocket.recv(timeout=30))["data"]
        assert data == {"message": "this session is over: it was idle for more than 1 s", "code": "SESSION_ERROR"}
        with pytest.raises(ConnectionClosed) as caught:
            websocket.recv(timeout=30)
        assert caught.value.rcvd.code == 1001
        assert eventually(lambda: host.active_sessions == 0)
        assert environment.closed == closed + 1


def cut(websocket):
    websocket.socket.shutdown(socket.SHUT_RDWR)


def session_of(websocket):
    return websocket.response.headers["x-session-id"]


def test_a_session_whose_connection_broke_is_taken_up_again_within_the_grace_period(
    environment, make_taskset, serve, transport
):
    host = Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(max_sessions=1, grace_seconds=30))
    with serve(create_app([host]), transport) as url:
        url = url.replace("http", "ws") + "/ws"
        with connect(url) as websocket:
            ask(websocket, "reset", {"index": 7})
            error, code = refusal(f"{url}?session_id={session_of(websocket)}")
            assert (error["data"]["code"], code) == ("SESSION_ERROR", 1000)
            cut(websocket)
        assert eventually(lambda: not attached(host))
        assert refusal(url)[0]["data"]["code"] == "CAPACITY_REACHED"
        with connect(f"{url}?session_id={session_of(websocket)}") as again:
            assert ask(again, "state")["data"]["index"] == 7
            assert ask(again, "step", {"answer": "a7"})["data"]["reward"] == 1.0
        # Closed in order, it is over.
        assert eventually(lambda: host.active_sessions == 0)
        error, _ = refusal(f"{url}?session_id={session_of(websocket)}")
        assert error["data"]["message"] == f"Unknown session_id: {session_of(websocket)}"


def attached(host):
    return any(place.holder is not None for place in host.sessions._places.values())


def test_a_step_goes_on_while_its_connection_is_gone_and_counts(environment, make_taskset, serve, transport):
    action_began.clear(), let_go.clear()
    host = Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(grace_seconds=30))
    with serve(create_app([host]), transport) as url:
        url = url.replace("http", "ws") + "/ws"
        with connect(url) as websocket:
            ask(websocket, "reset", {"index": 7})
            websocket.send('{"type":"step","data":{"wait":true}}')
            assert action_began.wait(30)
            cut(websocket)
        assert eventually(lambda: not attached(host))
        with connect(f"{url}?session_id={session_of(websocket)}") as again:
            again.send('{"type":"state"}')
            let_go.set()
            assert json.loads(again.recv(timeout=30))["data"]["step_count"] == 1
            assert ask(again, "step", {"answer": "a7"})["data"]["code"] == "RESET_NEEDED"


def test_after_the_grace_period_the_slot_is_free_and_the_episode_gone(environment, make_taskset, serve, transport):
    host = Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(grace_seconds=0.2))
    with serve(create_app([host]), transport) as url:
        url = url.replace("http", "ws") + "/ws"
        with connect(url) as websocket:
            ask(websocket, "reset", {"index": 7})
            cut(websocket)
        assert eventually(lambda: host.active_sessions == 0)
        assert refusal(f"{url}?session_id={session_of(websocket)}")[0]["data"]["code"] == "SESSION_ERROR"
        # Who does not ask for it is told too, and never steps in an environment that knows nothing of the episode.
        with connect(url) as other:
            assert ask(other, "step", {"answer": "a7"})["data"]["code"] == "RESET_NEEDED"


def test_a_session_of_http_is_taken_up_by_a_connection_and_outlives_it(environment, make_taskset, serve, transport):
    host = Host(make_taskset(ROWS, TASK), environment)
    with serve(create_app([host]), transport) as url:
        begun = HTTP.post(f"{url}/reset", json={"index": 7}).json()
        for _ in range(2):
            with connect(f"{url.replace('http', 'ws')}/ws?session_id={begun['session_id']}") as websocket:
                assert ask(websocket, "state")["data"]["index"] == 7
            assert eventually(lambda: not attached(host))
        headers = {"X-Session-Id": begun["session_id"]}
        assert HTTP.post(f"{url}/step", json={"action": {"answer": "a7"}}, headers=headers).json()["reward"] == 1.0


def test_an_environment_that_takes_too_long_is_given_up_and_the_session_goes_on(
    environment, make_taskset, serve, transport
):
    action_began.clear(), let_go.clear()
    host = Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(max_sessions=1, step_timeout=2))
    with serve(create_app([host]), transport) as url, connect(url.replace("http", "ws") + "/ws") as websocket:
        ask(websocket, "reset", {"index": 0})
        data = ask(websocket, "step", {"wait": True})["data"]
        assert data == {"message": "the environment did not answer within 2 s", "code": "TIME_EXCEEDED"}
        assert ask(websocket, "step", {"answer": "a0"})["data"]["code"] == "RESET_NEEDED"
        ask(websocket, "reset", {"index": 1})
        assert ask(websocket, "step", {"answer": "a1"})["data"]["reward"] == 1.0
        assert host.active_sessions == 1
        let_go.set()


class SlowToMake(Quiz):
    def __init__(self):
        action_began.set()
        assert let_go.wait(30)


def test_a_client_that_goes_while_its_environment_is_made_frees_its_slot_at_once(make_taskset, serve, transport):
    action_began.clear(), let_go.clear()
    closed = SlowToMake.closed
    host = Host(make_taskset(ROWS, TASK), SlowToMake)
    with serve(create_app([host]), transport) as url:
        with connect(url.replace("http", "ws") + "/ws") as websocket:
            assert action_began.wait(30)
            assert HTTP.get(f"{url}/health").json() == {"status": "healthy"}
            cut(websocket)
            if transport == "fast":
                assert eventually(lambda: host.active_sessions == 0)
        let_go.set()
        assert eventually(lambda: host.active_sessions == 0 and SlowToMake.closed == closed + 1)
