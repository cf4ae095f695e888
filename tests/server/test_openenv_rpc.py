"""OpenEnv's JSON-RPC dialect: its own client for tools, on its own server and on ours, and every channel by hand."""

import json
import warnings

import pytest
from asking import HTTP
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from openenv_tasksets.answer import Answer
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
    from openenv.core.mcp_client import MCPToolClient


@pytest.fixture(scope="module", params=["fast", "plain"])
def our_tools(request, serve, guess_taskset, guess_environment):
    host = Host(guess_taskset, guess_environment, settings=HostSettings(max_sessions=8))
    with serve(create_app([host]), transport=request.param) as url:
        yield url, host


@pytest.fixture(params=["ours", "under its id", "openenv's"])
def base_url(request, openenv, serve, guess_taskset, guess_environment, our_tools):
    if request.param != "openenv's":
        yield our_tools[0] + ("/guess" if request.param == "under its id" else "")
        return
    from openenv.core.env_server.types import State

    from openenv_tasksets.mixin import bind_environment

    bound = bind_environment(guess_environment, guess_taskset)
    with serve(
        openenv.create_app(bound, CallToolAction, CallToolObservation, max_concurrent_envs=4, state_cls=State)
    ) as url:
        yield url


@pytest.mark.anyio
async def test_openenvs_client_for_tools_plays_unchanged(base_url):
    async with MCPToolClient(base_url=base_url) as client:
        first = await client.reset(index=3)
        assert first.metadata == {"question": "3 + 1 = ?"}
        tools = await client.list_tools()
        assert [tool.name for tool in tools] == ["guess", "add", "fail"]
        assert tools[0].description == "Guess the number."
        assert tools[0].input_schema["properties"]["number"]["type"] == "integer"
        assert await client.call_tool("add", a=2, b=3) == {"sum": 5}
        assert await client.call_tool("guess", number=5) == "wrong"
        with pytest.raises(RuntimeError, match="Tool 'fail' failed: .*the tool is broken"):
            await client.call_tool("fail")
        with pytest.raises(RuntimeError, match="Tool 'nope' failed: Unknown tool"):
            await client.call_tool("nope")
        assert (await client.state()).step_count >= 0

    async with MCPToolClient(base_url=base_url) as client:
        await client.reset(index=3)
        step = await client.step(CallToolAction(tool_name="guess", arguments={"number": 4}))
        assert (step.observation.result["data"], step.reward, step.done) == ("right", 1.0, True)


def test_a_session_made_by_the_client_is_ended_by_it(our_tools):
    url, host = our_tools
    with MCPToolClient(base_url=url).sync() as client:
        client.reset(index=0)
        assert host.active_sessions == 1
    assert host.active_sessions == 0


def ask(url, method, request_id=1, **params):
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    answer = HTTP.post(f"{url}/mcp", json=message, timeout=30)
    assert answer.status_code == 200
    assert (answer.json()["jsonrpc"], answer.json()["id"]) == ("2.0", request_id)
    return answer.json()


def test_a_tools_result_is_fastmcps_in_snake_case(our_tools):
    url, _ = our_tools
    session_id = ask(url, "openenv/session/create")["result"]["session_id"]
    HTTP.post(f"{url}/reset", json={"index": 0}, headers={"X-Session-Id": session_id}).raise_for_status()

    called = ask(url, "tools/call", name="guess", arguments={"number": 7}, session_id=session_id)["result"]

    assert called["content"] == [{"type": "text", "text": "wrong", "annotations": None, "meta": None}]
    assert (called["structured_content"], called["data"], called["is_error"]) == ({"result": "wrong"}, "wrong", False)
    assert "reward" not in json.dumps(called)
    (tool, *_) = ask(url, "tools/list", session_id=session_id)["result"]["tools"]
    assert tool["inputSchema"] == tool["input_schema"]
    assert ask(url, "openenv/session/close", session_id=session_id)["result"]["closed"] is True


