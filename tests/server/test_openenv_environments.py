"""OpenEnv's own ``Environment`` subclasses, unchanged, behind our server and played by OpenEnv's own client."""

import contextlib

import openenv_kinds as kinds
import pytest

from openenv_tasksets.loaders.errors import EnvironmentNotFound
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings

ROWS = [{"question": f"{n} + 1?", "answer": str(n + 1)} for n in range(8)]
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}


@pytest.fixture
def playing(serve, openenv, make_taskset):
    """``with playing(Environment) as connect``: a server of it, and clients in ``with connect() as client``."""

    @contextlib.contextmanager
    def run(environment, **settings):
        host = Host(make_taskset(ROWS, TASK), environment, settings=HostSettings(**settings))
        with serve(create_app([host])) as url:
            yield lambda: openenv.GenericEnvClient(base_url=url).sync()

    return run


@pytest.mark.parametrize("name", ["Sync", "Async"])
def test_an_environment_is_reset_to_the_row_and_scores_it(playing, name):
    with playing(getattr(kinds, name)) as connect, connect() as client:
        for index in (3, 0):
            assert client.reset(index=index, episode_id="mine").observation["question"] == f"{index} + 1?"
            result = client.step({"answer": str(index + 1)})
            assert (result.reward, result.done) == (1.0, True)
            state = client.state()
            assert (state["episode_id"], state["step_count"], state["index"]) == ("mine", 1, index)
        client.reset(index=1)
        assert client.step({"answer": "5"}).reward == 0.0


def test_coroutines_run_on_the_loop_and_what_blocks_on_its_own_thread(playing):
    with playing(kinds.Sync) as connect, connect() as client:
        assert client.reset(index=0).observation["thread"] == "environment Sync"
    with playing(kinds.Async) as connect, connect() as client:
        assert client.reset(index=0).observation["thread"] != "environment Async"


def test_rubrics_give_the_reward_and_are_reset(playing):
    with playing(kinds.Graded) as connect, connect() as client:
        for _ in range(2):
            for answer, reward in (("4", 1.0), ("5", 0.25), ("not short", 0.0)):
                client.reset(index=3)
                assert client.step({"answer": answer}).reward == reward


def test_a_rubric_that_is_a_coroutine_is_awaited(playing):
    with playing(kinds.AsyncGraded) as connect, connect() as client:
        for answer, reward in (("4", 1.0), ("5", 0.0)):
            client.reset(index=3)
            assert client.step({"answer": answer}).reward == reward


def test_a_transform_changes_what_the_agent_sees(playing):
    with playing(kinds.Transformed) as connect, connect() as client:
        assert client.reset(index=3).observation["question"] == "3 + 1?!"
        assert client.step({"answer": "4"}).observation["question"] == "!"


def test_one_that_takes_one_session_at_a_time_gets_one(playing):
    with playing(kinds.OneSession) as connect:
        with connect() as client:
            client.reset(index=0)
            with connect() as other, pytest.raises(RuntimeError, match="CAPACITY_REACHED"):
                other.reset(index=0)
        with connect() as client:
            assert client.reset(index=1).observation["question"] == "1 + 1?"


def test_one_that_supports_several_has_an_instance_for_each(playing):
    with playing(kinds.Sync, max_sessions=2) as connect, connect() as one, connect() as two:
        one.reset(index=0)
        two.reset(index=1)
        assert (one.step({"answer": "1"}).reward, two.step({"answer": "2"}).reward) == (1.0, 1.0)


def test_one_that_needs_a_single_thread_is_made_played_and_closed_on_it_by_all_sessions(playing):
    with playing(kinds.OneThread) as connect:
        with connect() as one, connect() as two:
            names = {client.reset(index=2).observation["thread"] for client in (one, two)}
            assert (one.step({"answer": "3"}).reward, two.step({"answer": "4"}).reward) == (1.0, 0.0)
        with connect() as later:
            names.add(later.reset(index=2).observation["thread"])
    assert names == {"environments OneThread"}
    assert len(kinds.OneThread.threads) == 1


def test_an_argument_that_reset_would_drop_is_an_error_that_names_it(make_taskset):
    task = {"reset": {**TASK["reset"], "anwser": "answer"}}
    for kind in (kinds.Sync, kinds.Async):
        with pytest.raises(EnvironmentNotFound, match="no reset\\(\\) argument 'anwser', which the task binds"):
            Host(make_taskset(ROWS, task), kind)
