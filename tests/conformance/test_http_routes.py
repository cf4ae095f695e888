"""HTTP beyond single bodies: content types, documents, connections, and environments that last one request."""

import http.client
from urllib.parse import urlsplit

import pytest
from asking import HTTP
from oracle_environments import one_question

STEP = '{"action":{"answer":"a"}}'


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "application/x+json"])
def test_a_body_of_a_json_type_is_read(url, content_type):
    assert HTTP.post(url + "/step", content=STEP, headers={"content-type": content_type}).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_of_no_json_type_is_refused(url, content_type):
    headers = {} if content_type is None else {"content-type": content_type}
    response = HTTP.post(url + "/step", content=STEP, headers=headers)
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], list)


def test_answers_are_json(url):
    for response in (
        HTTP.get(url + "/health"),
        HTTP.get(url + "/state"),
        HTTP.post(url + "/step", json={"action": {"answer": "a"}}),
        HTTP.post(url + "/step", json={}),
        HTTP.get(url + "/nope"),
    ):
        assert response.headers["content-type"] == "application/json"


def test_the_openapi_document(url):
    document = HTTP.get(url + "/openapi.json").json()
    assert (document["info"]["title"], document["info"]["version"]) == ("OpenEnv Environment HTTP API", "1.0.0")
    document["paths"].pop("/metrics", None)  # ours alone
    assert {path: sorted(methods) for path, methods in document["paths"].items()} == {
        "/health": ["get"],
        "/metadata": ["get"],
        "/schema": ["get"],
        "/mcp": ["post"],
        "/reset": ["post"],
        "/step": ["post"],
        "/state": ["get"],
        "/list_environments": ["get"],
        "/{env_name}/splits": ["get"],
        "/{env_name}/tasks": ["post"],
        "/{env_name}/num_tasks": ["post"],
        "/{env_name}/task": ["post"],
        "/{env_name}/task_range": ["post"],
    }


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documents_for_people(url, path):
    response = HTTP.get(url + path)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_a_connection_is_kept_for_the_next_request(url):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.connect()
    port = connection.sock.getsockname()[1]
    for method, path, body in [("GET", "/health", None), ("POST", "/step", "{}"), ("GET", "/nope", None)]:
        connection.request(method, path, body, {"content-type": "application/json"})
        connection.getresponse().read()
        assert connection.sock is not None, "it is still open"
        assert connection.sock.getsockname()[1] == port
    connection.close()


def test_a_step_without_a_session_is_of_an_environment_of_its_own(url):
    """What OpenEnv's server does: nothing of one request is seen by the next."""
    for _ in range(2):
        stepped = HTTP.post(url + "/step", json={"action": {"answer": "a"}}).json()
        assert stepped["observation"]["metadata"] == {"steps": 1}
        assert HTTP.get(url + "/state").json()["step_count"] == 0


def test_a_step_hands_its_other_keys_to_the_environment(server, openenv, quiz_taskset):
    def step(self, action, timeout_s=None, render=False, **kwargs):
        return type(self).models[1](question=f"{timeout_s} {render} {sorted(kwargs)}")

    with server.serve(one_question(openenv, step=step), quiz_taskset) as url:
        body = {"action": {}, "timeout_s": 3, "request_id": "r", "render": True, "other": 1}
        observation = HTTP.post(url + "/step", json=body).json()["observation"]
    assert observation["question"] == "3.0 True ['other', 'request_id']"


def test_the_action_of_an_http_step_has_no_envelope_of_the_websocket(url):
    response = HTTP.post(url + "/step", json={"type": "step", "data": {"answer": "a"}})
    assert response.status_code == 422
