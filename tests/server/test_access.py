"""Who may do what, as a law, and tried over HTTP by an agent and by a stranger on a real server."""

import json

import pytest
from asking import HTTP, ask
from guarded_server import PREFIXES, TOKEN, TRAINER_HEADERS, guarded_server
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from openenv_tasksets.server.access import ANONYMOUS, TRAINER, Caller, http_deed, refusal
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

DEEDS = ("greet", "read", "tools", "step", "control")
ids = st.sampled_from(["a", "b", "c"])


@given(deed=st.sampled_from(DEEDS), session_id=st.none() | ids, own=ids, may_step=st.booleans())
def test_the_law(deed, session_id, own, may_step):
    agent = Caller("agent", own, may_step=may_step)

    assert refusal(TRAINER, deed, session_id) is None
    assert (refusal(ANONYMOUS, deed, session_id) is None) is (deed == "greet")
    theirs = session_id in (None, own)
    allowed = deed in ("greet", "read") or (theirs and deed == "tools") or (theirs and deed == "step" and may_step)
    assert (refusal(agent, deed, session_id) is None) is allowed


@given(st.text(), st.text())
def test_a_route_that_nobody_thought_of_is_the_trainers(method, path):
    assert http_deed(method, path) == "control"


HIDDEN_FROM_AGENTS = [
    ("POST", "/reset", {}),
    ("POST", "/reset", {"index": 0}),
    ("POST", "/reset?x=1", {"index": 0}),
    ("POST", "/reset", {"session_id": "OTHER"}),
    ("POST", "/reset/", {}),
    ("POST", "//reset", {}),
    ("GET", "/state", None),
    ("GET", "/state?session_id=OTHER", None),
    ("GET", "/state?session_id=OWN", None),
    ("GET", "/list_environments", None),
    ("GET", "/guess/splits", None),
    ("POST", "/guess/tasks", {"split": "train"}),
    ("POST", "/guess/num_tasks", {"split": "train"}),
    ("POST", "/guess/task", {"split": "train", "index": 0}),
    ("POST", "/guess/task_range", {"split": "train"}),
    ("POST", "/step", {"action": {}, "session_id": "OTHER"}),
    ("POST", "/step?x=1", {"action": {}, "session_id": "OTHER"}),
    ("GET", "/metrics", None),
    ("GET", "/docs/oauth2-redirect", None),
    ("GET", "/nothing", None),
]
OPEN_TO_AGENTS = ["/health", "/metadata", "/schema", "/openapi.json", "/docs", "/redoc"]


@pytest.fixture(scope="module", params=["fast", "plain"])
def server(request, serve, guess_taskset, guess_environment):
    with guarded_server(serve, guess_taskset, guess_environment, request.param) as server:
        yield server


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("method", "path", "body"), HIDDEN_FROM_AGENTS)
@pytest.mark.parametrize("step", [False, True])
def test_an_agent_is_refused_over_http(server, prefix, method, path, body, step):
    before = server.trainers_view()

    answer = server.http.request(
        method, server.url + prefix + server.named(path), json=server.named(body), headers=server.agent(step=step)
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")
    assert server.tokens[step] not in answer.text
    assert "x-session-id" not in answer.headers
    assert server.trainers_view() == before


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("method", "path", "body"), [*HIDDEN_FROM_AGENTS, ("POST", "/step", {"action": {}})])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"X-Session-Id": "OTHER"}])
def test_a_stranger_is_refused_over_http(server, prefix, method, path, body, headers):
    url = server.url + prefix + server.named(path)
    answer = server.http.request(method, url, json=server.named(body), headers=server.named(headers))

    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", OPEN_TO_AGENTS)
def test_what_an_environment_is_may_be_read(server, prefix, path):
    url = server.url + prefix + path

    assert server.http.get(url, headers=server.agent()).status_code == 200
    assert server.http.get(url, headers=TRAINER_HEADERS).status_code == 200
    assert server.http.get(url).status_code == (200 if path == "/health" else 401)


