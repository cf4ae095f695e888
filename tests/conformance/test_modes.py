"""Simulation and production: which routes there are."""

import pytest
from asking import HTTP, ask, open_session

EPISODE_ROUTES = {"/reset", "/step", "/state"}


def paths(url):
    return set(HTTP.get(url + "/openapi.json").json()["paths"])


@pytest.fixture(scope="module")
def production(server, quiz_environment, quiz_taskset):
    with server.serve(quiz_environment, quiz_taskset, mode="production") as url:
        yield url


def test_simulation_is_the_default_and_has_the_episode_routes(url):
    assert paths(url) >= EPISODE_ROUTES


def test_production_has_all_others(url, production):
    assert paths(production) == paths(url) - EPISODE_ROUTES


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/reset"), ("POST", "/step"), ("GET", "/state"), ("GET", "/reset")]
)
def test_an_episode_route_is_not_found_in_production(production, method, path):
    response = HTTP.request(method, production + path, json={} if method == "POST" else None)
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("path", ["/health", "/metadata", "/schema", "/list_environments", "/quiz/splits", "/docs"])
def test_the_others_answer_in_production(production, path):
    assert HTTP.get(production + path).status_code == 200


def test_the_websocket_plays_in_production(production):
    with open_session(production) as websocket:
        assert ask(websocket, "reset", {"split": "test", "index": 3})["type"] == "observation"
        assert ask(websocket, "step", {"answer": "c4n4ry-4"})["data"]["reward"] == 1.0
        assert ask(websocket, "state")["data"]["step_count"] == 1


def test_an_unknown_mode_is_refused_at_the_start(server, quiz_environment, quiz_taskset):
    with pytest.raises(ValueError, match="staging"):
        server.app(quiz_environment, quiz_taskset, mode="staging")
