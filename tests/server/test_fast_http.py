"""The shortcut around the framework: the same answers as the framework's own routes, and bodies of bounded size."""

import json
import time

import pytest
from asking import HTTP, open_raw

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.fast_http import MAX_BODY_BYTES
from openenv_tasksets.server.host import Host

ROWS = [{"question": f"q{n}"} for n in range(5)]
TASK = {"reset": {"question": "question"}, "visible": ["question"]}
JSON = {"content-type": "application/json"}


class Quiz:
    blocking = False

    def reset(self, question, mood=None):
        return {"question": question, "mood": mood}

    def step(self, action):
        return {"seen": action, "reward": 1}

    state = None

    def close(self):
        pass


@pytest.fixture(scope="module")
def url(make_taskset, serve):
    with serve(create_app([Host(make_taskset(ROWS, TASK), Quiz)])) as url:
        yield url


def plain(answer):
    body = answer.json()
    if "session_id" in body:
        assert body.pop("session_id") == answer.headers["x-session-id"]
    return answer.status_code, answer.headers["content-type"], body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/reset", b'{"index":1}'),
        ("/reset", b'{"seed":3,"episode_id":"mine","mood":"sad"}'),
        ("/reset", b'{"seed":null,"index":2}'),
        ("/reset", b'{"seed":-1}'),
        ("/reset", b'{"seed":true}'),
        ("/reset", b'{"seed":1.0}'),
        ("/reset", b'{"seed":18446744073709551616}'),
        ("/reset", b'{"index":true}'),
        ("/reset", b'{"index":-1}'),
        ("/reset", b'{"index":1%s}' % (b"0" * 3000)),
        ("/reset", b'{"episode_id":3}'),
        ("/reset", b'{"session_id":3}'),
        ("/reset", json.dumps({"episode_id": "x" * 256}).encode()),
        ("/reset", b"[]"),
        ("/reset", b"null"),
        ("/reset", b"{"),
        ("/reset", b'{"mood":NaN,"index":1}'),
        ("/reset", b'{"split":"dev"}'),
        ("/step", b'{"action":{"a":1}}'),
        ("/step", b'{"action":{},"timeout_s":3,"request_id":"r","render":true}'),
        ("/step", b'{"action":{},"timeout_s":0}'),
        ("/step", b'{"action":{},"timeout_s":true}'),
        ("/step", b'{"action":{},"request_id":7}'),
        ("/step", b'{"action":[]}'),
        ("/step", b'{"a":1}'),
        ("/step", b""),
    ],
)
def test_the_shortcut_and_the_frameworks_route_answer_alike(url, path, body):
    # A query leads past the shortcut.
    short = HTTP.post(url + path, content=body, headers=JSON)
    long = HTTP.post(f"{url}{path}?past=1", content=body, headers=JSON)
    assert plain(short) == plain(long)


POST = b'POST /reset HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 11\r\n%b\r\n{"index":%d}'


@pytest.fixture
def connection(url):
    with open_raw(url) as connection:
        yield connection


def answers(connection, count):
    """So many answers, as heads and bodies."""
    stream = connection.makefile("rb")
    for _ in range(count):
        lines = list(iter(stream.readline, b"\r\n"))
        size = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length"))
        yield b"".join(lines), json.loads(stream.read(size))


def test_a_connection_lasts_for_more_requests_than_headers_may_be_long(connection):
    for number in range(500):
        connection.sendall(POST % (b"x: %b\r\n" % (b"y" * 200), number % 5))
        ((head, body),) = answers(connection, 1)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert body["observation"]["question"] == f"q{number % 5}"


def test_requests_in_one_piece_are_answered_in_order(connection):
    connection.sendall(b"".join(POST % (b"", number % 5) for number in range(12)))
    assert [body["observation"]["question"] for _, body in answers(connection, 12)] == [f"q{n % 5}" for n in range(12)]


def test_a_request_in_pieces_is_answered_once_it_is_whole(connection):
    whole = POST % (b"", 3) + POST % (b"expect: 100-continue\r\n", 4)
    for start in range(0, len(whole), 7):
        connection.sendall(whole[start : start + 7])
        time.sleep(0.002)
    ((_, first),) = answers(connection, 1)
    assert first["observation"]["question"] == "q3"


@pytest.mark.parametrize(("version", "header"), [(b"1.0", b""), (b"1.1", b"connection: close\r\n")])
def test_a_connection_that_is_not_to_be_kept_is_closed(connection, version, header):
    connection.sendall((POST % (header, 2)).replace(b"HTTP/1.1", b"HTTP/" + version))
    ((head, body),) = answers(connection, 1)
    assert b"connection: close\r\n" in head
    assert body["observation"]["question"] == "q2"
    assert connection.recv(1) == b""


def test_a_body_of_another_type_is_refused(url):
    for kind in ("text/plain", "application/jsonp", ""):
        assert HTTP.post(f"{url}/reset", content=b"{}", headers={"content-type": kind}).status_code == 422
    found = HTTP.post(f"{url}/reset", content=b"{}", headers={"content-type": "application/json; charset=utf-8"})
    assert found.status_code == 200
    assert HTTP.post(f"{url}/reset").status_code == 200


PATHS = ["/reset", "/step", "/mcp", "/quiz/task", "/reset?past=1", "/quiz/reset"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused_on_every_path(url, path, announced):
    body = b'{"action":{"a":"' + b"x" * MAX_BODY_BYTES + b'"}}'
    content = body if announced else (body[start : start + 2**20] for start in range(0, len(body), 2**20))
    answer = HTTP.post(url + path, content=content, headers=JSON, timeout=60)
    told = {"detail": f"the body is larger than {MAX_BODY_BYTES} bytes", "code": "MESSAGE_TOO_LARGE"}
    assert (answer.status_code, answer.json()) == (413, told)
    assert HTTP.get(f"{url}/health").status_code == 200


def test_a_body_of_the_largest_size_is_taken(url):
    body = b'{"action":{"a":"' + b"x" * (MAX_BODY_BYTES - 19) + b'"}}'
    assert len(body) == MAX_BODY_BYTES
    answer = HTTP.post(f"{url}/step", content=body, headers=JSON, timeout=60)
    assert answer.json()["reward"] == 1.0
