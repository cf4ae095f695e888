"""An agent and a stranger on JSON-RPC and the WebSockets of a server with a token."""

import json

import pytest
from asking import ask
from guarded_server import PREFIXES, TOKEN, TRAINER_HEADERS, guarded_server
from plain_quiz import TASK, Quiz, rows
from websockets.exceptions import ConnectionClosed, InvalidStatus


@pytest.fixture(scope="module", params=["fast", "plain"])
def server(request, serve, guess_taskset, guess_environment):
    with guarded_server(serve, guess_taskset, guess_environment, request.param) as server:
        yield server


RPC_REFUSED = [
    ("openenv/session/create", {}),
    ("openenv/session/close", {"session_id": "OWN"}),
    ("openenv/session/close", {"session_id": "OTHER"}),
    ("openenv/session/agent_token", {"session_id": "OWN"}),
    ("openenv/session/agent_token", {"session_id": "OTHER", "step": True}),
    ("openenv/session/agent_token", {}),
    ("tools/list", {"session_id": "OTHER"}),
    ("tools/call", {"session_id": "OTHER", "name": "add", "arguments": {"a": 1, "b": 1}}),
    ("tools/call", {"session_id": "none", "name": "add"}),
]


@pytest.mark.parametrize(("method", "params"), RPC_REFUSED)
@pytest.mark.parametrize("channel", ["http", "/ws", "/mcp", "/guess/ws", "/guess/mcp"])
def test_an_agent_is_refused_over_json_rpc(server, channel, method, params):
    before = server.trainers_view()
    params, headers = server.named(params), server.agent(step=True)

    if channel == "http":
        answer = server.rpc(method, params, headers)
    else:
        with server.connect(channel, headers) as websocket:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            websocket.send(json.dumps({"type": "mcp", "data": message} if channel.endswith("/ws") else message))
            answer = json.loads(websocket.recv(timeout=30))
            answer = answer.get("data", answer)

    assert (answer["error"]["code"], answer["error"]["data"]) == (-32000, {"code": "ACCESS_DENIED"})
    assert server.trainers_view() == before


@pytest.mark.parametrize("name", ["reset", "step", "state", "close", "list_environments", "tasks", "task_range"])
def test_what_the_trainer_does_is_no_tool(server, name):
    answer = server.rpc("tools/call", {"name": name, "arguments": {"index": 0}}, server.agent())

    assert "Unknown tool" in answer["error"]["message"]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("step", "kind", "data"),
    [
        (False, "reset", {}),
        (False, "reset", {"index": 0}),
        (True, "reset", {"index": 0}),
        (False, "state", None),
        (True, "state", None),
        (False, "step", {"type": "list_tools"}),
        (False, "step", {"type": "call_tool", "tool_name": "add", "arguments": {"a": 1, "b": 1}}),
    ],
)
def test_an_agent_is_refused_on_the_websocket_and_its_connection_goes_on(server, prefix, step, kind, data):
    before = server.trainers_view()
    with server.connect(f"{prefix}/ws", server.agent(step=step)) as websocket:
        refused = ask(websocket, kind, data)
        assert (refused["type"], refused["data"]["code"]) == ("error", "ACCESS_DENIED")
        listed = ask(websocket, "mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert len(listed["data"]["result"]["tools"]) == 3
    assert server.trainers_view() == before


@pytest.mark.parametrize("route", ["/ws", "/mcp", "/guess/ws"])
def test_an_agents_connection_visits_its_session_alone(server, route):
    before = server.trainers_view()
    for other in (server.other, "none"):
        with server.connect(f"{route}?session_id={other}", server.agent()) as websocket:
            assert "ACCESS_DENIED" in websocket.recv(timeout=30)
            with pytest.raises(ConnectionClosed):
                websocket.recv(timeout=30)
    # The trainer has a connection to it; the agent comes and goes beside it.
    with server.connect(f"/ws?session_id={server.own}", TRAINER_HEADERS) as trainers:
        for _ in range(2):
            with server.connect(f"{route}?session_id={server.own}", server.agent()) as websocket:
                assert "X-Session-Id" not in websocket.response.headers
        assert ask(trainers, "state")["data"]["task_id"] == before[1]
    assert server.trainers_view() == before


@pytest.mark.parametrize("route", ["/ws", "/mcp"])
def test_an_agent_that_leaves_takes_nothing_with_it(server, route):
    with server.connect("/ws", TRAINER_HEADERS) as trainers:
        ask(trainers, "reset", {"index": 3})
        session_id = trainers.response.headers["X-Session-Id"]
        headers = {"Authorization": f"Bearer {server.gate.agent_token(session_id)}"}
        for _ in range(2):
            with server.connect(route, headers) as websocket:
                call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
                call["params"] = {"name": "add", "arguments": {"a": 1, "b": 1}}
                websocket.send(json.dumps({"type": "mcp", "data": call} if route == "/ws" else call))
                assert '"sum"' in websocket.recv(timeout=30)
        state = ask(trainers, "state")["data"]
        assert (state["task_id"], state["step_count"]) == ("train-3", 2)


@pytest.mark.parametrize("route", ["/ws", "/mcp", "/guess/ws", "/ws?session_id=OTHER", "/nothing"])
@pytest.mark.parametrize("headers", [None, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
def test_a_stranger_gets_no_websocket(server, route, headers):
    with pytest.raises(InvalidStatus) as caught, server.connect(server.named(route), headers):
        pass
    assert caught.value.response.status_code == 401
    assert caught.value.response.headers["www-authenticate"] == "Bearer"
    assert caught.value.response.headers["content-type"] == "application/json"
    assert json.loads(caught.value.response.body)["code"] == "UNAUTHENTICATED"


def test_a_browser_shows_its_token_as_a_subprotocol(server):
    for token in (TOKEN, server.tokens[False]):
        with server.connect("/ws", subprotocols=["openenv", f"bearer.{token}"]) as websocket:
            assert websocket.subprotocol == "openenv"
            assert token not in str(websocket.response.headers)
    with pytest.raises(InvalidStatus, match="401"), server.connect("/ws", subprotocols=["openenv", "bearer.wrong"]):
        pass


# Each way of answering a frame has a check of its own; which one it is depends on where calls run, and on coroutines.
@pytest.fixture(scope="module", params=["fast", "plain"])
def transport(request):
    return request.param


@pytest.fixture(scope="module", params=[False, "thread", "pool"], ids=["inline", "thread", "pool"])
def quiz_server(request, serve, make_taskset, transport):
    with guarded_server(serve, make_taskset(rows(9), TASK), Quiz, transport, request.param) as server:
        yield server


@pytest.mark.parametrize(("step", "kind"), [(False, "reset"), (True, "reset"), (False, "step"), (True, "state")])
def test_it_is_refused_wherever_the_environment_runs(quiz_server, step, kind):
    before = quiz_server.trainers_view()
    with quiz_server.connect("/ws", quiz_server.agent(step=step)) as websocket:
        for _ in range(2):
            refused = ask(websocket, kind, None if kind == "state" else {})
            assert (refused["type"], refused["data"]["code"]) == ("error", "ACCESS_DENIED")
    assert quiz_server.trainers_view() == before


def test_it_steps_where_it_may_wherever_the_environment_runs(quiz_server):
    with quiz_server.connect("/ws", quiz_server.agent(step=True)) as websocket:
        assert ask(websocket, "step", {"answer": ""})["data"]["reward"] == 0.0
