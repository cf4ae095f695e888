"""A pool of threads: whose calls go in a line, who takes it over, and that nobody waits for a call that lasts."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref

import pytest

from openenv_tasksets.loaders.errors import TimeExceeded
from openenv_tasksets.server import environment_pool
from openenv_tasksets.server.environment_pool import Pool, PooledEnvironment

pytestmark = pytest.mark.anyio


@pytest.fixture
def make():
    """Environments of a pool of their own."""
    pool = Pool()
    return lambda: PooledEnvironment(pool)


async def eventually(holds):
    for _ in range(6000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def test_the_calls_of_a_turn_are_made_in_order_by_one_daemon_thread(make):
    order = []

    def note(number):
        order.append(number)
        return threading.current_thread()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # no thread is taken for one that is kept
    try:
        ran = await asyncio.gather(*(make().call(lambda number=number: note(number)) for number in range(200)))
    finally:
        sys.setswitchinterval(interval)
    assert order == list(range(200))
    assert len(set(ran)) == 1
    assert ran[0].daemon
    assert ran[0] is not threading.current_thread()


async def test_calls_of_one_environment_never_overlap_and_keep_their_order(make):
    environment, inside, order = make(), [], []

    def work(number):
        assert not inside
        inside.append(number)
        threading.Event().wait(0.003)  # long enough for another thread to take over
        order.append(inside.pop())

    await asyncio.gather(*(environment.call(lambda number=number: work(number)) for number in range(20)))
    assert order == list(range(20))


async def test_results_and_exceptions_come_back(make):
    environment = make()
    assert await environment.call(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await environment.call(lambda: 1 // 0)
    assert await environment.call(lambda: None) is None


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration])
async def test_what_would_end_the_caller_is_a_runtime_error(make, kind):
    def leave():
        raise kind

    environment = make()
    with pytest.raises(RuntimeError, match=kind.__name__) as caught:
        await environment.call(leave)
    assert isinstance(caught.value.__cause__, kind)
    assert await environment.call(lambda: "alive") == "alive"


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


async def test_a_call_that_takes_too_long_is_given_up_and_the_next_one_waits_for_its_end(make):
    environment, let_go, order = make(), threading.Event(), []
    with pytest.raises(TimeExceeded, match=r"the environment did not answer within 0.05 s"):
        await environment.call(lambda: (let_go.wait(60), order.append("stuck")), 0.05)
    environment.stop(lambda: order.append("last"))
    assert await make().call(lambda: "others go on") == "others go on"
    assert order == []
    let_go.set()
    await eventually(lambda: order == ["stuck", "last"])


async def test_a_call_that_is_in_time_is_not_given_up(make):
    environment = make()
    assert await environment.call(lambda: "in time", 1) == "in time"
    await asyncio.sleep(1.1)
    assert await environment.call(lambda: "alive", 60) == "alive"


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
        await eventually(lambda: len(told) == 100)
    finally:
        loop.set_exception_handler(None)
    assert told == list(range(100))
    assert [str(each) for each in errors] == ["told"]


async def test_an_idle_thread_holds_on_to_no_result(make):
    class Big:
        pass

    environment = make()
    big = weakref.ref(await environment.call(Big))

    def gone():
        gc.collect()
        return big() is None

    await eventually(gone)  # the thread may still be on its way to wait


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
        return await PooledEnvironment().call(threading.current_thread)

    first, second = asyncio.run(thread()), asyncio.run(thread())
    assert first is not second


async def test_a_thread_that_has_nothing_to_do_ends():
    script = """
import asyncio, threading
from openenv_tasksets.server import environment_pool
environment_pool.IDLE_SECONDS = 0.05

async def main():
    environments = [environment_pool.PooledEnvironment() for _ in range(20)]
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


async def test_a_stuck_call_keeps_no_process_alive():
    script = """
import asyncio, threading
from openenv_tasksets.loaders.errors import TimeExceeded
from openenv_tasksets.server.environment_pool import PooledEnvironment

async def main():
    try:
        await PooledEnvironment().call(threading.Event().wait, 0.01)
    except TimeExceeded:
        print("given up")

asyncio.run(main())
"""
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, b"given up\n")
