"""Who may do what, as a law, and tried by an agent and by a stranger on every channel of a real server."""

import json

import fastmcp
import httpx
import pytest
from fastmcp.client.transports import StreamableHttpTransport
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from openenv_tasksets.server.access import ANONYMOUS, TRAINER, Caller, http_deed, refusal
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host, HostSettings

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


# --- on a real server

TOKEN = "a-token-of-the-trainer"
TRAINER_HEADERS = {"Authorization": f"Bearer {TOKEN}"}
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
PREFIXES = ("", "/guess")


class Server:
    def __init__(self, url, gate):
        self.url = url
        self.gate = gate
        self.own, self.other = self.session(), self.session()
        self.tokens = {step: self.ask_for_token(step) for step in (False, True)}

    def session(self):
        return httpx.post(f"{self.url}/reset", json={"index": 3}, headers=TRAINER_HEADERS).json()["session_id"]

    def ask_for_token(self, step):
        params = {"session_id": self.own, "step": step}
        answer = self.rpc("openenv/session/agent_token", params, TRAINER_HEADERS)["result"]
        assert answer["session_id"] == self.own
        return answer["token"]

    def rpc(self, method, params, headers):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(f"{self.url}/mcp", json=message, headers=headers, timeout=30).json()

    def agent(self, *, step=False):
        return {"Authorization": f"Bearer {self.tokens[step]}"}

    def named(self, value):
        """With the ids of sessions in their places."""
        return json.loads(json.dumps(value).replace("OTHER", self.other).replace("OWN", self.own))

    def connect(self, path, headers=None, **options):
        return connect(self.url.replace("http", "ws") + path, additional_headers=headers, **options)

    def trainers_view(self):
        """What must not change, whatever an agent tries."""
        state = httpx.get(f"{self.url}/state", headers={**TRAINER_HEADERS, "X-Session-Id": self.other}).json()
        own = httpx.get(f"{self.url}/state", headers={**TRAINER_HEADERS, "X-Session-Id": self.own}).json()
        return state, own["task_id"]


@pytest.fixture(scope="module", params=["fast", "plain"])
def server(request, serve, guess_taskset, guess_environment):
    gate = Gate(TOKEN)
    host = Host(guess_taskset, guess_environment, settings=HostSettings(max_sessions=64))
    with serve(create_app([host], gate=gate), transport=request.param) as url:
        yield Server(url, gate)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("method", "path", "body"), HIDDEN_FROM_AGENTS)
