"""The Model Context Protocol, by its own clients: the SDK's and fastmcp's."""

import asyncio
import json
import subprocess
import sys
import threading

import fastmcp
import httpx
import pytest
from asking import HTTP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp_messages import BOTH, INITIALIZE

from openenv_tasksets.answer import Answer
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

pytestmark = pytest.mark.anyio

step_began, let_go = threading.Event(), threading.Event()


class Waits:
    """Answers when it is let."""

    step_tool = "wait"
    blocking = "thread"

    def reset(self, question, answer):
        return {}

    def step(self, action):
        if action.get("wait"):
            step_began.set()
            assert let_go.wait(30)
        return {}

    state = None

    def close(self):
        pass


class Toolless(Waits):
    step_tool = None


@pytest.fixture(scope="module")
def hosts(make_taskset, guess_taskset, guess_environment):
    rows = [{"question": "1 + 1 = ?", "answer": "2"}]
    task = {"reset": {"prompt": "question", "answer": "answer"}, "visible": ["prompt"]}
    plain = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}
    return [
        Host(guess_taskset, guess_environment),
        Host(make_taskset(rows, task, id="sums"), Answer),
        Host(make_taskset(rows, plain, id="waits"), Waits),
        Host(make_taskset(rows, plain, id="toolless"), Toolless),
    ]


@pytest.fixture(scope="module", params=["fast", "plain"])
def url(request, serve, hosts):
    with serve(create_app(hosts), transport=request.param) as url:
        yield url


def reset(url, **selectors):
    return HTTP.post(f"{url}/reset", json=selectors, timeout=30).raise_for_status().json()["session_id"]


def state(url, session_id):
    return HTTP.get(f"{url}/state", headers={"X-Session-Id": session_id}, timeout=30).raise_for_status().json()


def client(url, session_id):
    return fastmcp.Client(StreamableHttpTransport(f"{url}/mcp", headers={"X-Session-Id": session_id}))


async def test_the_sdks_client_lists_and_calls_tools(url):
    session_id = reset(f"{url}/guess", index=4)
    headers = {"X-Session-Id": session_id}
    async with (
        httpx.AsyncClient(headers=headers, timeout=30) as http,
        streamable_http_client(f"{url}/guess/mcp", http_client=http) as (read, write, mcp_session_id),
        ClientSession(read, write) as session,
    ):
        welcome = await session.initialize()
        assert (welcome.serverInfo.name, welcome.capabilities.tools is not None) == ("guess", True)
        assert mcp_session_id() not in (None, session_id)
        await session.send_ping()
        tools = (await session.list_tools()).tools
        assert [tool.name for tool in tools] == ["guess", "add", "fail"]
        assert tools[1].inputSchema["required"] == ["a", "b"]
        called = await session.call_tool("add", {"a": 2, "b": 3})
        assert (called.structuredContent, called.isError, called.meta) == ({"sum": 5}, False, None)
        failed = await session.call_tool("fail", {})
        assert failed.isError
        assert "the tool is broken" in failed.content[0].text
        for name in ("reset", "step", "state", "close", "list_environments", "nope"):
            refused = await session.call_tool(name, {})
            assert (refused.isError, "Unknown tool" in refused.content[0].text) == (True, True)
        with pytest.raises(McpError, match="Method not found"):
            await session.list_prompts()
    assert state(f"{url}/guess", session_id)["task_id"] == "train-4"


async def test_fastmcps_client_plays_an_episode_to_its_end(url):
    session_id = reset(f"{url}/guess", index=4)
    async with client(f"{url}/guess", session_id) as agent:
        wrong = await agent.call_tool("guess", {"number": 4})
        assert (wrong.data, wrong.meta) == ({"result": "wrong"}, None)
        right = await agent.call_tool("guess", {"number": 5})
        assert (right.content[0].text, right.meta) == ("right", {"done": True})
        assert "reward" not in right.content[0].text
        with pytest.raises(ToolError, match="the episode is done"):
            await agent.call_tool("guess", {"number": 5})
        told = state(f"{url}/guess", session_id)
        assert (told["step_count"], told["episode_reward"], told["episode_done"]) == (2, 0.75, True)
        # The trainer begins the next episode in the same session; the agent goes on in it.
        headers = {"X-Session-Id": session_id}
        HTTP.post(f"{url}/guess/reset", json={"index": 0}, headers=headers, timeout=30).raise_for_status()
        assert (await agent.call_tool("guess", {"number": 1})).meta == {"done": True}


async def test_an_answer_is_submitted_by_a_tool(url):
    session_id = reset(f"{url}/sums", index=0)
    async with client(f"{url}/sums", session_id) as agent:
        (tool,) = await agent.list_tools()
        assert (tool.name, list(tool.inputSchema["properties"])) == ("submit", ["answer"])
        with pytest.raises(ToolError, match="wrong arguments"):
            await agent.call_tool("submit", {"reply": "2"})
        given = await agent.call_tool("submit", {"answer": "2"})
        assert given.structured_content == {"observation": {"prompt": None, "choices": None}, "done": True}
        assert json.loads(given.content[0].text) == given.structured_content
        assert given.meta == {"done": True}
    assert state(f"{url}/sums", session_id)["episode_reward"] == 1.0


