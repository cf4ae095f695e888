"""Faults 6, 15, 16 and the rest of 7: who may ask, MCP in name only, and how a server says that it is full.

A test here runs on both servers. On OpenEnv's it must fail.
"""

import httpx
import pytest
from asking import admitted, ask, ended, open_session
from websockets.exceptions import InvalidStatus

FOREIGN = "https://evil.example"
RPC = {"jsonrpc": "2.0", "id": 1}


@pytest.fixture
def url(sound_server, quiz_environment, quiz_taskset):
    with sound_server.serve(quiz_environment, quiz_taskset, max_sessions=2) as url:
        yield url


# 6: pages in a browser


def test_a_foreign_page_gets_no_websocket(url):
    try:
        with open_session(url, additional_headers={"Origin": FOREIGN}) as websocket:
            answered = ask(websocket, "state")
    except InvalidStatus as exc:
        answered = exc.response.status_code
    assert answered == 403


@pytest.mark.parametrize(("method", "path"), [("POST", "/reset"), ("GET", "/state"), ("POST", "/mcp")])
def test_a_foreign_page_gets_no_answer_over_http(url, method, path):
    assert httpx.request(method, url + path, headers={"Origin": FOREIGN}).status_code == 403


# 7: sessions that are made by request, and left


def test_sessions_that_nobody_comes_back_to_do_not_fill_the_server(url):
    for _ in range(8):
        httpx.post(f"{url}/mcp", json={**RPC, "method": "openenv/session/create"})
    assert admitted(url)


# 15: the Model Context Protocol


def test_a_client_of_the_model_context_protocol_is_welcome(url):
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    headers = {"Accept": "application/json, text/event-stream"}
    answer = httpx.post(
        f"{url}/mcp", json={**RPC, "method": "initialize", "params": params}, headers=headers, timeout=60
    ).json()
    assert answer.get("result", {}).get("protocolVersion") == "2025-06-18"


# 16: capacity


def test_a_full_server_says_to_come_again_on_both(url):
    with open_session(url) as one, open_session(url) as other:
        ask(one, "state"), ask(other, "state")
        with open_session(url) as third:
            error, code = ended(third)
        assert (error["code"], code) == ("CAPACITY_REACHED", 1013)
        refused = httpx.post(f"{url}/reset", json={})
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
