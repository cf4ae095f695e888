"""Calls of an environment that blocks: the same laws on a thread of its own and on any thread of the pool."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref

import pytest
from asking import until

from openenv_tasksets.loaders.errors import TimeExceeded
from openenv_tasksets.server.environment_pool import pooled_environment
from openenv_tasksets.server.environment_thread import EnvironmentThread

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["a thread of its own", "the pool"])
async def make(request):
    made = []

    def make():
        made.append(pooled_environment() if request.param == "the pool" else EnvironmentThread("Quiz"))
        return made[-1]

    yield make
    for each in made:
        each.stop()


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


async def test_a_call_that_takes_too_long_is_given_up_and_the_next_one_waits_for_its_end(make):
    environment, let_go, order = make(), threading.Event(), []
    with pytest.raises(TimeExceeded, match=r"the environment did not answer within 0.05 s"):
        await environment.call(lambda: (let_go.wait(60), order.append("stuck")), 0.05)
    environment.stop(lambda: order.append("last"))
    assert await make().call(lambda: "others go on") == "others go on"
    assert order == []
    let_go.set()
    await until(lambda: order == ["stuck", "last"])


async def test_a_call_that_is_in_time_is_not_given_up(make):
    environment = make()
    assert await environment.call(lambda: "in time", 1) == "in time"
    await asyncio.sleep(1.1)
    assert await environment.call(lambda: "alive", 60) == "alive"


async def test_an_idle_thread_holds_on_to_no_result(make):
    class Big:
        pass

    environment = make()
    big = weakref.ref(await environment.call(Big))

    def gone():
        gc.collect()
        return big() is None

    await until(gone)  # the thread may still be on its way to wait


@pytest.mark.parametrize(
    "made",
    ["environment_pool import pooled_environment as make", "environment_thread import EnvironmentThread as make"],
)
async def test_a_stuck_call_keeps_no_process_alive(made):
    arguments = "" if "pool" in made else "'Quiz'"
    script = f"""
import asyncio, threading
from openenv_tasksets.loaders.errors import TimeExceeded
from openenv_tasksets.server.{made}

async def main():
    try:
        await make({arguments}).call(threading.Event().wait, 0.01)
    except TimeExceeded:
        print("given up")

asyncio.run(main())
"""
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, b"given up\n")
