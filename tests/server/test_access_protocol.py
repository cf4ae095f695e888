"""An agent on the Model Context Protocol over HTTP, with a token for its session alone."""

import fastmcp
import pytest
from asking import HTTP
from fastmcp.client.transports import StreamableHttpTransport
from guarded_server import TRAINER_HEADERS, guarded_server
from mcp_messages import BOTH, INITIALIZE


@pytest.fixture(scope="module", params=["fast", "plain"])
def server(request, serve, guess_taskset, guess_environment):
    with guarded_server(serve, guess_taskset, guess_environment, request.param) as server:
        yield server


def mcp_client(server, headers, query=""):
    return fastmcp.Client(StreamableHttpTransport(f"{server.url}/mcp{query}", headers=headers))


@pytest.mark.anyio
async def test_an_agent_plays_over_the_protocol_with_its_token_alone(server):
    session_id = server.session()
    async with mcp_client(server, {"Authorization": f"Bearer {server.gate.agent_token(session_id)}"}) as agent:
        assert [tool.name for tool in await agent.list_tools()] == ["guess", "add", "fail"]
        assert (await agent.call_tool("guess", {"number": 4})).meta == {"done": True}
    state = HTTP.get(f"{server.url}/state", headers={**TRAINER_HEADERS, "X-Session-Id": session_id}).json()
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
    begun = HTTP.post(f"{server.url}/mcp", json=INITIALIZE, headers={**BOTH, **server.agent()})
    headers = {**BOTH, **server.agent(), "mcp-session-id": begun.headers["mcp-session-id"]}
    HTTP.post(
        f"{server.url}/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers
    ).raise_for_status()

    answer = HTTP.post(f"{server.url}/mcp", json={**INITIALIZE, "method": method, "params": {}}, headers=headers)

    assert "error" in answer.json()


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("who", ["other agent", "own agent with other rights", "stranger"])
def test_nobody_goes_on_with_anothers_conversation(server, method, who):
    begun = HTTP.post(f"{server.url}/mcp", json=INITIALIZE, headers={**BOTH, **server.agent()})
    shown = {
        "other agent": {"Authorization": f"Bearer {server.gate.agent_token(server.other)}"},
        "own agent with other rights": server.agent(step=True),
        "stranger": {},
    }[who]
    headers = {**BOTH, "mcp-session-id": begun.headers["mcp-session-id"], **shown}
    message = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"} if method == "POST" else None

    answer = HTTP.request(method, f"{server.url}/mcp", json=message, headers=headers)

    assert answer.status_code == (401 if who == "stranger" else 404)
    headers = {**headers, **server.agent()}
    message = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    assert HTTP.post(f"{server.url}/mcp", json=message, headers=headers).status_code == 200, "it goes on for its own"
