"""A thread for one environment."""

import asyncio
import gc
import sys
import threading

import pytest

from openenv_tasksets.server.environment_thread import EnvironmentThread, shared_thread

pytestmark = pytest.mark.anyio


async def test_calls_run_in_order_on_one_daemon_thread():
    thread = EnvironmentThread("Quiz")
    order = []

    def note(number):
        order.append(number)
        return threading.current_thread()

    ran = await asyncio.gather(*(thread.call(lambda number=number: note(number)) for number in range(20)))
    thread.stop()
    assert order == list(range(20))
    assert len(set(ran)) == 1
    assert ran[0].daemon
    assert ran[0].name == "environment Quiz"


async def test_stopping_runs_the_last_call_after_those_before_it():
    thread = EnvironmentThread("Quiz")
    done = threading.Event()
    order = []
    first = asyncio.create_task(thread.call(lambda: order.append("first")))
    await asyncio.sleep(0)
    thread.stop(lambda: (order.append("last"), done.set()))
    await first
    assert await asyncio.to_thread(done.wait, 30)
    assert order == ["first", "last"]


async def test_a_failing_last_call_ends_the_thread_quietly():
    thread = EnvironmentThread("Quiz")
    running = await thread.call(threading.current_thread)
    thread.stop(lambda: 1 // 0)
    await asyncio.to_thread(running.join, 30)
    assert not running.is_alive()


async def test_a_shared_thread_runs_all_instances_of_a_class_and_outlives_each():
    class Fragile:
        pass

    first, second = shared_thread(Fragile), shared_thread(Fragile)
    ran = [await each.call(threading.current_thread) for each in (first, second)]
    closed = []
    first.stop(lambda: closed.append(threading.current_thread()))
    assert await second.call(threading.current_thread) == ran[0] == ran[1] == closed[0]
    # Also another event loop than the first one may use it.
    assert await asyncio.to_thread(asyncio.run, second.call(threading.current_thread)) == ran[0]
    del Fragile, first, second
    gc.collect()
    ran[0].join(60)
    assert not ran[0].is_alive()


async def test_calls_that_last_hold_no_other_up_nor_do_those_that_wait_behind_them():
    let_go = threading.Event()
    stuck = [EnvironmentThread(f"stuck {number}") for number in range(8)]
    order = []
    lasting = [asyncio.create_task(thread.call(lambda: let_go.wait(60))) for thread in stuck]
    await asyncio.sleep(0)
    behind = [asyncio.create_task(thread.call(lambda number=n: order.append(number))) for n, thread in enumerate(stuck)]
    await asyncio.sleep(0)
    for number in range(20):
        other = EnvironmentThread("other")
        assert await asyncio.wait_for(other.call(lambda number=number: number), 60) == number
        other.stop()
    let_go.set()
    assert await asyncio.gather(*lasting) == [True] * 8
    await asyncio.gather(*behind)
    assert sorted(order) == list(range(8))
    for thread in stuck:
        thread.stop()


async def test_a_call_that_is_taken_back_before_its_turn_is_not_made():
    threads, made = [EnvironmentThread("Quiz") for _ in range(4)], []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # no thread picks anything up before the loop waits
    try:
        calls = [asyncio.create_task(thread.call(lambda n=n: made.append(n))) for n, thread in enumerate(threads)]
        asyncio.get_running_loop().call_soon(calls[3].cancel)
        await asyncio.gather(*calls[:3])
    finally:
        sys.setswitchinterval(interval)
    assert sorted(made) == [0, 1, 2]
    assert await threads[3].call(lambda: "alive") == "alive"
    for thread in threads:
        thread.stop()
