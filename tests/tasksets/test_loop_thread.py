"""An event loop on a thread: results and errors come back, and it ends when it is told to."""

import asyncio
import threading

import pytest

from openenv_tasksets.loaders.errors import ResetNeeded
from openenv_tasksets.loop_thread import LoopThread


async def thread_name():
    await asyncio.sleep(0)
    return threading.current_thread().name


async def fail():
    raise LookupError("nothing")


def test_coroutines_run_there_until_it_is_stopped():
    thread = LoopThread("of the test")
    assert thread.call(thread_name()) == "of the test"
    with pytest.raises(LookupError, match="nothing"):
        thread.call(fail())
    thread.stop()
    thread.stop()
    assert not thread.is_running
    with pytest.raises(ResetNeeded, match="closed"):
        thread.call(thread_name())
    assert "of the test" not in {each.name for each in threading.enumerate()}