async def test_a_session_may_be_named_in_the_url_and_must_be_to_call(url):
    session_id = reset(f"{url}/guess", index=4)
    async with fastmcp.Client(f"{url}/guess/mcp?session_id={session_id}") as agent:
        assert (await agent.call_tool("guess", {"number": 5})).meta == {"done": True}
    async with fastmcp.Client(f"{url}/guess/mcp") as agent:
        assert len(await agent.list_tools()) == 3
        with pytest.raises(ToolError, match="no session is named: send the header X-Session-Id"):
            await agent.call_tool("guess", {"number": 5})
    async with client(f"{url}/guess", "none") as agent:
        with pytest.raises(ToolError, match="Unknown session_id: none"):
            await agent.call_tool("guess", {"number": 5})
        with pytest.raises(McpError, match="Unknown session_id: none"):
            await agent.list_tools()


async def test_an_environment_without_tools_says_so(url):
    async with fastmcp.Client(f"{url}/toolless/mcp") as agent:
        with pytest.raises(McpError, match="does not support MCP"):
            await agent.list_tools()


async def test_a_call_that_is_taken_back_is_a_step_all_the_same(url):
    session_id = reset(f"{url}/waits", index=0)
    begun = HTTP.post(f"{url}/waits/mcp", json=INITIALIZE, headers=BOTH, timeout=30)
    headers = {**BOTH, "mcp-session-id": begun.headers["mcp-session-id"], "X-Session-Id": session_id}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:

        async def send(method, **message):
            return await http.post("/waits/mcp", json={"jsonrpc": "2.0", "method": method, **message})

        await send("notifications/initialized")
        step_began.clear()
        let_go.clear()
        call = asyncio.create_task(send("tools/call", id=2, params={"name": "wait", "arguments": {"wait": True}}))
        assert await asyncio.to_thread(step_began.wait, 30)
        await send("notifications/cancelled", params={"requestId": 2})
        assert "error" in (await call).json()
        let_go.set()
        again = await send("tools/call", id=3, params={"name": "wait", "arguments": {}})
        assert again.json()["result"]["isError"] is False
    assert state(f"{url}/waits", session_id)["step_count"] == 2


async def test_many_agents_play_at_once(url):
    async def play(index):
        session_id = await asyncio.to_thread(reset, f"{url}/guess", index=index)
        async with client(f"{url}/guess", session_id) as agent:
            for number in (index, index + 1):
                last = await agent.call_tool("guess", {"number": number})
        return last.meta, (await asyncio.to_thread(state, f"{url}/guess", session_id))["episode_reward"]

    assert await asyncio.gather(*map(play, range(8))) == [({"done": True}, 0.75)] * 8


@pytest.mark.parametrize(
    ("headers", "speaks"),
    [
        ({}, False),
        ({"accept": "application/json"}, False),
        (BOTH, True),
        ({"accept": "application/json", "mcp-protocol-version": "2025-06-18"}, True),
        ({"accept": "application/json", "mcp-session-id": "none"}, True),
    ],
)
async def test_headers_say_which_of_two_protocols_a_request_is_of(url, headers, speaks):
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    answer = HTTP.post(f"{url}/guess/mcp", json=message, headers=headers, timeout=30)

    if speaks:
        assert answer.status_code in (400, 404), "no session of the protocol was begun"
    else:
        assert answer.json()["error"]["message"] == "Method not found: ping"


async def test_other_methods_and_sessions_are_the_protocols(url):
    begun = HTTP.post(f"{url}/guess/mcp", json=INITIALIZE, headers=BOTH, timeout=30)
    headers = {**BOTH, "mcp-session-id": begun.headers["mcp-session-id"]}
    assert begun.json()["result"]["serverInfo"]["name"] == "guess"

    assert HTTP.get(f"{url}/guess/mcp").status_code == 405
    assert HTTP.delete(f"{url}/guess/mcp").status_code == 405
    assert HTTP.delete(f"{url}/guess/mcp", headers=headers).status_code == 200
    gone = HTTP.post(f"{url}/guess/mcp", json={**INITIALIZE, "method": "ping"}, headers=headers)
    assert gone.status_code == 404


async def test_where_the_sdk_is_missing_only_the_protocol_is(url, tmp_path):
    program = """
import sys

sys.modules["mcp"] = None
import httpx, anyio
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.answer import Answer
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

taskset = Taskset.from_path(sys.argv[1])
app = create_app([Host(taskset, Answer)])

async def main():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        missing = await http.post("/mcp", json=message, headers={"accept": "text/event-stream"})
        print(missing.status_code, missing.json()["detail"])
        print((await http.post("/mcp", json=message)).json()["result"]["tools"][0]["name"])

anyio.run(main)
"""
    (tmp_path / "train.jsonl").write_text('{"question": "1 + 1 = ?", "answer": "2"}\n')
    (tmp_path / "environment.yaml").write_text(
        """
spec_version: hf-rl-env-0.1
environments:
  - id: sums
    splits: [train]
    dataset: {data_files: {train: train.jsonl}}
    task: {reset: {prompt: question, answer: answer}, visible: [prompt]}
    frameworks: {openenv: {min_version: ">=0.10.0", package: openenv-tasksets, environment: answer}}
"""
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)

    assert done.returncode == 0, done.stderr
    missing, name = done.stdout.splitlines()
    assert missing.startswith("501 ")
    assert "pip install 'openenv-tasksets[mcp]'" in missing
    assert name == "submit"
