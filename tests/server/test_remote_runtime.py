"""An environment behind a URL before its first episode: waiting, consent, tokens, and what the server must say."""

import json
import logging
import signal
import subprocess
import sys
import threading

import pytest
from asking import ask, eventually, open_session
from odd_upstream import SCHEMAS, OddUpstream, honest

from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import ConsentNeeded, EnvironmentFailed, EnvironmentNotFound
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.remote_runtime import RemoteRuntime

SLEEPING = "<!doctype html><title>This Space is sleeping</title>"


@pytest.fixture
def odd():
    with OddUpstream(honest).serving() as odd:
        yield odd


def reached(taskset, *runtime, consent=None, **settings):
    return Host(taskset, RemoteRuntime(*runtime, **settings), consent=consent)


def test_a_sleeping_space_is_waited_for(odd, quiz_taskset, caplog):
    """First as a proxy that has nobody to ask, then as a page for people, then it is awake."""
    odd.pages["/health"] = (503, SLEEPING)
    stages = [threading.Timer(0.5, odd.pages.update, [{"/health": (200, SLEEPING)}])]
    stages.append(threading.Timer(1.0, odd.pages.update, [{"/health": (200, '{"status":"healthy"}')}]))
    for each in stages:
        each.start()
    assert reached(quiz_taskset, odd.url, wait_seconds=30).kind.name == "Odd"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"{odd.url}/health is not ready: HTTP 503; waiting for it for up to 30 s"
    ]


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ((503, SLEEPING), "/health is not ready: HTTP 503, for 0.2 s"),
        ((200, SLEEPING), ": its answer is no JSON, for 0.2 s"),
        ((200, "[]"), ": its answer is no JSON object, for 0.2 s"),
        ((401, ""), r"/health refuses \(HTTP 401\): name a token with --runtime-token-env NAME"),
        ((404, ""), r"/health is not there \(HTTP 404\)"),
        ((302, "http://127.0.0.1:1/"), r"/health sends elsewhere \(HTTP 302\), where rows are not sent"),
    ],
)
def test_a_server_that_is_not_there_in_time_is_an_error(odd, quiz_taskset, page, told):
    odd.pages["/health"] = page
    with pytest.raises(EnvironmentNotFound, match=told):
        reached(quiz_taskset, odd.url, wait_seconds=0.2)


def test_nobody_at_the_url_is_an_error(quiz_taskset):
    with pytest.raises(EnvironmentNotFound, match=r"no OpenEnv server at http://127.0.0.1:1: ConnectionRefusedError"):
        reached(quiz_taskset, "http://127.0.0.1:1", wait_seconds=0)


@pytest.mark.parametrize("missing", SCHEMAS)
def test_a_server_that_does_not_say_its_types_is_none_of_openenvs(odd, quiz_taskset, missing):
    odd.pages["/schema"] = (200, json.dumps({name: schema for name, schema in SCHEMAS.items() if name != missing}))
    with pytest.raises(EnvironmentFailed, match=f"says nothing of the {missing}"):
        reached(quiz_taskset, odd.url)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://name:secret@127.0.0.1",
        "http://127.0.0.1?token=secret",
    ],
)
def test_what_is_no_url_of_a_server_is_refused_and_not_shown(url):
    with pytest.raises(EnvironmentNotFound, match="a runtime's URL is http://host:port") as caught:
        RemoteRuntime(url)
    assert "secret" not in str(caught.value)


def test_no_row_leaves_this_machine_without_the_users_word(odd, quiz_taskset):
    """0.0.0.0 is this machine, but nobody can tell by its name."""
    elsewhere = odd.url.replace("127.0.0.1", "0.0.0.0")
    with pytest.raises(ConsentNeeded, match=r"'quiz' runs on 0\.0\.0\.0, so its rows.*--allow-host 0\.0\.0\.0"):
        reached(quiz_taskset, elsewhere)
    with pytest.raises(ConsentNeeded):
        reached(quiz_taskset, elsewhere, consent=Consent(hosts=frozenset({"0.0.0.1"})))
    assert (odd.headers, odd.connections) == ([], 0), "not even asked for its health"
    assert reached(quiz_taskset, elsewhere, consent=Consent(hosts=frozenset({"0.0.0.0"}))).kind.name == "Odd"


def test_a_server_that_moves_to_another_host_needs_the_word_for_that(odd, quiz_taskset, serve):
    """As what is restarted may."""

    class Moving:
        url = odd.url

        async def __call__(self):
            return self.url

        def check(self, declared, consent):
            pass

        def stop(self):
            pass

    address = Moving()
    host = Host(quiz_taskset, RemoteRuntime(address))
    before = odd.connections
    address.url = odd.url.replace("127.0.0.1", "0.0.0.0")
    with serve(create_app([host])) as url, open_session(url) as websocket:
        told = json.loads(websocket.recv(timeout=30))["data"]
        assert "--allow-host 0.0.0.0" in told["message"]
    assert odd.connections == before


