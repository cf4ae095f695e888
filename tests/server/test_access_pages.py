"""Pages in a browser: the server's own, an allowed one, and all others."""

import pytest
from asking import HTTP, ask
from guarded_server import TRAINER_HEADERS, guarded_server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host


@pytest.fixture(scope="module", params=["fast", "plain"])
def server(request, serve, guess_taskset, guess_environment):
    with guarded_server(serve, guess_taskset, guess_environment, request.param) as server:
        yield server


@pytest.mark.parametrize("path", ["/health", "/reset", "/mcp", "/state", "/docs"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_page_is_refused_even_with_a_token(server, method, path):
    headers = {**TRAINER_HEADERS, "Origin": "https://evil.example"}

    answer = HTTP.request(method, server.url + path, headers=headers)

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
    assert HTTP.get(f"{server.url}/state", headers={**TRAINER_HEADERS, "Origin": server.url}).status_code == 200
    with server.connect("/ws", TRAINER_HEADERS, origin=server.url) as websocket:
        assert ask(websocket, "state")["type"] == "state"


@pytest.mark.parametrize("transport", ["fast", "plain"])
def test_an_allowed_page_may_ask_and_read_and_no_other(serve, guess_taskset, guess_environment, transport):
    gate = Gate(origins=["https://lab.example"])
    with serve(create_app([Host(guess_taskset, guess_environment)], gate=gate), transport=transport) as url:
        page = {"Origin": "https://lab.example"}
        asked = HTTP.options(f"{url}/reset", headers={**page, "Access-Control-Request-Method": "POST"})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://lab.example")
        answer = HTTP.post(f"{url}/reset", json={"index": 0}, headers=page)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://lab.example")
        assert "x-session-id" in answer.headers["access-control-expose-headers"]
        assert HTTP.post(f"{url}/reset", json={}, headers={"Origin": "https://evil.example"}).status_code == 403
        with connect(url.replace("http", "ws") + "/ws", origin="https://lab.example") as websocket:
            assert ask(websocket, "state")["type"] == "state"
