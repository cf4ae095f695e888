"""A thread for one environment that blocks."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

Result = TypeVar("Result")
_Answer: TypeAlias = "asyncio.Future[tuple[Any, BaseException | None]]"


class EnvironmentThread:
    """Runs calls in order, from an event loop, on one daemon thread.

    (An executor's threads are joined at interpreter exit: a stuck environment would keep the process alive.)

    Args:
        name: The environment's name, for the thread's.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], _Answer | None] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, name=f"environment {name}", daemon=True).start()

    async def call(self, function: Callable[[], Result]) -> Result:
        """Run ``function`` on the thread and give or raise what it does; cancelling leaves it running there.

        What is no ``Exception``, such as that of ``exit()``, is raised as a RuntimeError: it is not the server's.
        """
        future: _Answer = self._loop.create_future()
        self._calls.put((function, future))
        result, error = await future
        if error is None:
            return cast("Result", result)
        try:
            raise error if isinstance(error, Exception) else RuntimeError(type(error).__name__) from error
        finally:
            del error  # the traceback refers to this frame

    def stop(self, last: Callable[[], Any] | None = None) -> None:
        """End the thread once it is idle, after a last call whose result nobody waits for."""
        if last is not None:
            self._calls.put((last, None))
        self._calls.put(None)

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            function, future = item
            result, error = _outcome(function)
            if future is not None:
                try:
                    self._loop.call_soon_threadsafe(_settle, future, result, error)
                except RuntimeError:
                    return  # The loop is closed: nobody waits any more.
            # What these hold would live until the next call.
            del item, function, future, result, error


def _outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return function(), None
    except BaseException as exc:  # noqa: BLE001 - handed to the caller, whatever it is
        return None, exc


def _settle(future: _Answer, result: Any, error: BaseException | None) -> None:
    if not future.done():
        future.set_result((result, error))
