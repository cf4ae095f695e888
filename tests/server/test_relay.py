"""A taskset whose environment is behind a URL: OpenEnv's own server, and servers that misbehave."""

import json
import logging
import threading
from contextlib import ExitStack

import httpx
import pytest
from asking import HTTP, ask, eventually, open_session, receive, send
from odd_upstream import OddUpstream, failed, honest, shown
from quiz import CANARY
from servers import OpenEnvServer
from websockets.exceptions import ConnectionClosed

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.remote_runtime import RemoteRuntime


@pytest.fixture(scope="module")
def upstream(openenv, quiz_environment):
    with OpenEnvServer(openenv).serve(quiz_environment, max_sessions=8) as url:
        yield url


@pytest.fixture(scope="module", params=["fast", "plain"])
def relayed(request, serve, upstream, quiz_taskset):
    host = Host(quiz_taskset, RemoteRuntime(upstream), settings=HostSettings(max_sessions=8))
    with serve(create_app([host]), transport=request.param) as url:
        yield url


@pytest.fixture
def relay(serve, quiz_taskset):
    """``with relay(url, queue=1) as ours``: the quiz played at ``url``."""

    def start(url, **settings):
        runtime = RemoteRuntime(url, answer_seconds=settings.pop("answer_seconds", 30))
        return serve(create_app([Host(quiz_taskset, runtime, settings=HostSettings(**settings))]))

    return start


def row(split, index):
    return {"question": f"{split} {index} + 1 = ?", "answer": f"{CANARY}-{index + 1}"}


def test_frames_come_down_as_the_server_sent_them(relayed, upstream):
    """Byte by byte, for whatever the environment shows."""
    actions = [{"answer": "x", "do": do} for do in ("nan", "infinity", "true", "int", "negative", "date", "nested")]
    actions += [{"answer": "x", "do": "big"}, {"answer": "x", "do": "unicode"}, {"answer": f"{CANARY}-4"}]
    with open_session(relayed) as ours, open_session(upstream) as theirs:
        send(ours, "reset", {"split": "test", "index": 3, "mood": "gay", "seed": 7})
        send(theirs, "reset", {**row("test", 3), "mood": "gay", "seed": 7})
        assert ours.recv(timeout=30) == theirs.recv(timeout=30)
        for action in actions:
            for websocket in (ours, theirs):
                send(websocket, "step", action)
            assert ours.recv(timeout=30) == theirs.recv(timeout=30), action


def test_state_is_the_servers_and_what_the_trainer_may_know(relayed):
    with open_session(relayed) as websocket:
        ask(websocket, "reset", {"split": "test", "index": 3, "episode_id": "mine", "mood": "gay"})
        ask(websocket, "step", {"answer": "wrong"})
        state = ask(websocket, "state")["data"]
    assert state == {
        "episode_id": "mine",
        "step_count": 1,
        "mood": "gay",
        "task_id": "test-3",
        "split": "test",
        "index": 3,
        "position": None,
        "public": {"level": 0},
    }


def test_pipelined_frames_are_answered_in_order(relayed):
    with open_session(relayed) as websocket:
        for index in range(20):
            send(websocket, "reset", {"split": "train", "index": index})
            send(websocket, "step", {"answer": f"said {index}", "do": "int"})
        for index in range(20):
            assert receive(websocket)["data"]["observation"]["question"] == f"train {index} + 1 = ?"
            assert receive(websocket)["data"]["observation"]["seen"] == f"said {index}"


def test_an_action_that_the_server_refuses_leaves_the_episode_as_it_is(relayed):
    with open_session(relayed) as websocket:
        ask(websocket, "reset", {"split": "test", "index": 0})
        refused = ask(websocket, "step", {"answer": "", "more": 1})["data"]
        assert refused["code"] == "VALIDATION_ERROR"
        assert [(each["type"], each["loc"]) for each in refused["errors"]] == [
            ("string_too_short", ["answer"]),
            ("extra_forbidden", ["more"]),
        ]
        assert all(each.keys() == {"type", "loc", "msg"} for each in refused["errors"])
        assert ask(websocket, "step", {"answer": f"{CANARY}-1"})["data"]["reward"] == 1.0