def test_a_token_goes_to_the_server_and_is_never_shown(odd, quiz_taskset, serve, caplog):
    caplog.set_level(logging.DEBUG)
    host = reached(quiz_taskset, odd.url, token="t0ken")
    with serve(create_app([host])) as url, open_session(url) as websocket:
        assert ask(websocket, "reset", {"index": 0})["type"] == "observation"
    assert len(odd.headers) > 4
    assert {headers.get("Authorization") for headers in odd.headers} == {"Bearer t0ken"}
    assert "t0ken" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("openenv_tasksets"))


def test_without_a_token_none_is_sent(odd, quiz_taskset):
    reached(quiz_taskset, odd.url)
    assert {headers.get("Authorization") for headers in odd.headers} == {None}


def test_a_websocket_that_is_sent_elsewhere_is_not_followed(odd, quiz_taskset):
    with OddUpstream(honest).serving() as other:
        odd.pages["/ws"] = (307, other.url.replace("http", "ws") + "/ws")
        with pytest.raises(EnvironmentFailed, match="refuses the connection: HTTP 307"):
            reached(quiz_taskset, odd.url)
        assert other.headers == []


def test_an_address_that_fails_is_an_error_and_may_be_had_later(odd, quiz_taskset, serve):
    class Restarting:
        reason = None
        stopped = 0

        async def __call__(self):
            if self.reason is not None:
                raise EnvironmentFailed(self.reason)
            return odd.url

        def check(self, declared, consent):
            pass

        def stop(self):
            self.stopped += 1

    address = Restarting()
    host = Host(quiz_taskset, RemoteRuntime(address))
    with serve(create_app([host])) as url:
        address.reason = "it is being started again"
        with open_session(url) as websocket:
            told = json.loads(websocket.recv(timeout=30))["data"]
            assert (told["code"], told["message"]) == ("FACTORY_ERROR", "it is being started again")
        address.reason = None
        with open_session(url) as websocket:
            assert ask(websocket, "reset", {"index": 0})["type"] == "observation"
        assert address.stopped == 0
    assert address.stopped >= 1

    address.reason, address.stopped = "it does not start", 0
    with pytest.raises(EnvironmentFailed, match="it does not start"):
        Host(quiz_taskset, RemoteRuntime(address))
    assert address.stopped >= 1


def test_a_server_that_is_full_at_the_start_is_waited_for_and_then_an_error(openenv, quiz_environment, quiz_taskset):
    from servers import OpenEnvServer

    with OpenEnvServer(openenv).serve(quiz_environment, max_sessions=1) as url:
        with open_session(url) as somebody:
            ask(somebody, "state")
            with pytest.raises(EnvironmentNotFound, match="'quiz' has no session to try. Server at capacity: 1/1"):
                reached(quiz_taskset, url, wait_seconds=0.1)
        host = reached(quiz_taskset, url)
        assert host.max_sessions == 1, "as the server says, though nobody asked for a second one"


def test_a_host_is_made_also_where_an_event_loop_runs(odd, quiz_taskset):
    import asyncio

    async def made():
        return reached(quiz_taskset, odd.url).kind.name

    assert asyncio.run(made()) == "Odd"


def test_sessions_are_as_many_as_asked_for_at_most(odd, quiz_taskset):
    host = Host(quiz_taskset, RemoteRuntime(odd.url), settings=HostSettings(max_sessions=3))
    assert host.max_sessions == 3


def test_ctrl_c_ends_the_wait_for_a_sleeping_server_at_once(odd):
    odd.pages["/health"] = (503, SLEEPING)
    program = (
        "from openenv_tasksets.declaration import Declaration\n"
        "from openenv_tasksets.server.host import Host\n"
        "from openenv_tasksets.server.remote_runtime import RemoteRuntime\n"
        "from openenv_tasksets.taskset import Taskset\n"
        "environment = {'id': 'quiz', 'task': {'reset': {'a': 'a'}}, 'frameworks': {'openenv': {'space_id': 'a/b'}}}\n"
        "declared = Declaration.from_dict({'spec_version': 'hf-rl-env-0.1', 'environments': [environment]})\n"
        f"Host(Taskset.from_rows([{{'a': 1}}], declared), RemoteRuntime({odd.url!r}, wait_seconds=600))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    with process:
        assert eventually(lambda: bool(odd.headers), 60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert err.rstrip().endswith("KeyboardInterrupt")
