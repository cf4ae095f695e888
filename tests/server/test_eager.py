"""Coroutines that run at once as far as they can."""

import asyncio

import pytest

from openenv_tasksets.server.eager import run_eagerly

pytestmark = pytest.mark.anyio


def never(_coroutine):
    raise AssertionError("there was nothing to wait for")


async def twice(number):
    return 2 * await once(number)


async def once(number):
    return number


async def test_what_does_not_wait_is_done_at_once():
    assert run_eagerly(twice(3), never) == 6


async def test_what_it_raises_is_raised_at_once():
    async def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_eagerly(fail(), never)


async def test_what_waits_becomes_a_task_that_goes_on_where_it_was():
    seen = []

    async def wait():
        seen.append("before")
        seen.append(await asyncio.to_thread(lambda: "between"))
        await asyncio.sleep(0)
        return await twice(3)

    task = run_eagerly(wait(), asyncio.create_task)
    assert (seen, isinstance(task, asyncio.Task)) == (["before"], True)
    assert (await task, seen) == (6, ["before", "between"])


async def test_an_exception_that_is_waited_for_arrives():
    future = asyncio.get_running_loop().create_future()

    async def wait():
        try:
            await future
        except KeyError:
            return "caught"

    task = run_eagerly(wait(), asyncio.create_task)
    future.set_exception(KeyError())
    assert await task == "caught"


@pytest.mark.parametrize("begun", [True, False])
async def test_a_cancelled_task_ends_its_coroutine(begun):
    lock = asyncio.Lock()

    async def wait():
        async with lock:
            await asyncio.sleep(30)

    task = run_eagerly(wait(), asyncio.create_task)
    assert lock.locked()
    if begun:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lock.locked()
