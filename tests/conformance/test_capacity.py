"""How many sessions there may be, and what the one too many is told."""

import socket
from pathlib import Path

import pytest
from asking import admitted, ask, close_code, eventually, open_session, receive
from oracle_environments import one_question
from transcript import read_transcripts

DIFFERENCES = {each.name: each for each in read_transcripts(Path(__file__).parent / "transcripts/differences.txt")}
FULL = {
    "type": "error",
    "data": {
        "message": "Server at capacity: 2/2 sessions active. Cannot accept new connections.",
        "code": "CAPACITY_REACHED",
        "active_sessions": 2,
        "max_sessions": 2,
    },
}


@pytest.fixture
def url_of_two(server, quiz_environment, quiz_taskset):
    with server.serve(quiz_environment, quiz_taskset, max_sessions=2) as url:
        yield url


def test_the_session_after_the_last_is_told_so_and_closed(server, url_of_two):
    with open_session(url_of_two) as one, open_session(url_of_two) as two:
        assert [ask(each, "state")["type"] for each in (one, two)] == ["state", "state"]
        with open_session(url_of_two) as third:
            assert receive(third) == FULL
            code = close_code(third)
        assert str(code) == DIFFERENCES["the close code at capacity"].said(server.role)
        assert [ask(each, "state")["type"] for each in (one, two)] == ["state", "state"]


def test_openenvs_client_sees_the_code_at_its_first_call(openenv, url_of_two):
    with open_session(url_of_two) as one, open_session(url_of_two) as two:
        ask(one, "state"), ask(two, "state")
        with (
            openenv.GenericEnvClient(base_url=url_of_two).sync() as client,
            pytest.raises(RuntimeError, match=r"Server error: Server at capacity: 2/2.*code: CAPACITY_REACHED"),
        ):
            client.reset()


@pytest.mark.parametrize("leave", ["close frame", "closing handshake", "lost connection"])
def test_a_session_that_ends_frees_its_slot(url_of_two, leave):
    with open_session(url_of_two) as one, open_session(url_of_two) as two:
        ask(one, "state"), ask(two, "state")
        if leave == "close frame":
            two.send('{"type":"close"}')
        elif leave == "closing handshake":
            two.close()
        else:
            two.socket.shutdown(socket.SHUT_RDWR)
        assert eventually(lambda: admitted(url_of_two))


def test_an_environment_that_cannot_be_made_is_told_and_closed(server, openenv, quiz_taskset):
    def fail(self):
        raise ValueError("c4n4ry")

    environment = one_question(openenv, "FailsToStart", __init__=fail)
    with server.serve(environment, quiz_taskset, max_sessions=1) as url:
        for _ in range(3):  # it takes no slot
            with open_session(url) as websocket:
                error = receive(websocket)
                assert close_code(websocket) == 1000
            assert (error["type"], error["data"]["code"]) == ("error", "FACTORY_ERROR")
            assert error["data"]["factory_name"] == "FailsToStart"
            said = DIFFERENCES["the message of a factory that fails"].said(server.role)
            assert error["data"]["message"] == said


def test_more_sessions_than_the_environment_allows_are_refused_at_the_start(server, openenv, quiz_taskset):
    environment = one_question(openenv, SUPPORTS_CONCURRENT_SESSIONS=False)
    with pytest.raises(Exception, match="SUPPORTS_CONCURRENT_SESSIONS"):
        server.app(environment, quiz_taskset, max_sessions=2)
    server.app(environment, quiz_taskset, max_sessions=1)


def test_a_hundred_sessions_one_after_the_other_leave_nothing_behind(url_of_two):
    for _ in range(100):
        assert eventually(lambda: admitted(url_of_two))
