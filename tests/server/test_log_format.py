"""The log for programs: a JSON line each, with ids, and never a hidden value."""

import io
import json
import logging

import pytest
from starlette.testclient import TestClient

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.log_format import JsonLines, log_as_json

CANARY = "c4n4ry"
ROWS = [{"name": f"t{n}", "question": f"q{n}", "answer": f"{CANARY} {n}"} for n in range(4)]
TASK = {"id": "name", "reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}


class Careless:
    blocking = False

    def reset(self, question, answer):
        self.answer = answer
        return {"question": question}

    def step(self, action):
        if "raise" in action:
            raise ValueError(self.answer)
        return {"reward": 1, "done": True}

    @property
    def state(self):
        raise LookupError(self.answer)

    def close(self):
        raise OSError(self.answer)


@pytest.fixture
def lines():
    """The parsed lines that are logged."""
    loggers = [logging.root, logging.getLogger("openenv_tasksets")]
    before = [(each, each.level, list(each.handlers)) for each in loggers]
    stream = io.StringIO()
    for handler in list(logging.root.handlers):
        logging.root.removeHandler(handler)
    log_as_json(stream)

    def read():
        assert CANARY not in stream.getvalue()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield read
    logging.captureWarnings(False)
    for each, level, handlers in before:
        each.setLevel(level)
        each.handlers[:] = handlers


def facts(line):
    return {key: value for key, value in line.items() if key not in ("time", "level", "logger")}


def test_a_session_is_told_from_its_opening_to_its_end(lines, make_taskset):
    host = Host(make_taskset(ROWS, TASK), Careless)
    with TestClient(create_app([host])) as client, client.websocket_connect("/ws") as websocket:
        for frame in (
            '{"type":"reset","data":{"index":2}}',
            '{"type":"step","data":{"raise":1}}',
            '{"type":"step","data":{}}',
            '{"type":"state"}',
            "c4n4ry"[:3],
        ):
            websocket.send_text(frame)
            websocket.receive_text()
    events = [facts(line) for line in lines() if line["logger"].endswith("event_log")]
    session_id = events[0]["session_id"]
    assert len(session_id) == 32
    ids = {"environment": "quiz", "session_id": session_id}
    task = {"task_id": "t2", "split": "train", "index": 2, "position": None}
    failed, odd = events[2]["error_id"], events[4]["error_id"]
    assert events == [
        {"event": "session opened", **ids},
        {"event": "episode began", **ids, **task},
        {"event": "error", **ids, "code": "EXECUTION_ERROR", "error_id": failed},
        {"event": "episode ended", **ids, "task_id": "t2", "steps": 1, "reward": 1, "truncated_by": None},
        {"event": "error", **ids, "code": "EXECUTION_ERROR", "error_id": odd},
        {"event": "error", **ids, "code": "INVALID_JSON", "error_id": None},
        {"event": "session ended", **ids, "why": "this session is closed; connect anew"},
    ]
    assert any(f"error {failed}" in line["event"] and line["level"] == "error" for line in lines())


def test_an_error_over_http_is_told_with_its_session_and_the_id_that_the_client_has(lines, make_taskset):
    host = Host(make_taskset(ROWS, TASK), Careless)
    with TestClient(create_app([host])) as client:
        session_id = client.post("/reset", json={"index": 2}).json()["session_id"]
        step = {"session_id": session_id, "action": {"raise": 1}}
        failed = client.post("/step", json=step).json()["error_id"]
        odd = client.get("/state", params={"session_id": session_id}).json()["error_id"]
        client.get("/state", params={"session_id": "nobody's"})
        client.post("/step", json={"session_id": session_id})
    ids = {"event": "error", "environment": "quiz"}
    assert [each for each in map(facts, lines()) if each["event"] == "error"] == [
        {**ids, "session_id": session_id, "code": "EXECUTION_ERROR", "error_id": failed},
        {**ids, "session_id": session_id, "code": "EXECUTION_ERROR", "error_id": odd},
        {**ids, "session_id": None, "code": "SESSION_ERROR", "error_id": None},
        {**ids, "session_id": None, "code": "VALIDATION_ERROR", "error_id": None},
    ]
    for each in (failed, odd):
        assert any(f"error {each}" in line["event"] for line in lines())


def test_an_error_over_json_rpc_is_told_with_its_session(lines, make_taskset):
    host = Host(make_taskset(ROWS, TASK), Careless)
    with TestClient(create_app([host])) as client, client.websocket_connect("/ws") as websocket:
        session_id = client.post("/reset", json={"index": 2}).json()["session_id"]
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        client.post("/mcp", json={**call, "params": {"name": "x", "session_id": session_id}})
        client.post("/mcp", content=b"garbage")
        websocket.send_json({"type": "mcp", "data": {**call, "params": {}}})
        websocket.receive_text()
    errors = [each for each in map(facts, lines()) if each["event"] == "error"]
    (own,) = {each["session_id"] for each in map(facts, lines()) if each["event"] == "session opened"} - {session_id}
    assert [(each["session_id"], each["code"]) for each in errors] == [
        (session_id, "TOOL_FAILED"),
        (None, "INVALID_JSON"),
        (own, "VALIDATION_ERROR"),
    ]


def test_an_exception_is_logged_by_its_place_and_type(lines):
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("elsewhere").exception("it failed")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("it failed", "error", "elsewhere")
    assert line["raised"].endswith("ValueError")
    assert "test_log_format.py" in line["raised"]


def test_a_line_is_one_line_whatever_is_in_it():
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "two\nlines %s", ("\u2028",), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["event"] == "two\nlines \u2028"