@pytest.mark.parametrize("step", [False, True])
def test_an_agent_is_refused_over_http(server, prefix, method, path, body, step):
    before = server.trainers_view()

    answer = httpx.request(
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
    answer = httpx.request(method, url, json=server.named(body), headers=server.named(headers))

    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", OPEN_TO_AGENTS)
def test_what_an_environment_is_may_be_read(server, prefix, path):
    url = server.url + prefix + path

    assert httpx.get(url, headers=server.agent()).status_code == 200
    assert httpx.get(url, headers=TRAINER_HEADERS).status_code == 200
    assert httpx.get(url).status_code == (200 if path == "/health" else 401)


@pytest.mark.parametrize("header", ["OTHER", "none"])
def test_a_header_names_no_other_session(server, header):
    headers = server.named({**server.agent(step=True), "X-Session-Id": header})
    action = {"action": {"type": "call_tool", "tool_name": "add", "arguments": {"a": 1, "b": 1}}}
    before = server.trainers_view()

    assert httpx.post(f"{server.url}/step", json=action, headers=headers).json()["code"] == "ACCESS_DENIED"
    assert httpx.post(f"{server.url}/step", json={**action, "x": 1}, headers=headers).status_code == 403
    assert server.trainers_view() == before


def test_an_agent_steps_where_the_trainer_says_so(server):
    action = {"action": {"type": "call_tool", "tool_name": "add", "arguments": {"a": 1, "b": 1}}}

    refused = httpx.post(f"{server.url}/step", json=action, headers=server.agent())
    assert (refused.status_code, "does not allow step()" in refused.json()["detail"]) == (403, True)
    headers = {**TRAINER_HEADERS, "X-Session-Id": server.own}
    httpx.post(f"{server.url}/reset", json={"index": 3}, headers=headers).raise_for_status()
    taken = httpx.post(f"{server.url}/step", json=action, headers=server.agent(step=True))
    assert (taken.status_code, taken.headers["x-session-id"]) == (200, server.own)
    assert taken.json()["observation"]["result"]["data"] == {"sum": 2}


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


def talk(websocket, kind, data=None):
    websocket.send(json.dumps({"type": kind} if data is None else {"type": kind, "data": data}))
    return json.loads(websocket.recv(timeout=30))


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
        refused = talk(websocket, kind, data)
        assert (refused["type"], refused["data"]["code"]) == ("error", "ACCESS_DENIED")
        listed = talk(websocket, "mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
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
        assert talk(trainers, "state")["data"]["task_id"] == before[1]
    assert server.trainers_view() == before


@pytest.mark.parametrize("route", ["/ws", "/mcp"])
def test_an_agent_that_leaves_takes_nothing_with_it(server, route):
    with server.connect("/ws", TRAINER_HEADERS) as trainers:
        talk(trainers, "reset", {"index": 3})
        session_id = trainers.response.headers["X-Session-Id"]
        headers = {"Authorization": f"Bearer {server.gate.agent_token(session_id)}"}
        for _ in range(2):
            with server.connect(route, headers) as websocket:
                call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
                call["params"] = {"name": "add", "arguments": {"a": 1, "b": 1}}
                websocket.send(json.dumps({"type": "mcp", "data": call} if route == "/ws" else call))
                assert '"sum"' in websocket.recv(timeout=30)
        state = talk(trainers, "state")["data"]
        assert (state["task_id"], state["step_count"]) == ("train-3", 2)


@pytest.mark.parametrize("route", ["/ws", "/mcp", "/guess/ws", "/ws?session_id=OTHER", "/nothing"])
@pytest.mark.parametrize("headers", [None, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
def test_a_stranger_gets_no_websocket(server, route, headers):
    with pytest.raises(InvalidStatus) as caught, server.connect(server.named(route), headers):
        pass
    assert caught.value.response.status_code == 401
    assert caught.value.response.headers["www-authenticate"] == "Bearer"


def test_a_browser_shows_its_token_as_a_subprotocol(server):
    for token in (TOKEN, server.tokens[False]):
        with server.connect("/ws", subprotocols=["openenv", f"bearer.{token}"]) as websocket:
            assert websocket.subprotocol == "openenv"
            assert token not in str(websocket.response.headers)
    with pytest.raises(InvalidStatus, match="401"), server.connect("/ws", subprotocols=["openenv", "bearer.wrong"]):
        pass


def test_the_session_of_an_agent_ends(server):
    session_id = server.session()
    token = server.gate.agent_token(session_id)
    headers = {"Authorization": f"Bearer {token}"}
    with server.connect("/ws", headers) as websocket:
        assert server.rpc("openenv/session/close", {"session_id": session_id}, TRAINER_HEADERS)["result"]["closed"]
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}
        assert "this session is closed" in json.dumps(talk(websocket, "mcp", call))
    assert server.rpc("tools/list", {}, headers)["error"]["code"] == -32602
    with server.connect("/mcp", headers) as websocket:
        assert json.loads(websocket.recv(timeout=30))["error"]["data"] == {"code": "SESSION_ERROR"}


# --- over the Model Context Protocol

BOTH = {"accept": "application/json, text/event-stream"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
}


def mcp_client(server, headers, query=""):
    return fastmcp.Client(StreamableHttpTransport(f"{server.url}/mcp{query}", headers=headers))


@pytest.mark.anyio
async def test_an_agent_plays_over_the_protocol_with_its_token_alone(server):
    session_id = server.session()
    async with mcp_client(server, {"Authorization": f"Bearer {server.gate.agent_token(session_id)}"}) as agent:
        assert [tool.name for tool in await agent.list_tools()] == ["guess", "add", "fail"]
        assert (await agent.call_tool("guess", {"number": 4})).meta == {"done": True}
    state = httpx.get(f"{server.url}/state", headers={**TRAINER_HEADERS, "X-Session-Id": session_id}).json()
    assert (state["episode_reward"], state["episode_done"]) == (1.0, True)


@pytest.mark.anyio
@pytest.mark.parametrize("by", ["header", "query"])
async def test_an_agent_reaches_no_other_session_over_the_protocol(server, by):
    before = server.trainers_view()
    headers = {**server.agent(step=True), **({"X-Session-Id": server.other} if by == "header" else {})}
    async with mcp_client(server, headers, f"?session_id={server.other}" if by == "query" else "") as agent:
        with pytest.raises(Exception, match="this token is for another session"):
            await agent.list_tools()
        with pytest.raises(Exception, match="this token is for another session"):
            await agent.call_tool("add", {"a": 1, "b": 1})
        for name in ("reset", "step", "state", "close"):
            with pytest.raises(Exception, match="another session"):
                await agent.call_tool(name, {})
    assert server.trainers_view() == before


@pytest.mark.parametrize("method", ["reset", "step", "state", "openenv/session/create", "resources/list", "tasks/list"])
def test_the_protocol_has_no_method_for_what_the_trainer_does(server, method):
    begun = httpx.post(f"{server.url}/mcp", json=INITIALIZE, headers={**BOTH, **server.agent()})
    headers = {**BOTH, **server.agent(), "mcp-session-id": begun.headers["mcp-session-id"]}
    httpx.post(
        f"{server.url}/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers
    ).raise_for_status()

    answer = httpx.post(f"{server.url}/mcp", json={**INITIALIZE, "method": method, "params": {}}, headers=headers)

    assert "error" in answer.json()


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("who", ["other agent", "own agent with other rights", "stranger"])
def test_nobody_goes_on_with_anothers_conversation(server, method, who):
    begun = httpx.post(f"{server.url}/mcp", json=INITIALIZE, headers={**BOTH, **server.agent()})
    shown = {
        "other agent": {"Authorization": f"Bearer {server.gate.agent_token(server.other)}"},
        "own agent with other rights": server.agent(step=True),
        "stranger": {},
    }[who]
    headers = {**BOTH, "mcp-session-id": begun.headers["mcp-session-id"], **shown}
    message = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"} if method == "POST" else None

    answer = httpx.request(method, f"{server.url}/mcp", json=message, headers=headers)

    assert answer.status_code == (401 if who == "stranger" else 404)
    headers = {**headers, **server.agent()}
    message = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    assert httpx.post(f"{server.url}/mcp", json=message, headers=headers).status_code == 200, "it goes on for its own"


# --- pages


@pytest.mark.parametrize("path", ["/health", "/reset", "/mcp", "/state", "/docs"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_page_is_refused_even_with_a_token(server, method, path):
    headers = {**TRAINER_HEADERS, "Origin": "https://evil.example"}

    answer = httpx.request(method, server.url + path, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("route", ["/ws", "/mcp", "/nothing"])
def test_a_foreign_page_gets_no_websocket(server, route):
    with (
        pytest.raises(InvalidStatus, match="403"),
        server.connect(route, TRAINER_HEADERS, origin="https://evil.example"),
    ):
        pass


def test_the_servers_own_page_may_ask(server):
    assert httpx.get(f"{server.url}/state", headers={**TRAINER_HEADERS, "Origin": server.url}).status_code == 200
    with server.connect("/ws", TRAINER_HEADERS, origin=server.url) as websocket:
        assert talk(websocket, "state")["type"] == "state"


@pytest.mark.parametrize("transport", ["fast", "plain"])
def test_an_allowed_page_may_ask_and_read_and_no_other(serve, guess_taskset, guess_environment, transport):
    gate = Gate(origins=["https://lab.example"])
    with serve(create_app([Host(guess_taskset, guess_environment)], gate=gate), transport=transport) as url:
        page = {"Origin": "https://lab.example"}
        asked = httpx.options(f"{url}/reset", headers={**page, "Access-Control-Request-Method": "POST"})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://lab.example")
        answer = httpx.post(f"{url}/reset", json={"index": 0}, headers=page)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://lab.example")
        assert "x-session-id" in answer.headers["access-control-expose-headers"]
        assert httpx.post(f"{url}/reset", json={}, headers={"Origin": "https://evil.example"}).status_code == 403
        with connect(url.replace("http", "ws") + "/ws", origin="https://lab.example") as websocket:
            assert talk(websocket, "state")["type"] == "state"


def test_an_open_server_needs_no_token_and_keeps_agents_to_theirs(serve, guess_taskset, guess_environment):
    with serve(create_app([Host(guess_taskset, guess_environment)])) as url:
        with connect(url.replace("http", "ws") + "/ws") as websocket:
            talk(websocket, "reset", {"index": 3})
            asked = {"jsonrpc": "2.0", "id": 1, "method": "openenv/session/agent_token"}
            given = talk(websocket, "mcp", asked)["data"]["result"]
            assert given["session_id"] == websocket.response.headers["X-Session-Id"]
            headers = {"Authorization": f"Bearer {given['token']}"}
            assert httpx.post(f"{url}/reset", json={}, headers=headers).status_code == 403
            message = {**asked, "method": "tools/call", "params": {"name": "guess", "arguments": {"number": 4}}}
            assert httpx.post(f"{url}/mcp", json=message, headers=headers).json()["result"]["data"] == "right"
            assert talk(websocket, "state")["data"]["episode_reward"] == 1.0
        # Its session ended with the trainer's connection.
        assert "error" in httpx.post(f"{url}/mcp", json=message, headers=headers).json()


def test_no_token_is_logged_or_echoed(server, caplog):
    caplog.set_level(0)
    for headers in (TRAINER_HEADERS, server.agent(), {"Authorization": f"Bearer wrong-{TOKEN}"}):
        for path in ("/health", "/reset", "/state", "/nothing", "/mcp"):
            answer = httpx.post(server.url + path, headers=headers, content=b"{")
            assert TOKEN not in answer.text + str(answer.headers)
        with pytest.raises((InvalidStatus, ConnectionClosed)), server.connect("/nothing", headers) as websocket:
            websocket.recv(timeout=30)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("openenv", "uvicorn", "mcp"))]
    assert ours
    assert not [line for line in ours if TOKEN in line or server.tokens[False] in line]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
