"""OpenEnv's HTTP routes: each request has an environment of its own."""

import threading
import time

import pytest
from starlette.testclient import TestClient

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings

let_go = threading.Event()


class Quiz:
    made = closed = 0

    def __init__(self):
        type(self).made += 1

    def reset(self, question, answer, mood="calm"):
        return {"question": question, "mood": mood}

    def step(self, action):
        if action.get("wait"):
            let_go.wait(30)
        if action.get("raise"):
            raise ValueError("c4n4ry")
        return {"seen": action, "reward": action.get("reward"), "metadata": action.get("metadata", {})}

    @property
    def state(self):
        return {"lives": 3}

    def close(self):
        type(self).closed += 1


@pytest.fixture
def client(make_taskset):
    rows = [{"question": f"q{n}", "answer": "c4n4ry"} for n in range(3)]
    task = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}
    taskset = make_taskset(rows, task, title="A quiz")
    with TestClient(create_app([Host(taskset, Quiz, settings=HostSettings(max_sessions=1))])) as client:
        yield client


@pytest.fixture(autouse=True)
def _every_environment_is_closed():
    made, closed = Quiz.made, Quiz.closed
    yield
    # The last one closes on its own thread, which nobody waits for.
    until = time.monotonic() + 30
    while Quiz.closed - closed < Quiz.made - made and time.monotonic() < until:
        time.sleep(0.01)
    assert Quiz.made - made == Quiz.closed - closed


def test_health_metadata_and_schema(client):
    assert client.get("/health").json() == {"status": "healthy"}
    assert client.get("/metadata").json() == {
        "name": "Quiz",
        "description": "A quiz",
        "readme_content": None,
        "version": "1.0.0",
        "author": None,
        "documentation_url": None,
    }
    schema = client.get("/schema").json()
    assert schema.keys() == {"action", "observation", "state", "reset_observation"}
    assert schema["action"]["title"] == "QuizAction"


def test_what_is_known_of_the_class_needs_no_instance(client):
    before = Quiz.made
    for path in ("/health", "/metadata", "/schema"):
        client.get(path)
    assert Quiz.made == before


def test_reset_answers_with_all_four_keys(client):
    answer = client.post("/reset", json={"index": 1, "mood": "sad"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "observation": {"question": "q1", "mood": "sad"},
        "reward": None,
        "done": False,
        "metadata": None,
        "session_id": answer.headers["x-session-id"],
    }


@pytest.mark.parametrize(("reward", "sent"), [(True, 1.0), (False, 0.0), (3, 3.0), (0.5, 0.5), (None, None)])
def test_a_reward_over_http_is_a_float(client, reward, sent):
    found = client.post("/step", json={"action": {"reward": reward, "metadata": {"a": 1}}}).json()
    assert (found["reward"], type(found["reward"]), found["metadata"]) == (sent, type(sent), {"a": 1})


def test_resets_walk_on_although_their_environments_do_not(client):
    assert {client.post("/reset").json()["observation"]["question"] for _ in range(3)} == {"q0", "q1", "q2"}


def test_state_is_that_of_a_new_session(client):
    client.post("/reset", json={"index": 1})
    assert client.get("/state").json() == {"episode_id": None, "step_count": 0, "lives": 3}


def test_at_capacity_every_request_that_needs_an_environment_is_asked_to_come_back(client):
    with client.websocket_connect("/ws") as websocket:
        websocket.send_json({"type": "state"})
        websocket.receive_json()
        made = Quiz.made
        for answer in (client.post("/reset"), client.post("/step", json={"action": {}}), client.get("/state")):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json() == {
                "detail": "Server at capacity: 1/1 sessions active. Cannot accept new connections.",
                "code": "CAPACITY_REACHED",
                "active_sessions": 1,
                "max_sessions": 1,
            }
        assert client.get("/health").status_code == 200
        assert Quiz.made == made


def test_a_step_that_takes_too_long_is_given_up(client):
    let_go.clear()
    answer = client.post("/step", json={"action": {"wait": True}, "timeout_s": 0.05})
    let_go.set()
    assert (answer.status_code, answer.json()) == (504, {"detail": "the environment did not answer within 0.05 s"})
    for _ in range(1000):
        if Quiz.closed == Quiz.made:
            break
        threading.Event().wait(0.01)


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/reset", {"index": 3}, 400, "no task 3 in split 'train'; allowed: [0, 3)"),
        ("/reset", {"split": "dev"}, 404, "no split 'dev'. There are: 'train'"),
        ("/reset", {"task_id": "x"}, 400, "no task with id 'x' in split 'train'; it has 3 tasks, such as 'train-0'"),
        ("/reset", {"seed": 2**63}, 422, "seed is a position, in [0, 2**63), not 9223372036854775808"),
        ("/reset", {"seed": True}, 422, "Input should be a valid integer"),
        ("/reset", {"episode_id": 3}, 422, "Input should be a valid string"),
        ("/step", {}, 422, "Field required"),
        ("/step", {"action": []}, 422, "Input should be a valid dictionary"),
        ("/step", {"action": {"raise": True}}, 500, "environment 'Quiz' failed in step(): ValueError"),
    ],
)
def test_mistakes_have_a_status_and_say_what_they_are(client, path, body, status, detail):
    answer = client.post(path, json=body)
    found = answer.json()["detail"]
    assert (answer.status_code, found[0]["msg"] if isinstance(found, list) else found) == (status, detail)


@pytest.mark.parametrize("body", ['{"seed":NaN}', '{"seed":"c4n4ry"}', '{"episode_id":["c4n4ry"]}', "c4n4ry"])
def test_a_malformed_request_is_not_repeated(client, body):
    answer = client.post("/reset", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "c4n4ry" not in answer.text
    assert all(mistake.keys() == {"type", "loc", "msg"} for mistake in answer.json()["detail"])


def test_a_deeply_nested_body_is_the_clients_mistake(client):
    answer = client.post("/step", content='{"action":' + "[" * 100_000, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500


def test_mcp_answers_in_json_rpc_whatever_is_sent(client):
    for body, code in ((b"{}", -32600), (b"{", -32700), (b"\xff", -32700), (b"", -32700), (b"[" * 100_000, -32700)):
        answer = client.post("/mcp", content=body)
        assert (answer.status_code, answer.json()["jsonrpc"], answer.json()["error"]["code"]) == (200, "2.0", code)