def test_calls_of_tools_are_steps_under_the_episodes_rules(our_tools):
    url, _ = our_tools
    session_id = ask(url, "openenv/session/create")["result"]["session_id"]
    headers = {"X-Session-Id": session_id}
    guess = {"name": "guess", "arguments": {"number": 0}, "session_id": session_id}

    early = ask(url, "tools/call", **guess)["error"]
    assert (early["code"], early["data"]["code"]) == (-32603, "RESET_NEEDED")
    HTTP.post(f"{url}/reset", json={"index": 9}, headers=headers).raise_for_status()
    assert "episode_reward" not in HTTP.get(f"{url}/state", headers=headers).json()
    for _ in range(3):
        assert "done" not in (ask(url, "tools/call", **guess)["result"]["meta"] or {})
    state = HTTP.get(f"{url}/state", headers=headers).json()
    assert (state["step_count"], state["episode_reward"], state["episode_done"]) == (3, -0.75, False)
    assert ask(url, "tools/call", **guess)["result"]["meta"]["done"] is True, "max_steps is 4"
    assert ask(url, "tools/call", **guess)["error"]["data"]["code"] == "RESET_NEEDED"
    state = HTTP.get(f"{url}/state", headers=headers).json()
    assert (state["task_id"], state["episode_reward"], state["episode_done"]) == ("train-9", -1.0, True)
    HTTP.post(f"{url}/reset", json={"index": 9}, headers=headers).raise_for_status()
    assert "episode_reward" not in HTTP.get(f"{url}/state", headers=headers).json()
    ask(url, "openenv/session/close", session_id=session_id)


def test_without_a_session_a_call_has_an_environment_of_its_own(our_tools):
    url, host = our_tools

    assert ask(url, "tools/call", name="add", arguments={"a": 1, "b": 1})["result"]["data"] == {"sum": 2}
    assert [tool["name"] for tool in ask(url, "tools/list")["result"]["tools"]] == ["guess", "add", "fail"]
    assert host.active_sessions == 0


@pytest.mark.parametrize(
    ("method", "params", "code", "message"),
    [
        ("tools/call", {}, -32602, "Missing 'name' in params"),
        ("tools/call", {"name": 3}, -32602, "Missing 'name' in params"),
        ("tools/call", {"name": "add", "arguments": [1]}, -32602, "'arguments' must be an object"),
        ("tools/call", {"name": "add", "session_id": "none"}, -32602, "Unknown session_id: none"),
        ("tools/call", {"name": "add", "session_id": 3}, -32602, "'session_id' must be text"),
        ("tools/call", {"name": "reset"}, -32603, "Unknown tool: 'reset'"),
        ("tools/call", {"name": "step"}, -32603, "Unknown tool: 'step'"),
        ("tools/call", {"name": "state"}, -32603, "Unknown tool: 'state'"),
        ("tools/list", {"session_id": "none"}, -32602, "Unknown session_id: none"),
        ("openenv/session/close", {}, -32602, "Invalid params - 'session_id' is required"),
        ("openenv/session/close", {"session_id": "none"}, -32602, "Unknown session_id: none"),
        ("openenv/session/agent_token", {}, -32602, "Invalid params - 'session_id' is required"),
        ("openenv/session/agent_token", {"session_id": "none"}, -32602, "Unknown session_id: none"),
        ("openenv/session/agent_token", {"step": "yes"}, -32602, "'step' must be true or false"),
        ("initialize", {}, -32601, "Method not found: initialize"),
        ("reset", {}, -32601, "Method not found: reset"),
    ],
)
def test_mistakes_are_told(our_tools, method, params, code, message):
    error = ask(our_tools[0], method, "id", **params)["error"]

    assert (error["code"], error["message"]) == (code, message)


def test_a_full_server_says_so(serve, guess_taskset, guess_environment):
    host = Host(guess_taskset, guess_environment, settings=HostSettings(max_sessions=1))
    with serve(create_app([host])) as url, connect(f"{url.replace('http', 'ws')}/ws") as websocket:
        websocket.send('{"type":"state"}')
        websocket.recv(timeout=30)

        for method, params in (("openenv/session/create", {}), ("tools/list", {})):
            error = ask(url, method, **params)["error"]
            assert (error["code"], error["data"]) == (-32000, {"active_sessions": 1, "max_sessions": 1})
        with connect(f"{url.replace('http', 'ws')}/mcp") as refused:
            error = json.loads(refused.recv(timeout=30))["error"]
            assert (error["code"], error["data"]["code"]) == (-32000, "CAPACITY_REACHED")
            with pytest.raises(ConnectionClosed):
                refused.recv(timeout=30)


