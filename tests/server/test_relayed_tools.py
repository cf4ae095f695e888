"""Tools of an environment behind a URL: where its actions are OpenEnv's for tools, and where they are not."""

import warnings

import pytest
from asking import HTTP, ask, open_session

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.remote_runtime import RemoteRuntime

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
    from openenv.core.env_server.types import Action, Observation, State
    from openenv.core.mcp_client import MCPToolClient


class Move(Action):
    """An action of the environment's own."""

    direction: str = "north"


@pytest.fixture(scope="module", params=["steps", "passed on"])
def host(request, openenv, serve, guess_taskset, guess_environment):
    """The same environment, whose actions are OpenEnv's for tools, or its own."""
    types = (CallToolAction, CallToolObservation) if request.param == "steps" else (Move, Observation)
    with serve(openenv.create_app(guess_environment, *types, max_concurrent_envs=4, state_cls=State)) as url:
        yield Host(guess_taskset, RemoteRuntime(url))


@pytest.fixture(scope="module")
def url(serve, host):
    with serve(create_app([host])) as url:
        yield url


@pytest.mark.anyio
async def test_openenvs_client_for_tools_plays(url):
    async with MCPToolClient(base_url=url) as client:
        assert (await client.reset(index=3)).metadata == {"question": "3 + 1 = ?"}
        tools = await client.list_tools()
        assert [tool.name for tool in tools] == ["guess", "add", "fail"]
        assert tools[0].description == "Guess the number."
        assert tools[0].input_schema["properties"]["number"]["type"] == "integer"
        assert await client.call_tool("add", a=2, b=3) == {"sum": 5}
        assert await client.call_tool("guess", number=5) == "wrong"
        with pytest.raises(RuntimeError, match="the tool is broken"):
            await client.call_tool("fail")
    async with MCPToolClient(base_url=url) as client:
        await client.reset(index=3)
        with pytest.raises(RuntimeError, match=r"[Uu]nknown tool"):
            await client.call_tool("nope")
        assert await client.call_tool("guess", number=4) == "right"


def test_calls_are_steps_of_the_episode_and_end_with_its_limit(url):
    with open_session(url) as websocket:
        call = {
            "jsonrpc": "2.0",
            "id": 7,
            "method": "tools/call",
            "params": {"name": "guess", "arguments": {"number": 0}},
        }
        before = ask(websocket, "mcp", call)["data"]
        assert before["error"]["data"]["code"] == "RESET_NEEDED"
        ask(websocket, "reset", {"index": 3})
        answers = [ask(websocket, "mcp", call)["data"] for _ in range(4)]
        assert [each["id"] for each in answers] == [7] * 4
        assert [each["result"]["data"] for each in answers] == ["wrong"] * 4
        assert [(each["result"]["meta"] or {}).get("done", False) for each in answers] == [False, False, False, True]
        assert ask(websocket, "mcp", call)["data"]["error"]["data"]["code"] == "RESET_NEEDED"


def test_a_reward_is_known_where_a_call_is_a_step_to_the_server_too(url, host):
    with open_session(url) as websocket:
        ask(websocket, "reset", {"index": 3})
        call = {"name": "guess", "arguments": {"number": 4}}
        ask(websocket, "mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        state = ask(websocket, "state")["data"]
        expected = (1.0, True) if host.kind.tool_actions else (None, False)
        assert (state.get("episode_reward"), state.get("episode_done", False)) == expected


def test_tools_are_listed_without_a_session(url):
    listed = HTTP.post(f"{url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, timeout=30).json()
    assert [each["name"] for each in listed["result"]["tools"]] == ["guess", "add", "fail"]


@pytest.mark.anyio
async def test_fastmcps_client_calls_them(url):
    import fastmcp
    from fastmcp.client.transports import StreamableHttpTransport

    begun = HTTP.post(f"{url}/reset", json={"index": 3}, timeout=30)
    headers = {"X-Session-Id": begun.headers["X-Session-Id"]}
    async with fastmcp.Client(StreamableHttpTransport(f"{url}/mcp", headers=headers)) as client:
        assert [tool.name for tool in await client.list_tools()] == ["guess", "add", "fail"]
        assert (await client.call_tool("add", {"a": 2, "b": 3})).structured_content == {"sum": 5}


def test_an_environment_without_tools_says_so(openenv, serve, quiz_taskset, quiz_environment):
    action, observation, state = quiz_environment.models
    with (
        serve(
            openenv.create_app(quiz_environment, action, observation, max_concurrent_envs=4, state_cls=state)
        ) as quiz,
        serve(create_app([Host(quiz_taskset, RemoteRuntime(quiz))])) as url,
        open_session(url) as websocket,
    ):
        ask(websocket, "reset", {"index": 0})
        for method, params in (("tools/list", {}), ("tools/call", {"name": "x", "arguments": {}})):
            told = ask(websocket, "mcp", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})["data"]
            assert (told["error"]["code"], told["error"]["message"]) == (-32603, "Environment does not support MCP")
