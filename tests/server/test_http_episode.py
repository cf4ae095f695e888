"""Episodes over HTTP: sessions by id, clients that leave, and sessions that are over."""

import socket
import threading

import httpx
import pytest
from asking import HTTP, eventually

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings

ROWS = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(20)]
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"], "limits": {"max_steps": 3}}

begun, let_go = threading.Event(), threading.Event()


class Quiz:
    open = 0

    def __init__(self):
        type(self).open += 1

    def reset(self, question, answer, wait=False):
        self.answer = answer
        if wait:
            begun.set()
            assert let_go.wait(30)
        return {"question": question}

    def step(self, action):
        if action.get("wait"):
            begun.set()
            assert let_go.wait(30)
        right = action.get("answer") == getattr(self, "answer", None)
        return {"reward": float(right), "done": right}

    state = None

    def close(self):
        type(self).open -= 1


class Inline(Quiz):
    blocking = False


@pytest.fixture(params=[Quiz, Inline])
def environment(request):
    return request.param


@pytest.fixture
def host(make_taskset, environment):
    return Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(max_sessions=3))


@pytest.fixture
def client(host, serve):
    begun.clear(), let_go.clear()
    with serve(create_app([host])) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client
        let_go.set()


def step(client, answer, **how):
    return client.post("/step", json={"action": {"answer": answer}, **how.pop("body", {})}, **how)


def test_an_episode_by_the_id_that_reset_gave(client, host):
    begun = client.post("/reset", json={"index": 7})
    session_id = begun.json()["session_id"]
    assert begun.headers["x-session-id"] == session_id
    header = {"X-Session-Id": session_id}
    wrong = step(client, "a0", headers=header)
    assert (wrong.json()["reward"], wrong.json()["done"], wrong.headers["x-session-id"]) == (0.0, False, session_id)
    assert wrong.json().keys() == {"observation", "reward", "done", "metadata"}
    for state in (client.get("/state", headers=header), client.get("/state", params={"session_id": session_id})):
        assert (state.json()["index"], state.json()["step_count"]) == (7, 1)
    right = step(client, "a7", body={"session_id": session_id})
    assert (right.json()["reward"], right.json()["done"]) == (1.0, True)
    late = step(client, "a7", headers=header)
    assert (late.status_code, late.json()) == (
        409,
        {"detail": "the episode is done; call reset() for the next one before step()"},
    )
    again = client.post("/reset", json={"index": 8}, headers=header).json()
    assert (again["session_id"], again["observation"]) == (session_id, {"question": "q8"})
    assert client.post("/reset", json={"index": 9, "session_id": session_id}).json()["session_id"] == session_id
    assert step(client, "a9", headers=header).json()["reward"] == 1.0
    assert host.active_sessions == 1


def test_without_an_id_every_request_has_a_new_environment(client, host, environment):
    client.post("/reset", json={"index": 7})
    assert step(client, "a7").json()["reward"] == 0.0
    assert client.get("/state").json() == {"episode_id": None, "step_count": 0}
    assert (host.active_sessions, environment.open) == (1, 1)


def test_an_id_that_is_none_is_told_what_to_do(client):
    for answer in (
        client.post("/reset", json={"index": 7, "session_id": "none"}),
        client.post("/reset", headers={"X-Session-Id": "none"}),
        step(client, "a", headers={"X-Session-Id": "none"}),
        client.get("/state", params={"session_id": "none"}),
    ):
        assert (answer.status_code, answer.json()) == (
            404,
            {
                "detail": "Unknown session_id: none. The session is over, or was idle for too long; "
                "a reset without an id begins another",
                "code": "SESSION_ERROR",
            },
        )


def test_resets_that_nobody_follows_make_room_for_each_other_and_for_those_that_are_followed(client, host, environment):
    played = client.post("/reset", json={"index": 7}).json()["session_id"]
    assert step(client, "a0", headers={"X-Session-Id": played}).status_code == 200
    others = [client.post("/reset", json={"index": n}).json()["session_id"] for n in range(10)]
    assert (host.active_sessions, environment.open) == (3, 3)
    assert step(client, "a7", headers={"X-Session-Id": played}).json()["reward"] == 1.0
    assert [step(client, "x", headers={"X-Session-Id": each}).status_code for each in others[-3:]] == [404, 200, 200]
    refused = client.post("/reset")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["code"] == "CAPACITY_REACHED"


def test_a_reset_that_fails_keeps_no_session(client, host, environment):
    assert client.post("/reset", json={"index": 99}).status_code == 400
    assert (host.active_sessions, environment.open) == (0, 0)


def test_an_idle_session_is_over_over_http_too(make_taskset, serve, environment):
    host = Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(session_timeout=0.2))
    with serve(create_app([host])) as url:
        header = {"X-Session-Id": HTTP.post(f"{url}/reset", json={"index": 7}).json()["session_id"]}
        assert eventually(lambda: host.active_sessions == 0)
        assert HTTP.get(f"{url}/state", headers=header).status_code == 404
        assert environment.open == 0


def test_a_stopping_server_closes_the_sessions_that_stay(make_taskset, serve, environment):
    with serve(create_app([Host(make_taskset(ROWS, TASK), environment)])) as url:
        HTTP.post(f"{url}/reset")
        assert environment.open == 1
    assert environment.open == 0


@pytest.mark.parametrize("environment", [Quiz], indirect=True)
@pytest.mark.parametrize("request_line", ["POST /step", "POST /reset"])
def test_a_client_that_leaves_in_the_middle_frees_its_slot_at_once(client, host, environment, request_line):
    body = b'{"action":{"wait":true}}' if "step" in request_line else b'{"wait":true}'
    head = (
        f"{request_line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((client.base_url.host, client.base_url.port)) as leaving:
        leaving.sendall(head.encode() + body)
        assert begun.wait(30)
        assert host.active_sessions == 1
        assert client.get("/health").json() == {"status": "healthy"}
    assert eventually(lambda: host.active_sessions == 0)
    assert environment.open == 1
    let_go.set()
    assert eventually(lambda: environment.open == 0)


@pytest.mark.parametrize("environment", [Quiz], indirect=True)
def test_a_step_of_a_session_that_takes_too_long_is_given_up_and_the_session_stays(client, host):
    header = {"X-Session-Id": client.post("/reset", json={"index": 7}).json()["session_id"]}
    late = client.post("/step", json={"action": {"wait": True}, "timeout_s": 0.1}, headers=header)
    assert (late.status_code, late.json()) == (504, {"detail": "the environment did not answer within 0.1 s"})
    assert step(client, "a7", headers=header).status_code == 409
    client.post("/reset", json={"index": 8}, headers=header)
    assert step(client, "a8", headers=header).json()["reward"] == 1.0


@pytest.mark.parametrize("environment", [Quiz], indirect=True)
def test_calls_of_one_session_wait_for_each_other(client):
    header = {"X-Session-Id": client.post("/reset", json={"index": 7}).json()["session_id"]}
    answers = []

    def wait():
        with httpx.Client(base_url=client.base_url, timeout=30) as other:
            answers.append(other.post("/step", json={"action": {"wait": True}}, headers=header).json()["reward"])

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert begun.wait(30)
    threading.Timer(0.1, let_go.set).start()
    assert client.get("/state", headers=header).json()["step_count"] == 1
    waiting.join(30)
    assert answers == [0.0]