def test_what_the_environment_says_of_its_failure_is_neither_passed_on_nor_logged(relayed, caplog):
    """It holds the answer."""
    caplog.set_level(logging.DEBUG)
    with open_session(relayed) as websocket:
        ask(websocket, "reset", {"split": "test", "index": 0})
        failure = ask(websocket, "step", {"answer": "x", "do": "raise"})["data"]
        assert failure["code"] == "EXECUTION_ERROR"
        assert failure["message"] == (
            "environment 'QuizEnvironment' failed in step (EXECUTION_ERROR); its server's log tells more"
        )
        assert ask(websocket, "step", {"answer": f"{CANARY}-1"})["data"]["reward"] == 1.0
    assert failure["error_id"] in caplog.text
    ours = [record for record in caplog.records if record.name.startswith("openenv_tasksets")]
    assert ours
    assert not [record for record in ours if CANARY in record.getMessage()]


def test_openenvs_client_plays_over_http_and_websocket(openenv, relayed):
    with openenv.GenericEnvClient(base_url=relayed).sync() as client:
        assert client.reset(split="test", index=1).observation["question"] == "test 1 + 1 = ?"
        assert client.step({"answer": f"{CANARY}-2"}).reward == 1.0


def test_http_episodes_are_played_through(relayed):
    with httpx.Client(base_url=relayed, timeout=30) as http:
        begun = http.post("/reset", json={"split": "test", "index": 2})
        assert begun.json()["observation"]["question"] == "test 2 + 1 = ?"
        session = {"X-Session-Id": begun.headers["X-Session-Id"]}
        stepped = http.post("/step", json={"action": {"answer": f"{CANARY}-3"}}, headers=session).json()
        assert (stepped["reward"], stepped["done"]) == (1.0, True)
        assert http.get("/state", headers=session).json()["task_id"] == "test-2"


def test_schemas_and_name_are_the_servers(relayed, upstream):
    assert HTTP.get(f"{relayed}/schema").json() == HTTP.get(f"{upstream}/schema").json()
    assert HTTP.get(f"{relayed}/metadata").json()["name"] == HTTP.get(f"{upstream}/metadata").json()["name"]


def test_the_servers_capacity_is_advertised(openenv, quiz_environment, relay):
    with OpenEnvServer(openenv).serve(quiz_environment, max_sessions=1) as url, relay(url) as ours:
        with open_session(ours) as first:
            ask(first, "reset", {"index": 0})
            with open_session(ours) as second:
                full = receive(second)["data"]
                assert (full["code"], full["active_sessions"], full["max_sessions"]) == ("CAPACITY_REACHED", 1, 1)
        with open_session(ours) as again:
            assert ask(again, "reset", {"index": 0})["type"] == "observation"


def test_who_finds_the_server_full_waits_in_line(openenv, quiz_environment, relay):
    with (
        OpenEnvServer(openenv).serve(quiz_environment, max_sessions=1) as url,
        relay(url, queue=4, queue_seconds=30) as ours,
        ExitStack() as stack,
    ):
        waiting = [stack.enter_context(open_session(ours)) for _ in range(4)]
        for each in waiting:
            send(each, "reset", {"index": 0})
        for each in waiting:
            assert receive(each)["type"] == "observation"
            each.close()


def test_a_capacity_that_is_learned_late_holds_from_then_on(openenv, quiz_environment, quiz_taskset, serve):
    """Of two more than the server has room for, one asks it again and one is in line; the next is refused here."""
    with ExitStack() as stack:
        url = stack.enter_context(OpenEnvServer(openenv).serve(quiz_environment, max_sessions=3))
        host = Host(quiz_taskset, RemoteRuntime(url), settings=HostSettings(queue=1, queue_seconds=30))
        ours = stack.enter_context(serve(create_app([host])))
        playing = [stack.enter_context(open_session(ours)) for _ in range(3)]
        for each in playing:
            assert ask(each, "reset", {"index": 0})["type"] == "observation"
        assert host.max_sessions == 1024
        late = [stack.enter_context(open_session(ours))]
        assert eventually(lambda: host.max_sessions == 3)
        late.append(stack.enter_context(open_session(ours)))
        assert eventually(lambda: host.sessions.slots.waiting == 1)
        refused = stack.enter_context(open_session(ours))
        assert receive(refused)["data"]["max_sessions"] == 3
        for each in playing:
            each.close()
        for each in late:
            assert ask(each, "reset", {"index": 1})["type"] == "observation"


def test_sessions_are_no_more_than_asked_for(openenv, quiz_environment, upstream, relay):
    with relay(upstream, max_sessions=2) as ours, open_session(ours) as first, open_session(ours) as second:
        assert [ask(each, "reset", {"index": 0})["type"] for each in (first, second)] == ["observation"] * 2
        with open_session(ours) as third:
            assert receive(third)["data"]["max_sessions"] == 2


def dying(number, frame):
    """Ends the connection at the step ``die``, and says which connection it is."""
    if frame["type"] == "step" and frame["data"].get("answer") == "die":
        return None
    if frame["type"] == "step":
        return shown(f"connection {number}")
    return honest(number, frame)


