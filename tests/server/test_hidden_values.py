"""A hidden value is in nothing that this library writes, whatever goes wrong and whoever asks."""

import json
import logging

import pytest
from starlette.testclient import TestClient

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

CANARY = "c4n4ry"


class Careless:
    """Puts the answer into the text of every exception and keeps it in its attributes."""

    def __init__(self, key=None):
        self.key = key

    def reset(self, question, answer, rubric, fail=""):
        self.answer = answer
        if fail == "reset":
            raise ValueError(f"answer {answer!r}")
        if fail == "cause":
            try:
                raise KeyError(answer)
            except KeyError as exc:
                raise RuntimeError(str(rubric)) from exc
        return {"question": question, "extra": self if fail == "opaque" else None}

    def step(self, action):
        if action.get("fail") == "group":
            raise ExceptionGroup(self.answer, [ValueError(self.answer)])
        if action.get("fail") == "reward":
            return {"reward": self.answer}
        if action.get("fail") == "kind":
            return self.answer
        if action.get("fail") == "key":
            return {("a", self.answer): 1}
        raise AssertionError(self.answer)

    @property
    def state(self):
        raise LookupError(self.answer)

    def close(self):
        raise OSError(getattr(self, "answer", CANARY))


class Handy(Careless):
    """Its step is a tool."""

    step_tool = "act"


ROWS = [
    {
        "name": f"t{n}",
        "question": f"q{n}",
        "answer": f"{CANARY} {n}",
        "rubric": {"text": CANARY},
        "notes": CANARY,
        "level": n,
    }
    for n in range(4)
]
TASK = {
    "id": "name",
    "reset": {"question": "question", "answer": "answer", "rubric": "rubric"},
    "visible": ["question"],
    "public": ["level"],
    "gold": {"answer": "answer"},
    "limits": {"max_steps": 3},
}

RESETS = [
    {},
    {"index": 1},
    {"index": 1, "answer": "mine"},
    {"index": 1, "notes": "mine"},
    {"index": 99},
    {"index": "x"},
    {"task_id": "t9"},
    {"task_id": "t1", "index": 2},
    {"split": "dev"},
    {"seed": -1},
    {"spilt": "x"},
    {"index": 1, "fail": "reset"},
    {"index": 1, "fail": "cause"},
    {"index": 1, "fail": "opaque"},
]
STEPS = [{}, {"fail": "group"}, {"fail": "reward"}, {"fail": "kind"}, {"fail": "key"}, {"type": "list_tools"}]
RPCS = [
    {},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call"},
    *(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "act", "arguments": action}}
        for action in STEPS
    ),
]
ROUTES = ["health", "metadata", "schema", "openapi.json", "docs", "state", "list_environments", "quiz/splits"]
BODIES = [
    *(("reset", body) for body in RESETS),
    *(("step", {"action": action}) for action in STEPS),
    *(("mcp", body) for body in RPCS),
    *(
        (f"quiz/{route}", {"split": split})
        for route in ("tasks", "num_tasks", "task_range")
        for split in ("train", "dev")
    ),
    *(("quiz/task", {"split": "train", "index": index}) for index in (0, 9, -1, "x")),
]


@pytest.fixture
def taskset(make_taskset):
    return make_taskset(ROWS, TASK, title="A quiz")


def test_nothing_hidden_is_in_any_frame_answer_or_log(taskset, caplog):
    caplog.set_level(logging.DEBUG)
    written = []
    client = TestClient(create_app([Host(taskset, Careless)]), raise_server_exceptions=False)
    with client.websocket_connect("/ws") as websocket:
        for kind, data in [
            *(("reset", data) for data in RESETS),
            ("reset", {"index": 1}),
            *(("step", data) for data in STEPS),
            ("state", None),
            *(("mcp", data) for data in RPCS),
            ("wat", {}),
        ]:
            websocket.send_json({"type": kind} if data is None else {"type": kind, "data": data})
            written.append(websocket.receive_text())
    for route in ROUTES:
        written.append(client.get(f"/{route}").text)
    for route, body in BODIES:
        written.append(client.post(f"/{route}", json=body).text)
    assert len(written) > 60
    errors = [frame for frame in written if "EXECUTION_ERROR" in frame]
    assert len(errors) >= 9
    for text in written:
        assert CANARY not in text
    assert caplog.text.count("in step") >= 5
    assert CANARY not in caplog.text
    assert "was not closed in order" in caplog.text


def test_nothing_hidden_is_in_what_a_tool_says_over_either_protocol(taskset, caplog):
    caplog.set_level(logging.DEBUG)
    written = []
    welcome = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": welcome}
    accept = {"accept": "application/json, text/event-stream"}
    with TestClient(create_app([Host(taskset, Handy)]), raise_server_exceptions=False) as client:
        conversation = client.post("/mcp", json=begin, headers=accept).headers["mcp-session-id"]
        for headers in ({}, {**accept, "mcp-session-id": conversation}):
            for message in RPCS:
                session_id = client.post("/reset", json={"index": 1}).json()["session_id"]
                named = {**message, "params": {**message.get("params", {}), "session_id": session_id}}
                asked = {**headers, "x-session-id": session_id}
                written.append(client.post("/mcp", json=message if headers else named, headers=asked).text)
    assert len([text for text in written if "failed in step()" in text]) >= 6
    assert CANARY not in "".join(written)
    assert caplog.text.count("in step") >= 6
    assert CANARY not in caplog.text


def test_nothing_hidden_is_in_the_text_of_any_object(taskset):
    host = Host(taskset, Careless)
    episode = host.select({"index": 1})
    for value in (taskset, episode.task, host, host.taskset["train"], episode, episode.state(), episode.task.spec()):
        assert CANARY not in f"{value!r} {value}"
    assert CANARY in json.dumps(dict(episode.arguments))


@pytest.mark.parametrize(
    ("column", "value"),
    [("answer", None), ("answer", b"c4n4ry"), ("question", None), ("name", None), ("name", [CANARY])],
)
def test_a_row_that_cannot_be_bound_is_named_without_its_values(make_taskset, column, value):
    rows = [*ROWS, {**ROWS[0], column: value}]
    task = {
        **TASK,
        "reset": {
            "question": {"template": "{question}"},
            "answer": {"column": "answer", "extract": "c4n.*"},
            "rubric": "rubric",
        },
    }
    client = TestClient(create_app([Host(make_taskset(rows, task), Careless)]))
    answer = client.post("/reset", json={"index": 4})
    assert answer.status_code == 500
    assert f"column {column!r}" in answer.json()["detail"]
    assert "split 'train', row 4" in answer.json()["detail"]
    assert CANARY not in answer.text


def test_a_value_that_does_not_match_is_not_shown(make_taskset):
    rows = [{"question": "q", "answer": f"{CANARY} without a number", "rubric": ""}]
    task = {
        "reset": {"question": "question", "answer": {"column": "answer", "extract": "#### (.+)"}, "rubric": "rubric"},
        "visible": ["question"],
    }
    with pytest.raises(TasksetError, match="does not match extract") as caught:
        Host(make_taskset(rows, task), Careless)
    assert CANARY not in str(caught.value)
