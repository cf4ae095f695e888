"""Requests that are answered unparsed, because their connection has had their head before."""

import json
import socket
import threading
import time

import pytest
from asking import ask, open_raw, open_session

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host, HostSettings

ROWS = [{"question": f"q{n}"} for n in range(40)]
TASK = {"reset": {"question": "question"}, "visible": ["question"]}


class Quiz:
    blocking = False

    def reset(self, question):
        return {"question": question}

    def step(self, action):
        return {"seen": action, "reward": 1}

    state = None

    def close(self):
        pass


@pytest.fixture(scope="module")
def make_host(make_taskset):
    return lambda **settings: Host(make_taskset(ROWS, TASK), Quiz, settings=HostSettings(**settings))


@pytest.fixture(scope="module")
def url(make_host, serve):
    with serve(create_app([make_host()])) as url:
        yield url


class Connection:
    """Sends the same head again and again."""

    def __init__(self, url, *headers):
        self.socket = open_raw(url)
        self.stream = self.socket.makefile("rb")
        self.headers = headers

    def request(self, path, value=None, method="POST", session_id=None):
        body = b"" if value is None else json.dumps(value).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: x", "content-type: application/json", *self.headers]
        lines += [] if session_id is None else [f"x-session-id: {session_id}"]
        lines += [] if value is None else [f"content-length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def send(self, *arguments, **options):
        self.socket.sendall(self.request(*arguments, **options))

    def answer(self):
        """Status, headers and body of the next answer."""
        status = int(self.stream.readline().split()[1])
        lines = [line.decode().strip() for line in iter(self.stream.readline, b"\r\n")]
        headers = dict(line.split(": ", 1) for line in lines)
        return status, headers, json.loads(self.stream.read(int(headers["content-length"])))

    def ask(self, *arguments, **options):
        self.send(*arguments, **options)
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()


def told(answer):
    """An answer without what differs from one to the next."""
    status, headers, body = answer
    headers = {name: value for name, value in headers.items() if name not in ("date", "x-session-id")}
    return status, headers, {name: value for name, value in body.items() if name != "session_id"}


def test_episodes_of_one_connection_are_those_of_their_sessions(url):
    with Connection(url) as connection:
        for number in range(12):
            _, headers, body = connection.ask("/reset", {"index": number})
            session_id = headers["x-session-id"]
            assert body["observation"] == {"question": f"q{number}"}
            for answer in ("a", "a longer one " * number):
                _, _, body = connection.ask("/step", {"action": {"answer": answer}, "session_id": session_id})
                assert body["observation"] == {"seen": {"answer": answer}}
            _, _, state = connection.ask("/state", method="GET", session_id=session_id)
            assert (state["index"], state["step_count"]) == (number, 2)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/reset", {"index": 7}),
        ("/reset", {"index": -1}),
        ("/reset", {"index": 10**6}),
        ("/reset", {"seed": -1}),
        ("/reset", {"split": "dev"}),
        ("/reset", {"session_id": "nobody's"}),
        ("/reset", None),
        ("/reset", []),
        ("/step", {"action": {"a": 1}}),
        ("/step", {"action": []}),
        ("/step", {"action": {}, "session_id": "nobody's"}),
    ],
)
def test_what_is_recognised_is_answered_as_what_is_parsed(url, path, value):
    with Connection(url) as first, Connection(url) as second:
        second.ask("/reset", {"index": 0})
        second.ask("/step", {"action": {}})
        parsed, recognised = told(first.ask(path, value)), told(second.ask(path, value))
        if value is None:  # unseeded: another task
            assert parsed[0] == recognised[0] == 200
        else:
            assert recognised == parsed


def test_however_many_heads_a_connection_has_each_gets_its_answer(url):
    with Connection(url) as connection:
        for _ in range(3):
            for number, letter in enumerate("reset"):
                path = "/reset".replace(letter, f"%{ord(letter):x}", 1)
                assert connection.ask(path, {"index": number})[2]["observation"] == {"question": f"q{number}"}
            for number in range(3):
                connection.headers = (f"x: {number}",)
                assert connection.ask("/reset", {"index": number})[2]["observation"] == {"question": f"q{number}"}


def test_every_answer_has_the_servers_headers(url):
    with Connection(url) as connection:
        for _ in range(3):
            _, headers, _ = connection.ask("/reset", {"index": 0})
            assert headers["server"] == "uvicorn"
            assert headers["date"].endswith(" GMT")
            assert headers["content-type"] == "application/json"


def test_requests_that_come_together_or_in_pieces_are_answered_in_order(url):
    with Connection(url) as connection:
        connection.ask("/reset", {"index": 0})
        requests = [connection.request("/reset", {"index": number}) for number in range(40)]
        together = b"".join(requests[:10])
        connection.socket.sendall(together)
        for request in requests[10:20]:  # each comes with half of the next
            connection.socket.sendall(request[:50])
            connection.socket.sendall(request[50:])
        for request in requests[20:30]:
            connection.socket.sendall(request[:-3])
            time.sleep(0.002)
            connection.socket.sendall(request[-3:])
        for request in requests[30:]:
            connection.socket.sendall(request)
        assert [connection.answer()[2]["observation"]["question"] for _ in range(40)] == [f"q{n}" for n in range(40)]