@pytest.mark.parametrize("header", ["OTHER", "none"])
def test_a_header_names_no_other_session(server, header):
    headers = server.named({**server.agent(step=True), "X-Session-Id": header})
    action = {"action": {"type": "call_tool", "tool_name": "add", "arguments": {"a": 1, "b": 1}}}
    before = server.trainers_view()

    assert HTTP.post(f"{server.url}/step", json=action, headers=headers).json()["code"] == "ACCESS_DENIED"
    assert HTTP.post(f"{server.url}/step", json={**action, "x": 1}, headers=headers).status_code == 403
    assert server.trainers_view() == before


def test_an_agent_steps_where_the_trainer_says_so(server):
    action = {"action": {"type": "call_tool", "tool_name": "add", "arguments": {"a": 1, "b": 1}}}

    refused = HTTP.post(f"{server.url}/step", json=action, headers=server.agent())
    assert (refused.status_code, "does not allow step()" in refused.json()["detail"]) == (403, True)
    headers = {**TRAINER_HEADERS, "X-Session-Id": server.own}
    HTTP.post(f"{server.url}/reset", json={"index": 3}, headers=headers).raise_for_status()
    taken = HTTP.post(f"{server.url}/step", json=action, headers=server.agent(step=True))
    assert (taken.status_code, taken.headers["x-session-id"]) == (200, server.own)
    assert taken.json()["observation"]["result"]["data"] == {"sum": 2}


def test_the_session_of_an_agent_ends(server):
    session_id = server.session()
    token = server.gate.agent_token(session_id)
    headers = {"Authorization": f"Bearer {token}"}
    with server.connect("/ws", headers) as websocket:
        assert server.rpc("openenv/session/close", {"session_id": session_id}, TRAINER_HEADERS)["result"]["closed"]
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}
        assert "this session is closed" in json.dumps(ask(websocket, "mcp", call))
    assert server.rpc("tools/list", {}, headers)["error"]["code"] == -32602
    with server.connect("/mcp", headers) as websocket:
        assert json.loads(websocket.recv(timeout=30))["error"]["data"] == {"code": "SESSION_ERROR"}


def test_an_open_server_needs_no_token_and_keeps_agents_to_theirs(serve, guess_taskset, guess_environment):
    with serve(create_app([Host(guess_taskset, guess_environment)])) as url:
        with connect(url.replace("http", "ws") + "/ws") as websocket:
            ask(websocket, "reset", {"index": 3})
            asked = {"jsonrpc": "2.0", "id": 1, "method": "openenv/session/agent_token"}
            given = ask(websocket, "mcp", asked)["data"]["result"]
            assert given["session_id"] == websocket.response.headers["X-Session-Id"]
            headers = {"Authorization": f"Bearer {given['token']}"}
            assert HTTP.post(f"{url}/reset", json={}, headers=headers).status_code == 403
            message = {**asked, "method": "tools/call", "params": {"name": "guess", "arguments": {"number": 4}}}
            assert HTTP.post(f"{url}/mcp", json=message, headers=headers).json()["result"]["data"] == "right"
            assert ask(websocket, "state")["data"]["episode_reward"] == 1.0
        # Its session ended with the trainer's connection.
        assert "error" in HTTP.post(f"{url}/mcp", json=message, headers=headers).json()


def test_no_token_is_logged_or_echoed(server, caplog):
    caplog.set_level(0)
    for headers in (TRAINER_HEADERS, server.agent(), {"Authorization": f"Bearer wrong-{TOKEN}"}):
        for path in ("/health", "/reset", "/state", "/nothing", "/mcp"):
            answer = HTTP.post(server.url + path, headers=headers, content=b"{")
            assert TOKEN not in answer.text + str(answer.headers)
        with pytest.raises((InvalidStatus, ConnectionClosed)), server.connect("/nothing", headers) as websocket:
            websocket.recv(timeout=30)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("openenv", "uvicorn", "mcp"))]
    assert ours
    assert not [line for line in ours if TOKEN in line or server.tokens[False] in line]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
