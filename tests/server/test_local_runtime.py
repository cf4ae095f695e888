"""One environment in process: which thread calls it, how long it may take, and what its exceptions become."""

import asyncio
import threading
from dataclasses import dataclass

import pytest
from asking import until

from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, RowError, TimeExceeded
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.runtime import CLOSE_SECONDS, start_runtime

pytestmark = pytest.mark.anyio


class Recorder:
    """Writes down which thread calls what."""

    def __init__(self, calls):
        self.calls = calls
        self.note("made")

    def note(self, what):
        self.calls.append((what, threading.get_ident()))

    def reset(self, **arguments):
        self.note("reset")
        return {"arguments": arguments}

    def step(self, action):
        self.note("step")
        return {"action": action, "reward": 1.0, "done": True}

    @property
    def state(self):
        self.note("state")
        return {"step_count": 1, "done": "a field of the state"}

    def close(self):
        self.note("closed")


class Inline(Recorder):
    blocking = False


class Pooled(Recorder):
    blocking = "pool"


class Coroutines(Recorder):
    async def reset(self, **arguments):
        return Recorder.reset(self, **arguments)

    async def step(self, action):
        await asyncio.sleep(0)
        return Recorder.step(self, action)


blocking = pytest.mark.parametrize("base", [Recorder, Pooled])


async def play(environment):
    calls = []
    runtime = await start_runtime(EnvironmentType.of(environment, {"calls": calls}))
    await runtime.reset({"a": 1})
    await runtime.step({"move": 2})
    await runtime.state()
    await runtime.close()
    return calls


before = set()


@pytest.fixture(autouse=True)
def _threads_of_other_tests():
    before.clear()
    before.update(threading.enumerate())


def environment_threads():
    return [each for each in threading.enumerate() if each.name.startswith("environment ") and each not in before]


async def no_threads():
    """Until the threads that were told to stop have done so."""
    for _ in range(6000):
        if not environment_threads():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"threads are left: {environment_threads()}")


async def test_a_blocking_environment_lives_on_one_thread_of_its_own():
    calls = await play(Recorder)
    assert [what for what, _ in calls] == ["made", "reset", "step", "state", "closed"]
    threads = {thread for _, thread in calls}
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    await no_threads()


async def test_an_environment_of_the_pool_is_called_on_its_threads():
    calls = await play(Pooled)
    assert [what for what, _ in calls] == ["made", "reset", "step", "state", "closed"]
    assert threading.get_ident() not in {thread for _, thread in calls}
    assert not environment_threads()


async def test_an_environment_that_does_not_block_is_called_in_place():
    calls = await play(Inline)
    assert {thread for _, thread in calls} == {threading.get_ident()}
    assert [what for what, _ in calls] == ["made", "reset", "step", "state", "closed"]
    assert not environment_threads()


async def test_coroutines_run_on_the_event_loop():
    calls = dict(await play(Coroutines))
    assert calls["reset"] == calls["step"] == threading.get_ident()
    assert calls["made"] == calls["state"] == calls["closed"] != threading.get_ident()


@pytest.mark.parametrize("environment", [Recorder, Pooled, Inline, Coroutines])
async def test_answers_are_outcomes_and_the_state_is_whole(environment):
    runtime = await start_runtime(EnvironmentType.of(environment, {"calls": []}))
    try:
        assert (await runtime.reset({"func": 1, "call": 2})).observation == {"arguments": {"func": 1, "call": 2}}
        outcome = await runtime.step({"move": 2})
        assert (outcome.observation, outcome.reward, outcome.done) == ({"action": {"move": 2}}, 1.0, True)
        assert await runtime.state() == {"step_count": 1, "done": "a field of the state"}
    finally:
        await runtime.close()


@blocking
async def test_blocking_environments_run_side_by_side(base):
    meeting = threading.Barrier(2, timeout=30)

    class Meets(base):
        def reset(self):
            meeting.wait()
            return {}

    kind = EnvironmentType.of(Meets, {"calls": []})
    first, second = await start_runtime(kind), await start_runtime(kind)
    await asyncio.gather(first.reset({}), second.reset({}))
    await asyncio.gather(first.close(), second.close())


CANARY = "the answer is 42"


def failing(where, exception, base):
    """An environment whose ``where`` raises."""

    def fail(*args, **kwargs):
        raise exception

    async def fail_async(*args, **kwargs):
        raise exception

    members = {"fail_async": fail_async}
    if where == "state":
        members["state"] = property(fail)
    elif where in ("reset", "step") and base is Coroutines:
        members[where] = fail_async
    else:
        members["__init__" if where == "made" else where] = fail
    return type("Failing", (base,), members)


@pytest.mark.parametrize("base", [Recorder, Pooled, Inline, Coroutines])
@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("made", "could not be made"),
        ("reset", "failed in reset()"),
        ("step", "failed in step()"),
        ("state", "failed in state"),
    ],
)
async def test_an_exception_becomes_environment_failed_without_its_text(base, where, what):
    error = ValueError(CANARY)
    kind = EnvironmentType.of(failing(where, error, base), {} if where == "made" else {"calls": []})

    async def play():
        runtime = await start_runtime(kind)
        calls = {"reset": runtime.reset, "step": runtime.step}
        try:
            await (calls[where]({}) if where in calls else runtime.state())
        finally:
            await runtime.close()

    with pytest.raises(EnvironmentFailed) as caught:
        await play()
    assert str(caught.value) == f"environment 'Failing' {what}: ValueError"
    assert caught.value.__cause__ is error
    await no_threads()


