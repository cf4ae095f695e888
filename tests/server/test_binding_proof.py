"""The proof that a server plays what it is given: servers that do, and servers that only seem to."""

import itertools
import json

import pytest
from odd_upstream import STATE, OddUpstream, failed, honest, shown
from quiz import CANARY

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.binding_proof import BindingUnproven
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.remote_runtime import RemoteRuntime

TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}


def playing(answer):
    """A server whose reset() shows what ``answer`` makes of its arguments."""
    return OddUpstream(lambda _number, frame: answer(frame["data"]) if frame["type"] == "reset" else STATE).serving()


def host(taskset, url, **settings):
    return Host(taskset, RemoteRuntime(url), settings=HostSettings(**settings))


def deaf():
    """Ignores its arguments in ways that are hard to tell from playing them."""
    count = itertools.count()
    return {
        "the same for all": lambda _data: shown("a question of its own"),
        "the next of its own": lambda _data: shown(f"question {next(count)}"),
        "one of two in turn": lambda _data: shown(f"question {next(count) % 2}"),
        "by the seed": lambda data: shown(f"question {data['seed']}"),
        "a new id each time": lambda _data: shown({"id": next(count), "text": "of its own"}),
        "nothing": lambda _data: shown({}),
    }


@pytest.mark.parametrize("server", deaf())
def test_an_environment_that_ignores_its_arguments_is_refused(quiz_taskset, server):
    with playing(deaf()[server]) as odd, pytest.raises(BindingUnproven) as caught:
        host(quiz_taskset, odd.url)
    assert str(caught.value) == (
        "environment 'Odd' showed the same for different tasks (train[0], train[1], train[2], train[3], train[4]), so "
        "it may ignore what the task binds: answer, question. Check the names under task.reset; if it is right all the "
        "same, say so with --allow-unproven"
    )


def test_it_is_played_with_if_the_user_says_so(quiz_taskset, caplog):
    with playing(lambda _data: shown("of its own")) as odd:
        assert host(quiz_taskset, odd.url, allow_unproven=True).kind.name == "Odd"
    assert [r.getMessage() for r in caplog.records if "may ignore what the task binds" in r.getMessage()]
    assert CANARY not in caplog.text


def plays():
    count = itertools.count()
    return {
        "as it is": lambda data: shown(data["question"]),
        "deep inside, among noise": lambda data: shown([{"id": next(count), "board": [[data["question"]]]}]),
        "by how much there is": lambda data: shown(["x"] * (1 + int(data["question"].split()[1]) % 2)),
        "only sometimes": lambda data: shown("3" in data["question"]),
        "as empty or not": lambda data: shown([] if "3" in data["question"] else ["x"]),
    }


@pytest.mark.parametrize("server", plays())
def test_an_environment_that_plays_them_is_proven(quiz_taskset, server):
    with playing(plays()[server]) as odd:
        assert host(quiz_taskset, odd.url).kind.name == "Odd"


def test_openenvs_server_that_drops_a_misnamed_argument_is_refused(openenv, serve, make_taskset, quiz_environment):
    """As OpenEnv's does, without a word."""

    class Deaf(quiz_environment):
        def reset(self, seed=None, episode_id=None, *, question="of its own", answer=""):
            return super().reset(seed, episode_id, question=question, answer=answer)

    rows = [{"question": f"question {n}", "answer": CANARY} for n in range(3)]
    misnamed = make_taskset(rows, {"reset": {"prompt": "question", "answer": "answer"}, "visible": ["prompt"]})
    named = make_taskset(rows, TASK)
    with serve(openenv.create_app(Deaf, *quiz_environment.models[:2], max_concurrent_envs=4)) as url:
        assert host(named, url).kind.name == "Deaf"
        with pytest.raises(BindingUnproven, match="may ignore what the task binds: answer, prompt"):
            host(misnamed, url)


@pytest.mark.parametrize(
    "rows",
    [
        [{"question": "one", "answer": "1"}],
        [{"question": "the same", "answer": str(n)} for n in range(9)],
    ],
)
def test_without_two_tasks_that_look_different_there_is_no_proof(make_taskset, rows):
    with OddUpstream(honest).serving() as odd:
        with pytest.raises(BindingUnproven, match="no two tasks differ in what the agent may see"):
            host(make_taskset(rows, TASK), odd.url)
        assert host(make_taskset(rows, TASK), odd.url, allow_unproven=True)


def test_where_nothing_is_visible_any_argument_counts(make_taskset):
    rows = [{"question": f"question {n}"} for n in range(3)]
    with OddUpstream(honest).serving() as odd:
        assert host(make_taskset(rows, {"reset": {"question": "question"}}), odd.url)


def test_the_first_split_with_two_different_tasks_is_tried(make_taskset):
    rows = {
        "train": [{"question": "one", "answer": "1"}],
        "test": [{"question": str(n), "answer": "1"} for n in range(3)],
    }
    taskset = make_taskset(rows, TASK, splits=["train", "test"])
    with (
        playing(lambda data: shown("of its own")) as odd,
        pytest.raises(BindingUnproven, match=r"\(test\[0\], test\[1\]"),
    ):
        host(taskset, odd.url)


def test_rows_that_cannot_be_bound_or_played_prove_nothing(make_taskset):
    """The second is no task, the server refuses the third, and the fourth shows it."""
    rows = [{"question": "one", "answer": "#1"}, {"question": "two", "answer": "2"}]
    rows += [{"question": "three", "answer": "#3"}, {"question": "four", "answer": "#4"}]
    task = {
        "reset": {"question": "question", "answer": {"column": "answer", "extract": "#(.)"}},
        "visible": ["question"],
    }

    def refusing(data):
        return failed("EXECUTION_ERROR") if data["question"] == "three" else shown(data["question"])

    with playing(refusing) as odd:
        assert host(make_taskset(rows, task), odd.url)


def test_a_server_that_refuses_the_first_task_is_an_error(quiz_taskset):
    with (
        playing(lambda data: failed("EXECUTION_ERROR", data["answer"])) as odd,
        pytest.raises(EnvironmentFailed, match="failed in reset") as caught,
    ):
        host(quiz_taskset, odd.url, allow_unproven=True)
    assert CANARY not in json.dumps(str(caught.value))


def test_all_are_begun_with_one_seed(quiz_taskset):
    seeds = set()

    def seeded(data):
        seeds.add(data["seed"])
        return shown(data["question"])

    with playing(seeded) as odd:
        host(quiz_taskset, odd.url)
    assert len(seeds) == 1