def test_an_episode_ends_with_its_connection_and_another_has_a_new_one(relay):
    with OddUpstream(dying).serving() as odd, relay(odd.url) as ours, open_session(ours) as websocket:
        ask(websocket, "reset", {"index": 0})
        number = int(ask(websocket, "step", {"answer": "x"})["data"]["observation"]["question"].split()[1])
        lost = ask(websocket, "step", {"answer": "die"})["data"]
        assert lost["code"] == "UPSTREAM_LOST"
        assert lost["message"] == (
            "environment 'Odd': the connection to it is lost, in step, and with it the episode; reset() begins anew"
        )
        for _ in range(2):
            assert ask(websocket, "step", {"answer": "x"})["data"]["code"] == "RESET_NEEDED"
        assert ask(websocket, "reset", {"index": 1})["type"] == "observation"
        again = ask(websocket, "step", {"answer": "x"})["data"]["observation"]["question"]
        assert again == f"connection {number + 1}"


def test_a_lost_connection_is_a_bad_gateway_over_http(relay):
    with OddUpstream(dying).serving() as odd, relay(odd.url) as ours, httpx.Client(base_url=ours, timeout=30) as http:
        session = {"X-Session-Id": http.post("/reset", json={"index": 0}).headers["X-Session-Id"]}
        lost = http.post("/step", json={"action": {"answer": "die"}}, headers=session)
        assert (lost.status_code, lost.json()["code"]) == (502, "UPSTREAM_LOST")
        assert http.post("/step", json={"action": {"answer": "x"}}, headers=session).status_code == 409
        assert http.post("/reset", json={"index": 0}, headers=session).status_code == 200


def test_a_server_that_ends_between_calls_is_noticed_by_the_next_step(openenv, quiz_environment, relay):
    with ExitStack() as upstream:
        url = upstream.enter_context(OpenEnvServer(openenv).serve(quiz_environment, max_sessions=4))
        with relay(url) as ours, open_session(ours) as websocket:
            ask(websocket, "reset", {"index": 0})
            upstream.close()
            assert ask(websocket, "step", {"answer": "x"})["data"]["code"] == "UPSTREAM_LOST"
            assert ask(websocket, "step", {"answer": "x"})["data"]["code"] == "RESET_NEEDED"
            gone = ask(websocket, "reset", {"index": 0})["data"]
            assert gone["message"] == "the environment's server cannot be reached: ConnectionRefusedError"