@pytest.mark.parametrize("base", [Recorder, Pooled, Inline, Coroutines])
@pytest.mark.parametrize(
    "exception", [StopIteration(CANARY), SystemExit(1), asyncio.CancelledError(), TimeoutError(CANARY)], ids=repr
)
async def test_exceptions_that_mean_something_to_python_are_failures_like_others(base, exception):
    runtime = await start_runtime(EnvironmentType.of(failing("step", exception, base), {"calls": []}))
    with pytest.raises(EnvironmentFailed, match=r"failed in step\(\)"):
        await runtime.step({})
    assert (await runtime.reset({"a": 1})).observation == {"arguments": {"a": 1}}
    await runtime.close()
    await no_threads()


@blocking
async def test_errors_of_this_library_keep_their_type(base):
    error = RowError("odd", split="train", row=1, column=None, location="rows in memory, row 1")
    runtime = await start_runtime(EnvironmentType.of(failing("step", error, base), {"calls": []}))
    with pytest.raises(RowError, match="odd"):
        await runtime.step({})
    await runtime.close()


async def test_what_is_no_observation_is_a_failure():
    class Wrong(Inline):
        def step(self, action):
            return "text"

    runtime = await start_runtime(EnvironmentType.of(Wrong, {"calls": []}))
    with pytest.raises(EnvironmentFailed, match="returned str"):
        await runtime.step({})


@blocking
async def test_an_action_is_decoded_before_the_environment_is_called(base):
    @dataclass
    class Move:
        to: int

    class Moves(base):
        def step(self, action: Move):
            return {"to": action.to}

    runtime = await start_runtime(EnvironmentType.of(Moves, {"calls": []}))
    assert (await runtime.step({"to": 3})).observation == {"to": 3}
    with pytest.raises(PolicyError):
        await runtime.step({"to": "far"})
    await runtime.close()


async def test_an_environment_without_state_has_an_empty_one():
    class Stateless(Inline):
        state = None

    assert await (await start_runtime(EnvironmentType.of(Stateless, {"calls": []}))).state() == {}


@blocking
async def test_a_stuck_environment_is_left_behind_and_closes_itself_if_it_ever_answers(base):
    let_go = threading.Event()

    class Stuck(base):
        def step(self, action):
            let_go.wait(30)
            return super().step(action)

    calls = []
    runtime = await start_runtime(EnvironmentType.of(Stuck, {"calls": calls}))
    with pytest.raises(TimeExceeded, match=r"the environment did not answer within 0.05 s"):
        await runtime.step({}, 0.05)
    await asyncio.wait_for(runtime.close(), CLOSE_SECONDS / 2)
    assert [what for what, _ in calls] == ["made"]
    let_go.set()
    await no_threads()
    await until(lambda: [what for what, _ in calls] == ["made", "step", "closed"])


async def test_a_coroutine_that_takes_too_long_is_cancelled_and_closed():
    class Slow(Coroutines):
        async def reset(self, **arguments):
            try:
                await asyncio.sleep(30)
            finally:
                self.note("cancelled")

    calls = []
    runtime = await start_runtime(EnvironmentType.of(Slow, {"calls": calls}))
    with pytest.raises(TimeExceeded):
        await runtime.reset({}, 0.05)
    await runtime.close()
    assert [what for what, _ in calls] == ["made", "cancelled", "closed"]
    await no_threads()


@blocking
async def test_an_environment_that_fails_to_close_is_logged_without_its_text(base, caplog):
    runtime = await start_runtime(EnvironmentType.of(failing("close", ValueError(CANARY), base), {"calls": []}))
    await runtime.close()
    await no_threads()
    assert (
        "environment 'Failing' was not closed in order: environment 'Failing' failed in close(): ValueError"
        in caplog.text
    )
    assert CANARY not in caplog.text


@blocking
async def test_a_cancelled_caller_stops_waiting_and_leaves_no_thread(base):
    let_go, begun = threading.Event(), threading.Event()

    class Slow(base):
        def reset(self, **arguments):
            begun.set()
            let_go.wait(30)
            return {}

    calls = []
    runtime = await start_runtime(EnvironmentType.of(Slow, {"calls": calls}))
    task = asyncio.create_task(runtime.reset({}))
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(runtime.close(), CLOSE_SECONDS / 2)
    let_go.set()
    await no_threads()
    await until(lambda: [what for what, _ in calls] == ["made", "closed"])


@blocking
async def test_a_close_that_hangs_is_not_waited_for(base, caplog):
    let_go = threading.Event()

    class Clings(base):
        def close(self):
            let_go.wait(30)

    runtime = await start_runtime(EnvironmentType.of(Clings, {"calls": []}))
    await runtime.close(0.05)
    assert "environment 'Clings' was not closed in order: the environment did not answer within 0.05 s" in caplog.text
    let_go.set()
    await no_threads()
