"""A host: start checks, consent, capacity, and which task an unseeded reset gets."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import (
    ConsentNeeded,
    DeclarationError,
    EnvironmentFailed,
    EnvironmentNotFound,
    RowError,
    SelectionError,
    TaskNotFound,
    TasksetError,
)
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.slots import CapacityReached

pytestmark = pytest.mark.anyio

ROWS = [{"question": f"{n}+1", "answer": str(n + 1)} for n in range(5)]
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}


class Quiz:
    blocking = False
    open = 0

    def __init__(self, fail=False):
        if fail:
            raise ValueError("cannot be made")
        type(self).open += 1

    def reset(self, question, answer, seed=0):
        return {"question": question}

    def step(self, action):
        return {"done": True}

    @property
    def state(self):
        return {}

    def close(self):
        type(self).open -= 1


class Alone(Quiz):
    SUPPORTS_CONCURRENT_SESSIONS = False


class Executes(Quiz):
    executes_rows = True


@pytest.fixture
def taskset(make_taskset):
    return make_taskset(ROWS, TASK)


def settings(**values):
    return HostSettings(**values)


async def test_sessions_up_to_the_capacity_and_again_when_one_is_released(taskset):
    host = Host(taskset, Quiz, settings=settings(max_sessions=2))
    first, _ = await host.open_session(), await host.open_session()
    with pytest.raises(CapacityReached, match="2/2 sessions active") as caught:
        await host.open_session()
    assert (caught.value.active_sessions, caught.value.max_sessions) == (2, 2)
    await host.release(first)
    assert host.active_sessions == 1
    assert await host.open_session()


async def test_a_constructor_that_fails_takes_no_slot(taskset):
    host = Host(taskset, Quiz, arguments={"fail": True}, settings=settings(max_sessions=1))
    for _ in range(3):
        with pytest.raises(EnvironmentFailed, match="could not be made: ValueError"):
            await host.open_session()
    assert host.active_sessions == 0


async def test_a_slot_is_taken_while_the_environment_is_being_made(taskset):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Quiz):
        blocking = True

        def __init__(self):
            begun.set()
            assert go_on.wait(30)
            super().__init__()

    host = Host(taskset, Slow, settings=settings(max_sessions=1))
    opening = asyncio.create_task(host.open_session())
    await asyncio.to_thread(begun.wait, 30)
    with pytest.raises(CapacityReached):
        await host.open_session()
    go_on.set()
    await host.release(await opening)
    assert host.active_sessions == 0


async def test_a_session_that_fails_to_close_frees_its_slot(taskset):
    class Clings(Quiz):
        def close(self):
            raise ValueError("no")

    host = Host(taskset, Clings)
    await host.release(await host.open_session())
    assert host.active_sessions == 0


@pytest.mark.parametrize(
    ("environment", "wanted", "capacity"), [(Quiz, None, 1024), (Quiz, 7, 7), (Alone, None, 1), (Alone, 1, 1)]
)
def test_how_many_sessions_there_may_be(taskset, environment, wanted, capacity):
    assert Host(taskset, environment, settings=settings(max_sessions=wanted)).max_sessions == capacity


def test_an_environment_that_cannot_run_concurrently_is_not_made_to(taskset):
    with pytest.raises(TasksetError, match=r"'Alone' does not support concurrent sessions .* must be 1, not 2"):
        Host(taskset, Alone, settings=settings(max_sessions=2))


@pytest.mark.parametrize("wanted", [0, -1])
def test_there_is_at_least_one_session(taskset, wanted):
    with pytest.raises(TasksetError, match=f"max_sessions is 1 or more, not {wanted}"):
        Host(taskset, Quiz, settings=settings(max_sessions=wanted))


def test_an_environment_that_executes_rows_needs_the_users_word(taskset):
    with pytest.raises(ConsentNeeded, match="--allow-execution quiz"):
        Host(taskset, Executes)
    with pytest.raises(ConsentNeeded):
        Host(taskset, Executes, consent=Consent(execution=frozenset({"another"})))
    assert Host(taskset, Executes, consent=Consent(execution=frozenset({"quiz"})))


def test_a_secret_needs_the_users_word_and_a_value(make_taskset, monkeypatch):
    openenv = {"min_version": ">=0.10.0", "package": "x", "secrets": ["QUIZ_API_KEY"]}
    taskset = make_taskset(ROWS, TASK, frameworks={"openenv": openenv})
    with pytest.raises(ConsentNeeded, match="--allow-secret QUIZ_API_KEY"):
        Host(taskset, Quiz)
    allowed = Consent(secrets=frozenset({"QUIZ_API_KEY"}))
    with pytest.raises(ConsentNeeded, match="allowed but not set: export QUIZ_API_KEY="):
        Host(taskset, Quiz, consent=allowed)
    monkeypatch.setenv("QUIZ_API_KEY", "x")
    assert Host(taskset, Quiz, consent=allowed)


def test_consent_comes_before_any_instance(taskset):
    before = Executes.open
    with pytest.raises(ConsentNeeded):
        Host(taskset, Executes)
    assert Executes.open == before


def test_a_binding_that_the_environment_does_not_take_is_refused_at_start(make_taskset):
    taskset = make_taskset(ROWS, {"reset": {"question": "question", "anser": "answer"}})
    with pytest.raises(EnvironmentNotFound, match="'Quiz' takes no reset.. argument 'anser'.*did you mean 'answer'"):
        Host(taskset, Quiz)


def test_a_binding_that_leaves_the_environment_short_is_refused_at_start(make_taskset):
    with pytest.raises(EnvironmentNotFound, match="needs reset.. arguments that the task does not bind: answer"):
        Host(make_taskset(ROWS, {"reset": {"question": "question"}}), Quiz)


def test_every_split_is_checked_at_start(make_taskset):
    rows = {"train": ROWS, "test": [{"question": "?", "answer": None}]}
    task = {"reset": {"question": "question", "answer": {"column": "answer", "extract": "[0-9]+"}}}
    with pytest.raises(RowError, match="split 'test', row 0"):
        Host(make_taskset(rows, task, splits=["train", "test"]), Quiz)
    with pytest.raises(DeclarationError, match="no column 'answer'"):
        Host(make_taskset({"train": ROWS, "test": [{"question": "?"}]}, TASK, splits=["train", "test"]), Quiz)


def test_an_empty_split_is_no_reason_not_to_start(make_taskset):
    # A source without rows has no columns of its own to check.
    taskset = make_taskset(
        {"train": ROWS, "test": ROWS[:0]},
        {"reset": {"question": {"value": "?"}, "answer": {"value": 1}}},
        splits=["train", "test"],
    )
    host = Host(taskset, Quiz)
    with pytest.raises(TaskNotFound, match="split 'test' has no tasks"):
        host.select({"split": "test"})


def test_arguments_are_the_declarations_unless_given(make_taskset):
    openenv = {"min_version": ">=0.10.0", "package": "x", "arguments": {"fail": True}}
    taskset = make_taskset(ROWS, TASK, frameworks={"openenv": openenv})
    with pytest.raises(ValueError, match="cannot be made"):
        Host(taskset, Quiz).kind.make()
    assert Host(taskset, Quiz, arguments={}).kind.make()


@pytest.mark.parametrize(
    ("declared", "description"),
    [
        ({"title": "A quiz", "description": "Sums."}, "Sums."),
        ({"title": "A quiz"}, "A quiz"),
        ({}, "Quiz environment"),
    ],
)
def test_a_host_is_described_by_its_declaration(make_taskset, declared, description):
    assert Host(make_taskset(ROWS, TASK, **declared), Quiz).description == description


def test_unseeded_resets_walk_each_splits_positions_once(make_taskset):
    taskset = make_taskset({"train": ROWS, "test": ROWS}, TASK, splits=["train", "test"])
    host = Host(taskset, Quiz, settings=settings(start_position=3))
    picked = [host.select({}) for _ in range(5)]
    assert [episode.position for episode in picked] == [3, 4, 5, 6, 7]
    assert [episode.task.index for episode in picked] == [taskset.locate("train", p)[1] for p in range(3, 8)]
    assert host.select({"split": "test"}).position == 3
    assert [host.select({"index": 1}).position, host.select({"seed": 9}).position] == [None, 9]
    assert host.select({}).position == 8


def test_no_position_is_handed_out_twice_by_threads(taskset):
    host = Host(taskset, Quiz)
    with ThreadPoolExecutor(8) as pool:
        positions = [episode.position for episode in pool.map(lambda _: host.select({}), range(400))]
    assert sorted(positions) == list(range(400))


def test_unseeded_resets_can_be_refused(taskset):
    host = Host(taskset, Quiz, settings=settings(unseeded="refuse"))
    with pytest.raises(SelectionError, match="refuses a reset.. that names no task"):
        host.select({})
    assert host.select({"seed": 0}).position == 0


def test_a_strict_host_refuses_what_it_would_ignore(taskset):
    with pytest.raises(SelectionError, match="'topic' would be ignored"):
        Host(taskset, Quiz, settings=settings(strict_reset=True)).select({"index": 0, "topic": "x"})
    assert Host(taskset, Quiz).select({"index": 0, "topic": "x"}).ignored == ("topic",)
