"""An environment's exceptions, told by their type alone; and an environment that takes too long."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, RowRefused, TimeExceeded
from openenv_tasksets.server.failure import failures, within

pytestmark = pytest.mark.anyio
CANARY = "c4n4ry"


class Panic(BaseException):
    """As those of libraries in Rust."""


def fail(exc):
    with failures("quiz", "failed in step()"):
        raise exc


@pytest.mark.parametrize(
    "exc",
    [
        ValueError(CANARY),
        KeyError(CANARY),
        SystemExit(CANARY),
        ExceptionGroup(CANARY, [ValueError(CANARY)]),
        Panic(CANARY),
    ],
)
def test_whatever_it_raises_is_told_by_its_type_and_kept_as_the_cause(exc):
    with pytest.raises(EnvironmentFailed) as caught:
        fail(exc)
    assert str(caught.value) == f"environment 'quiz' failed in step(): {type(exc).__name__}"
    assert caught.value.__cause__ is exc


@pytest.mark.parametrize("exc", [PolicyError("no such action"), RowRefused("no such level"), KeyboardInterrupt()])
def test_what_is_meant_to_be_told_and_ctrl_c_stay_as_they_are(exc):
    with pytest.raises(type(exc)) as caught:
        fail(exc)
    assert caught.value is exc


def test_without_an_exception_nothing_happens():
    with failures("quiz", "failed"):
        pass


async def test_a_cancellation_that_nobody_asked_for_is_a_failure():
    with pytest.raises(EnvironmentFailed, match="CancelledError"):
        fail(asyncio.CancelledError())
    with ThreadPoolExecutor(1) as thread, pytest.raises(EnvironmentFailed, match="CancelledError"):
        thread.submit(fail, asyncio.CancelledError()).result()


async def test_one_that_was_asked_for_goes_on():
    async def step():
        with failures("quiz", "failed in step()"):
            await asyncio.Event().wait()

    task = asyncio.create_task(step())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_in_time_is_the_answer():
    for timeout_s in (None, 60):
        assert await within(asyncio.sleep(0, "seen"), timeout_s) == "seen"


async def test_one_that_does_not_come_is_given_up_and_cancelled():
    cancelled = []

    async def stuck():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(TimeExceeded, match=r"the environment did not answer within 0.01 s"):
        await within(stuck(), 0.01)
    assert cancelled == [True]


async def test_a_timeout_of_the_environments_own_is_its_own():
    async def step():
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own") as caught:
        await within(step(), 60)
    assert not isinstance(caught.value, TimeExceeded)
