"""Faults 10 and 11: frames that cost the episode, and what errors tell.

A test here runs on both servers. On OpenEnv's it must fail, so each shows a fault and not a taste.
"""

import http.client
import json
import logging
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from asking import HTTP, ask, open_session, receive
from oracle_environments import one_question
from websockets.exceptions import ConnectionClosed

RESET = {"split": "test", "index": 3}
MIB = 2**20
CANARY = "c4n4ry"


@pytest.fixture
def sound_url(sound_server, quiz_environment, quiz_taskset):
    with sound_server.serve(quiz_environment, quiz_taskset) as url:
        yield url


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param("[]", id="a list"),
        pytest.param('"x"', id="a text"),
        pytest.param("1", id="a number"),
        pytest.param("null", id="null"),
        pytest.param(b'{"type":"state"}', id="binary JSON"),
        pytest.param(b"\xff\x00", id="binary"),
        pytest.param("[" * 100_000, id="nested deeply"),
        pytest.param('{"type":"reset","data":{"index":' + "1" * 5000 + "}}", id="a huge number"),
        pytest.param(r'{"type":"step","data":{"answer":"\ud800"}}', id="a lone surrogate"),
        pytest.param(r'{"type":"\ud800"}', id="a lone surrogate for a type"),
        pytest.param('{"type":"step","data":{"answer":"poison"}}', id="an action whose validator raises"),
        pytest.param('{"type":"state","data":"' + "x" * (17 * MIB) + '"}', id="too large"),
        pytest.param(b"\x00" * (17 * MIB), id="too large and binary"),
    ],
)
def test_a_bad_frame_is_answered_and_the_episode_goes_on(sound_url, frame):
    with open_session(sound_url) as websocket:
        ask(websocket, "reset", RESET)
        try:
            websocket.send(frame)
        except ConnectionClosed as exc:
            raise AssertionError("closed while it was sent") from exc
        answer = receive(websocket)
        if frame == b'{"type":"state"}':
            assert answer["type"] == "state"
        else:
            assert answer["data"]["code"] in ("INVALID_JSON", "VALIDATION_ERROR", "UNKNOWN_TYPE", "MESSAGE_TOO_LARGE")
        assert len(json.dumps(answer)) < 1000, "and it is not sent back"
        assert ask(websocket, "state")["data"]["task_id"] == "test-3"
        assert ask(websocket, "step", {"answer": f"{CANARY}-4"})["data"]["reward"] == 1.0


def test_the_text_of_an_exception_is_not_sent(sound_url):
    with open_session(sound_url) as websocket:
        ask(websocket, "reset", RESET)
        error = ask(websocket, "step", {"answer": "a", "do": "raise"})["data"]
    assert error["code"] == "EXECUTION_ERROR"
    assert CANARY not in json.dumps(error)


def test_nor_is_that_of_the_constructor(sound_server, openenv, quiz_taskset):
    def fail(self):
        raise ValueError(CANARY)

    with sound_server.serve(one_question(openenv, __init__=fail), quiz_taskset) as url:
        response = HTTP.post(url + "/reset", json=RESET)
        with open_session(url) as websocket:
            error = receive(websocket)["data"]
    assert response.headers["content-type"] == "application/json"
    assert CANARY not in response.text + json.dumps(error)


@pytest.mark.parametrize("over", ["the WebSocket", "HTTP"])
def test_an_error_has_an_id_and_the_log_has_the_traceback_under_it(sound_url, over, caplog):
    with caplog.at_level(logging.ERROR):
        if over == "HTTP":
            response = HTTP.post(sound_url + "/step", json={"action": {"answer": "a", "do": "raise"}})
            assert (response.status_code, response.headers["content-type"]) == (500, "application/json")
            error = response.json()
        else:
            with open_session(sound_url) as websocket:
                ask(websocket, "reset", RESET)
                error = ask(websocket, "step", {"answer": "a", "do": "raise"})["data"]
    assert error.get("error_id")
    (told,) = [record.getMessage() for record in caplog.records if error["error_id"] in record.getMessage()]
    assert "in step" in told
    assert "ValueError" in told


@pytest.mark.parametrize(
    "frame", ['{"type":"step","data":{"bogus":"s3cret"}}', '{"type":"reset","data":{},"bogus":"s3cret"}']
)
def test_what_was_sent_is_not_sent_back(sound_url, frame):
    with open_session(sound_url) as websocket:
        ask(websocket, "reset", RESET)
        websocket.send(frame)
        errors = receive(websocket)["data"]["errors"]
    assert errors
    assert "s3cret" not in json.dumps(errors)
    assert "pydantic" not in json.dumps(errors)


def test_what_was_sent_over_http_is_not_sent_back(sound_url):
    response = HTTP.post(sound_url + "/step", json={"action": {"bogus": "s3cret"}})
    assert response.status_code == 422
    assert "s3cret" not in response.text


def test_a_wrong_action_is_the_clients_mistake_over_http_too(sound_url):
    response = HTTP.post(sound_url + "/step", json={"action": {"answer": "poison"}})
    assert response.status_code == 422


def test_a_connection_outlives_an_error(sound_url):
    """Fault 16: after each HTTP 500 the peer closes the connection without saying so."""
    failing, following = {"action": {"answer": "a", "do": "raise"}}, {"action": {"answer": "a"}}
    # One connection, which does not open another unasked, as a pool of them would.
    connection = http.client.HTTPConnection(urlsplit(sound_url).netloc, timeout=30)
    connection.connect()
    connection.auto_open = 0
    with closing(connection):
        try:
            statuses = [_post(connection, body) for body in (failing, following) * 3]
        except (http.client.HTTPException, ConnectionError) as exc:
            raise AssertionError("the connection is gone") from exc
    assert statuses == [500, 200] * 3


def _post(connection, body):
    connection.request("POST", "/step", json.dumps(body), {"content-type": "application/json"})
    with connection.getresponse() as response:
        response.read()
        assert response.headers.get("connection", "").lower() != "close"
        return response.status
