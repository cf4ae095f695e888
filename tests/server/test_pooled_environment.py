"""Calls of an environment of the pool: who is told what they came to, and who takes one back."""

import asyncio
import threading

import pytest

from openenv_tasksets.server.environment_pool import Pool
from openenv_tasksets.server.pooled_environment import PooledEnvironment

pytestmark = pytest.mark.anyio


@pytest.fixture
def make():
    """Environments of a pool of their own, in which no call is ever taken for one that keeps the others."""
    pool = Pool(patience_seconds=60)
    return lambda: PooledEnvironment(pool)


async def test_a_call_that_is_taken_back_before_its_turn_is_not_made(make):
    environment, let_go, made = make(), threading.Event(), []
    first = asyncio.create_task(environment.call(lambda: let_go.wait(60)))
    second = asyncio.create_task(environment.call(lambda: made.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    let_go.set()
    assert await first
    assert await environment.call(lambda: "alive") == "alive"
    assert made == []


async def test_who_is_told_and_raises_keeps_nobody_from_being_told(make):
    told, errors = [], []

    def fail(_result, _error):
        raise ValueError("told")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: errors.append(context["exception"]))
    try:
        make().call_soon(lambda _: 1, None, fail)
        for number in range(100):
            make().call_soon(lambda argument: argument, number, lambda result, _error: told.append(result))
        while len(told) < 100:
            await asyncio.sleep(0.001)
    finally:
        loop.set_exception_handler(None)
    assert told == list(range(100))
    assert [str(each) for each in errors] == ["told"]
