"""/metrics: read by Prometheus' own parser, against what clients did."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient, WebSocketDenialResponse

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host, HostSettings

CANARY = "c4n4ry"
ROWS = {name: [{"question": f"q{n}", "answer": f"{CANARY}{n}"} for n in range(9)] for name in ("train", "test")}
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"], "limits": {"max_steps": 2}}


class Quiz:
    blocking = False

    def reset(self, question, answer):
        self.answer = answer
        return {"question": question}

    def step(self, action):
        if "raise" in action:
            raise ValueError(self.answer)
        return {"reward": 0.5, "done": "done" in action}

    state = None

    def close(self):
        pass


@pytest.fixture
def app(make_taskset):
    settings = HostSettings(max_sessions=2, shard=(1, 3), start_position=3)
    return create_app([Host(make_taskset(ROWS, TASK, splits=["train", "test"]), Quiz, settings=settings)])


def read(client):
    response = client.get("/metrics")
    assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert CANARY not in response.text
    return {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "environment")): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.labels.get("environment", "quiz") == "quiz"
    }


def ask(websocket, kind, data=None):
    websocket.send_text(json.dumps({"type": kind} if data is None else {"type": kind, "data": data}))
    return json.loads(websocket.receive_text())["type"]


def test_everything_is_there_before_anything_happened(app):
    with TestClient(app) as client:
        values = read(client)
        assert client.get("/quiz/metrics").status_code == 404
    assert values["tasksets_sessions",] == values["tasksets_sessions_opened_total",] == 0
    assert values["tasksets_sessions_limit",] == 2
    assert values["tasksets_next_position", "train"] == 4
    assert values["tasksets_step_seconds_bucket", "+Inf"] == 0
    assert values["process_open_fds",] > 0


def test_what_clients_do_is_counted_over_both_channels(app):
    with TestClient(app) as client:
        with client.websocket_connect("/ws") as websocket:
            for kind, data, answered in (
                ("reset", {}, "observation"),
                ("reset", {"split": "test"}, "observation"),
                ("step", {}, "observation"),
                ("step", {"raise": 1}, "error"),
                ("step", {}, "observation"),
                ("step", {}, "error"),
                ("wat", None, "error"),
            ):
                assert ask(websocket, kind, data) == answered
            session_id = client.post("/reset", json={}).json()["session_id"]
            client.post("/step", json={"action": {"done": 1}}, headers={"x-session-id": session_id})
            client.post("/step", json={"action": {}}, headers={"x-session-id": "nobody's"})
            during = read(client)
            with client.websocket_connect("/ws") as third:
                assert json.loads(third.receive_text())["data"]["code"] == "CAPACITY_REACHED"
        values = read(client)
    assert during["tasksets_sessions",] == 2
    assert values["tasksets_sessions_opened_total",] == 2
    assert values["tasksets_sessions_refused_total",] == 1
    assert values["tasksets_reset_seconds_count",] == values["tasksets_reset_seconds_bucket", "+Inf"] == 3
    assert values["tasksets_step_seconds_count",] == 3
    assert values["tasksets_episodes_finished_total",] == 2
    assert values["tasksets_rows_total", "at_hand"] == 3
    assert values["tasksets_rows_total", "fetched"] == 0
    assert values["tasksets_next_position", "train"] == 10
    assert values["tasksets_next_position", "test"] == 7
    kinds = {key[1]: value for key, value in values.items() if key[0] == "tasksets_errors_total"}
    assert kinds == {
        "CAPACITY_REACHED": 1,
        "EXECUTION_ERROR": 1,
        "RESET_NEEDED": 1,
        "SESSION_ERROR": 1,
        "UNKNOWN_TYPE": 1,
    }


def test_every_error_that_a_client_is_told_is_counted_whatever_it_came_over(make_taskset):
    token = "trainer-0123456789abcdef"
    app = create_app([Host(make_taskset(ROWS["test"], TASK), Quiz)], gate=Gate(token))
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}}
    with TestClient(app) as client:
        assert client.post("/reset", json={}).status_code == 401
        with pytest.raises(WebSocketDenialResponse):
            client.websocket_connect("/ws").__enter__()
        client.headers["Authorization"] = f"Bearer {token}"
        for path, body, status in (
            ("/reset", {"seed": -1}, 422),
            ("/quiz/task", {"split": "train", "index": 99}, 400),
            ("/quiz/num_tasks", {"split": "nope"}, 404),
            ("/QUIZ/task", {"split": "train"}, 422),
            ("/mcp", rpc, 200),
            ("/mcp", {**rpc, "params": {}}, 200),
            ("/nowhere", {}, 404),
        ):
            assert client.post(path, json=body).status_code == status, path
        client.post("/step", content=b"x" * (2**24 + 1))
        kinds = {key[1]: value for key, value in read(client).items() if key[0] == "tasksets_errors_total"}
    assert kinds == {"UNAUTHENTICATED": 2, "VALIDATION_ERROR": 5, "TOOL_FAILED": 1, "MESSAGE_TOO_LARGE": 1}


def test_the_documentation_names_every_metric(app):
    with TestClient(app) as client:
        names = {key[0] for key in read(client) if key[0].startswith("tasksets_")}
    documented = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    written = set(re.findall(r"`(tasksets_\w+)", documented))
    # Nothing has failed yet.
    assert {re.sub("_(bucket|count|sum|created)$", "", name) for name in names} == written - {"tasksets_errors_total"}


def test_the_metrics_of_several_environments_are_in_one_text(make_taskset):
    hosts = [Host(make_taskset(ROWS["test"], TASK, id=name), Quiz) for name in ("one", "two")]
    with TestClient(create_app(hosts)) as client:
        client.post("/two/reset", json={})
        lines = client.get("/metrics").text.splitlines()
    assert 'tasksets_sessions_opened_total{environment="one"} 0.0' in lines
    assert 'tasksets_sessions_opened_total{environment="two"} 1.0' in lines
