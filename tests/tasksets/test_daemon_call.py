"""Blocking calls beside the event loop."""

import asyncio
import threading

import pytest

from openenv_tasksets.daemon_call import daemon_call


def test_a_call_runs_on_a_daemon_thread_while_the_loop_goes_on() -> None:
    async def scenario() -> tuple[bool, bool]:
        gate = threading.Event()

        def call() -> bool:
            gate.wait(60)
            return threading.current_thread().daemon

        pending = asyncio.create_task(daemon_call(call))
        await asyncio.sleep(0.01)
        waiting = not pending.done()
        gate.set()
        return waiting, await pending

    assert asyncio.run(scenario()) == (True, True)


def test_what_a_call_raises_is_raised() -> None:
    def call() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        asyncio.run(daemon_call(call))


def test_a_cancelled_call_does_not_keep_the_loop_from_ending() -> None:
    gate = threading.Event()

    async def scenario() -> None:
        async with asyncio.timeout(0.01):
            await daemon_call(lambda: gate.wait(30))

    with pytest.raises(TimeoutError):
        asyncio.run(scenario())
    gate.set()