def rpc(websocket, method, wrap=None, **params):
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    websocket.send(json.dumps({"type": "mcp", "data": message} if wrap else message))
    answer = json.loads(websocket.recv(timeout=30))
    return answer["data"] if wrap else answer


@pytest.mark.parametrize("route", ["ws", "mcp"])
def test_a_websocket_has_a_session_of_its_own(our_tools, route):
    url, host = our_tools
    with connect(f"{url.replace('http', 'ws')}/{route}") as websocket:
        wrap = route == "ws"
        own = rpc(websocket, "openenv/session/create", wrap)["result"]["session_id"]
        assert own == websocket.response.headers["X-Session-Id"]
        assert host.active_sessions == 1
        assert rpc(websocket, "openenv/session/close", wrap, session_id=own)["error"]["code"] == -32600
        assert len(rpc(websocket, "tools/list", wrap)["result"]["tools"]) == 3
        HTTP.post(f"{url}/reset", json={"index": 3}, headers={"X-Session-Id": own}).raise_for_status()
        called = rpc(websocket, "tools/call", wrap, name="guess", arguments={"number": 4})["result"]
        assert (called["data"], called["meta"]["done"]) == ("right", True)
        # Closed over HTTP, it ends with its connection.
        ending = {"session_id": own, "closed": False, "closing": True}
        assert ask(url, "openenv/session/close", session_id=own)["result"] == ending


@pytest.mark.parametrize("text", ["nonsense", "[]", "1", '"x"', "null", "", '{"jsonrpc":"2.0"}'])
def test_what_is_no_request_leaves_the_websocket_open(our_tools, text):
    with connect(f"{our_tools[0].replace('http', 'ws')}/mcp") as websocket:
        websocket.send(text)
        assert json.loads(websocket.recv(timeout=30))["error"]["code"] in (-32700, -32600)
        assert "result" in rpc(websocket, "tools/list")


def test_an_answer_is_submitted_by_a_tool(serve, make_taskset):
    rows = [{"prompt": "1 + 1 = ?", "answer": "2"}]
    taskset = make_taskset(rows, {"reset": {"prompt": "prompt", "answer": "answer"}, "visible": ["prompt"]})
    with serve(create_app([Host(taskset, Answer)])) as url:
        with MCPToolClient(base_url=url).sync() as client:
            client.reset(index=0)
            (tool,) = client.list_tools()
            assert (tool.name, tool.description) == ("submit", "The reply to a prompt.")
            assert tool.input_schema["properties"] == {"answer": {"type": "string"}}
            assert tool.input_schema["required"] == ["answer"]
            assert client.call_tool("submit", answer="2") == {
                "observation": {"prompt": None, "choices": None},
                "done": True,
            }
            with pytest.raises(RuntimeError, match="the episode is done"):
                client.call_tool("submit", answer="2")
        with connect(f"{url.replace('http', 'ws')}/ws") as websocket:
            websocket.send('{"type":"reset","data":{"index":0}}')
            websocket.recv(timeout=30)
            assert "Unknown tool: 'other'; there is 'submit'" in str(rpc(websocket, "tools/call", True, name="other"))
            wrong = rpc(websocket, "tools/call", True, name="submit", arguments={"reply": "2"})["error"]
            assert (wrong["code"], wrong["data"]["code"]) == (-32603, "VALIDATION_ERROR")
            rpc(websocket, "tools/call", True, name="submit", arguments={"answer": "2"})
            websocket.send('{"type":"state"}')
            state = json.loads(websocket.recv(timeout=30))["data"]
            assert (state["episode_reward"], state["episode_done"], state["step_count"]) == (1.0, True, 1)