GARBAGE = {
    "no JSON": "not json",
    "no object": "[]",
    "bytes that are no text": b"\xff\xfe",
    "another type": {"type": "state", "data": {}},
    "no data": {"type": "observation"},
    "data that are no object": {"type": "observation", "data": [1]},
    "no observation": {"type": "observation", "data": {"observation": "x", "reward": 1, "done": True}},
    "a reward that is no number": {"type": "observation", "data": {"observation": {}, "reward": "1", "done": True}},
    "nested too deep": '{"type":"observation","data":{"observation":' + '{"a":' * 200 + "1" + "}" * 202,
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_answer_ends_the_episode(relay, answer):
    def garbage(number, frame):
        return answer if frame["type"] == "step" else honest(number, frame)

    with OddUpstream(garbage).serving() as odd, relay(odd.url) as ours, open_session(ours) as websocket:
        ask(websocket, "reset", {"index": 0})
        assert ask(websocket, "step", {"answer": "x"})["data"]["code"] == "UPSTREAM_LOST"
        assert ask(websocket, "step", {"answer": "x"})["data"]["code"] == "RESET_NEEDED"
        assert ask(websocket, "reset", {"index": 0})["type"] == "observation"


def test_an_answer_more_than_was_asked_for_is_not_taken_for_the_next(relay):
    def twice(number, frame):
        return (honest(number, frame), shown("of nobody")) if frame["type"] == "step" else honest(number, frame)

    with OddUpstream(twice).serving() as odd, relay(odd.url) as ours, open_session(ours) as websocket:
        ask(websocket, "reset", {"index": 0})
        assert ask(websocket, "step", {"answer": "x"})["data"]["reward"] == 1.0
        assert ask(websocket, "state")["data"]["code"] == "UPSTREAM_LOST"
        assert ask(websocket, "reset", {"index": 1})["data"]["observation"]["question"] == "train 1 + 1 = ?"


def test_an_answer_that_is_too_large_ends_the_episode(relay):
    large = json.dumps(shown("x" * (101 * 2**20)))

    def too_large(number, frame):
        return large if frame["type"] == "step" else honest(number, frame)

    with OddUpstream(too_large).serving() as odd, relay(odd.url) as ours, open_session(ours) as websocket:
        ask(websocket, "reset", {"index": 0})
        lost = ask(websocket, "step", {"answer": "x"})["data"]
        assert (lost["code"], "its answer is too large" in lost["message"]) == ("UPSTREAM_LOST", True)


def test_arguments_that_no_server_takes_are_not_sent(make_taskset, serve):
    rows = [{"question": "small"}, {"question": "x" * (17 * 2**20)}, {"question": "other"}]
    taskset = make_taskset(rows, {"reset": {"question": "question"}, "visible": ["question"]})
    with (
        OddUpstream(honest).serving() as odd,
        serve(create_app([Host(taskset, RemoteRuntime(odd.url))])) as ours,
        open_session(ours) as websocket,
    ):
        refused = ask(websocket, "reset", {"index": 1})["data"]
        assert "an OpenEnv server takes 16,777,216 at most" in refused["message"]
        assert ask(websocket, "reset", {"index": 2})["data"]["observation"]["question"] == "other"


def test_a_server_that_does_not_answer_is_given_up_and_its_late_answer_with_it(relay):
    released = threading.Event()

    def slow(number, frame):
        if frame["type"] == "step" and frame["data"]["answer"] == "slow":
            released.wait(30)
        return honest(number, frame)

    with (
        OddUpstream(slow).serving() as odd,
        relay(odd.url, step_timeout=3.0) as ours,
        open_session(ours) as websocket,
    ):
        ask(websocket, "reset", {"index": 0})
        late = ask(websocket, "step", {"answer": "slow"})["data"]
        assert late["code"] == "TIME_EXCEEDED"
        released.set()
        assert ask(websocket, "step", {"answer": "x"})["data"]["code"] == "RESET_NEEDED"
        assert ask(websocket, "reset", {"index": 1})["data"]["observation"]["question"] == "train 1 + 1 = ?"


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("SESSION_ERROR", "UPSTREAM_LOST"),
        ("SERVER_STOPPING", "UPSTREAM_LOST"),
        ("TIME_EXCEEDED", "UPSTREAM_LOST"),
        ("RESET_NEEDED", "RESET_NEEDED"),
        ("RATE_EXCEEDED", "EXECUTION_ERROR"),
        (f"{CANARY} is the answer", "EXECUTION_ERROR"),
    ],
)
def test_the_servers_errors_are_told_by_their_code_alone(relay, code, ours):
    def failing(number, frame):
        return failed(code, f"the answer is {CANARY}") if frame["type"] == "step" else honest(number, frame)

    with OddUpstream(failing).serving() as odd, relay(odd.url) as base, open_session(base) as websocket:
        ask(websocket, "reset", {"index": 0})
        told = ask(websocket, "step", {"answer": "x"})
    assert told["data"]["code"] == ours
    assert CANARY not in json.dumps(told)


def test_an_environment_without_a_state_before_reset_has_a_session_all_the_same(relay):
    def stateless(number, frame):
        return failed("EXECUTION_ERROR") if frame["type"] == "state" else honest(number, frame)

    with OddUpstream(stateless).serving() as odd, relay(odd.url) as ours, open_session(ours) as websocket:
        assert ask(websocket, "reset", {"index": 0})["data"]["observation"]["question"] == "train 0 + 1 = ?"


def test_an_environment_that_cannot_be_made_is_no_session(relay):
    """The server is sound when the host looks at it, and not any more afterwards."""
    broken = threading.Event()

    def factory(number, frame):
        return failed("FACTORY_ERROR", CANARY) if broken.is_set() else honest(number, frame)

    with OddUpstream(factory).serving() as odd, relay(odd.url) as ours:
        broken.set()
        with open_session(ours) as websocket:
            told = receive(websocket)["data"]
            assert told["code"] == "FACTORY_ERROR"
            assert "could not be made" in told["message"]
            with pytest.raises(ConnectionClosed):
                websocket.recv(timeout=30)


def test_the_servers_session_ends_with_ours(openenv, quiz_environment, relay):
    with OpenEnvServer(openenv).serve(quiz_environment, max_sessions=1) as url, relay(url) as ours:
        for _ in range(5):
            with open_session(ours) as websocket:
                assert ask(websocket, "reset", {"index": 0})["type"] == "observation"
        # Nobody of ours is there any more: another client finds room.
        assert eventually(lambda: _has_room(url))


def _has_room(url):
    try:
        with open_session(url) as websocket:
            return ask(websocket, "state")["type"] == "state"
    except ConnectionClosed:
        return False
