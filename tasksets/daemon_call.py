"""A blocking call beside the event loop, on a thread that never keeps the process alive."""

from collections.abc import Callable
from typing import TypeVar

from openenv_tasksets.server.environment_thread import EnvironmentThread

Result = TypeVar("Result")


async def daemon_call(call: Callable[[], Result]) -> Result:
    """Run ``call`` on a thread of its own and give or raise what it does.

    Cancelling leaves the call running and drops its result.
    """
    thread = EnvironmentThread("call")
    try:
        return await thread.call(call)
    finally:
        thread.stop()