def test_a_token_holds_for_its_connection_and_not_for_another_head(make_host, serve):
    with serve(create_app([make_host()], gate=Gate("t" * 20))) as url:
        with Connection(url, f"authorization: Bearer {'t' * 20}") as trainer:
            assert [trainer.ask("/reset", {"index": 0})[0] for _ in range(3)] == [200] * 3
            trainer.headers = (f"authorization: Bearer {'u' * 20}",)
            assert trainer.ask("/reset", {"index": 0})[0] == 401
            trainer.headers = ()
            assert trainer.ask("/reset", {"index": 0})[0] == 401
        with Connection(url) as nobody:
            assert nobody.ask("/reset", {"index": 0})[0] == 401


@pytest.mark.parametrize("leaves", [False, True])
def test_one_that_has_to_wait_is_answered_when_its_turn_comes(make_host, serve, leaves):
    host = make_host(max_sessions=1, queue=1)
    with serve(create_app([host])) as url, Connection(url) as connection:
        connection.ask("/reset", {"index": 0})  # gives its slot to whoever comes next
        with open_session(url) as websocket:
            ask(websocket, "reset", {"index": 1})
            connection.send("/reset", {"index": 2})
            while not host.sessions.slots.waiting:
                time.sleep(0.005)
            if leaves:
                connection.socket.shutdown(socket.SHUT_RDWR)
                while host.sessions.slots.waiting:
                    time.sleep(0.005)
            else:
                connection.send("/reset", {"index": 3})
        if leaves:
            while host.active_sessions:
                time.sleep(0.005)
            assert host.counts.opened == 2
        else:
            assert connection.answer()[2]["observation"] == {"question": "q2"}
            assert connection.answer()[2]["observation"] == {"question": "q3"}
            assert connection.ask("/reset", {"index": 4})[2]["observation"] == {"question": "q4"}


def test_a_connection_stays_as_long_as_it_asks_and_is_closed_when_it_does_not(make_host, serve):
    with serve(create_app([make_host()]), timeout_keep_alive=2) as url, Connection(url) as connection:
        for _ in range(6):  # longer than it may be idle
            assert connection.ask("/reset", {"index": 0})[0] == 200
            time.sleep(0.5)
        assert connection.stream.read() == b""


def test_a_connection_that_asks_to_be_closed_is(url):
    with Connection(url) as connection:
        connection.ask("/reset", {"index": 0})
        connection.headers = ("connection: close",)
        status, headers, _ = connection.ask("/reset", {"index": 1})
        assert (status, headers["connection"]) == (200, "close")
        assert connection.stream.read() == b""


def test_a_client_that_never_reads_is_not_answered_for_ever(make_taskset, serve):
    host = Host(make_taskset([{"question": "x" * 200_000}], TASK), Quiz)
    with serve(create_app([host])) as url, Connection(url) as connection:
        before = 0
        while before < host.counts.opened or before == 0:
            before = host.counts.opened
            assert before < 500, "100 MB are waiting for the client"
            connection.send("/reset", {"index": 0})
            until = time.monotonic() + 2
            while host.counts.opened == before and time.monotonic() < until:
                time.sleep(0.001)
        with Connection(url) as another:
            assert another.ask("/reset", {"index": 0})[0] == 200


def test_the_rest_of_a_request_is_none_by_itself(url):
    with Connection(url) as connection:
        whole = connection.request("/reset", {"index": 5})
        connection.ask("/reset", {"index": 4})
        # What follows is a header's value, more headers and a body.
        connection.socket.sendall(b"GET /health HTTP/1.1\r\nx: ")
        time.sleep(0.05)
        connection.socket.sendall(whole)
        assert connection.answer()[2] == {"status": "healthy"}
    with Connection(url) as connection:
        connection.socket.sendall(whole[:7])
        time.sleep(0.05)
        connection.socket.sendall(whole[7:])
        assert connection.answer()[2]["observation"] == {"question": "q5"}
        connection.socket.sendall(whole[7:])
        assert connection.stream.readline().startswith(b"HTTP/1.1 400 ")


class SlowRows(list):
    """Rows of which the last can be held back."""

    def __init__(self, rows):
        super().__init__(rows)
        self.given, self.wanted = threading.Event(), threading.Event()
        self.given.set()

    def __getitem__(self, index):
        if index == len(self) - 1:
            self.wanted.set()
            assert self.given.wait(30)
        return super().__getitem__(index)


def test_nothing_is_answered_before_what_was_asked_before(make_taskset, serve):
    rows = SlowRows(ROWS)
    with serve(create_app([Host(make_taskset(rows, TASK, id="quiz"), Quiz)])) as url, Connection(url) as connection:
        connection.ask("/reset", {"index": 0})
        rows.given.clear()
        rows.wanted.clear()
        connection.send("/quiz/task", {"split": "train", "index": len(ROWS) - 1})
        assert rows.wanted.wait(30)
        connection.send("/reset", {"index": 1})
        time.sleep(0.1)
        rows.given.set()
        assert connection.answer()[2]["task"]["index"] == len(ROWS) - 1
        assert connection.answer()[2]["observation"] == {"question": "q1"}
