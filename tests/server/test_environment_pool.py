"""A pool of threads: whose calls go in a line, who takes it over, and that nobody waits for a call that lasts."""

import asyncio
import subprocess
import sys
import threading

import pytest

from openenv_tasksets.server import environment_pool
from openenv_tasksets.server.environment_pool import Pool, pooled_environment
from openenv_tasksets.server.pooled_environment import PooledEnvironment

pytestmark = pytest.mark.anyio


@pytest.fixture
def make():
    """Environments of a pool of their own."""
    pool = Pool()
    return lambda: PooledEnvironment(pool)


async def test_the_calls_of_a_turn_are_made_in_order_by_one_daemon_thread():
    pool, order = Pool(patience_seconds=60), []

    def note(number):
        order.append(number)
        return threading.current_thread()

    calls = (PooledEnvironment(pool).call(lambda number=number: note(number)) for number in range(200))
    ran = await asyncio.gather(*calls)
    assert order == list(range(200))
    assert len(set(ran)) == 1
    assert ran[0].daemon
    assert ran[0] is not threading.current_thread()


async def test_calls_that_last_keep_nobody_however_many_there_are(make):
    """They meet where all of them have to be at once; what came before the first that lasts is answered too."""
    meeting = threading.Barrier(101, timeout=60)
    before = asyncio.create_task(make().call(lambda: "before"))
    lasting = [asyncio.create_task(make().call(meeting.wait)) for _ in range(100)]
    quick = [asyncio.create_task(make().call(lambda number=number: number)) for number in range(100)]
    assert await asyncio.wait_for(before, 30) == "before"
    assert await asyncio.wait_for(asyncio.gather(*quick), 30) == list(range(100))
    await asyncio.to_thread(meeting.wait)
    assert sorted(await asyncio.gather(*lasting)) != []


async def test_an_environment_whose_calls_last_stands_in_no_line_until_they_are_short_again(make):
    slow, pause = make(), threading.Event()
    lasts = asyncio.create_task(slow.call(lambda: pause.wait(60)))
    await asyncio.sleep(0)
    assert await make().call(lambda: "past it") == "past it"
    pause.set()
    assert await lasts
    assert slow.caution == environment_pool.CAUTION
    for _ in range(200):
        await slow.call(lambda: None)
        if not slow.caution:
            break
    assert slow.caution == 0


async def test_where_no_thread_can_be_had_the_callers_are_told(make):
    environments = [make() for _ in range(5)]
    before = threading.stack_size(2**46)  # more than there is room for
    try:
        ended = await asyncio.gather(*(each.call(lambda: 1) for each in environments), return_exceptions=True)
    finally:
        threading.stack_size(before)
    assert [type(each) for each in ended] == [RuntimeError] * 5
    assert await asyncio.gather(*(each.call(lambda: 1) for each in environments)) == [1] * 5


def test_each_loop_has_threads_of_its_own_that_outlive_it_only_for_a_while():
    async def thread():
        return await pooled_environment().call(threading.current_thread)

    first, second = asyncio.run(thread()), asyncio.run(thread())
    assert first is not second


async def test_a_thread_that_has_nothing_to_do_ends():
    script = """
import asyncio, threading
from openenv_tasksets.server import environment_pool
environment_pool.IDLE_SECONDS = 0.05

async def main():
    environments = [environment_pool.pooled_environment() for _ in range(20)]
    alive = []
    meeting = threading.Barrier(20, lambda: alive.append(threading.active_count()))
    await asyncio.gather(*(each.call(lambda: meeting.wait(60)) for each in environments))
    while threading.active_count() > 1:
        await asyncio.sleep(0.01)
    print(alive[0] > 20, await environments[0].call(lambda: "alive"))

asyncio.run(main())
"""
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], capture_output=True, timeout=120)
    assert ended.stdout.split() == [b"True", b"alive"]
