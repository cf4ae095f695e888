"""Threads for environments that block: one for each, or one for all of a class that needs the same."""

import asyncio
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from openenv_tasksets.server.failure import outcome_of, within
from openenv_tasksets.server.turns import my_turn
from openenv_tasksets.server.turnstile import WAKING

Result = TypeVar("Result")
_Answer: TypeAlias = "asyncio.Future[tuple[Any, Exception | None]]"
_Call: TypeAlias = tuple[Callable[[], Any], "_Answer | None"]

QUICK_SECONDS = 0.02
"""Who took less for its last call goes before who took more: a little wait would be more to it."""


class EnvironmentThread:
    """Runs calls in order, from an event loop, on one daemon thread.

    (An executor's threads are joined at interpreter exit: a stuck environment would keep the process alive.)

    Args:
        name: The environment's name, for the thread's.
        shared: Whether it serves all instances of a class, and stays when one of them stops it.
    """

    def __init__(self, name: str, *, shared: bool = False) -> None:
        self._shared = shared
        # Beside a call: whether it came through the turnstile.
        self._calls: queue.SimpleQueue[tuple[_Call, bool] | None] = queue.SimpleQueue()
        self._held: _Call | None = None
        self._handing = threading.Lock()
        self._unanswered = 0
        self._quick = True
        kind = "environments" if shared else "environment"
        threading.Thread(target=self._run, name=f"{kind} {name}", daemon=True).start()

    async def call(self, function: Callable[[], Result], timeout_s: float | None = None) -> Result:
        """Run ``function`` on the thread and give or raise what it does; cancelling leaves it running there.

        What is no ``Exception``, such as that of ``exit()``, is raised as a RuntimeError: it is not the server's.

        Args:
            function: What to run.
            timeout_s: Seconds to wait, > 0; None waits for ever.

        Raises:
            TimeExceeded: No answer in time; it goes on running.
        """
        return await within(self._called(function), timeout_s)

    async def _called(self, function: Callable[[], Result]) -> Result:
        future: _Answer = asyncio.get_running_loop().create_future()
        await my_turn(quick=self._quick)
        self._hand_over((function, future))
        result, error = await future
        await my_turn(quick=self._quick)
        if error is None:
            return cast("Result", result)
        try:
            raise error
        finally:
            del error  # the traceback refers to this frame

    def stop(self, last: Callable[[], Any] | None = None) -> None:
        """End the thread once it is idle, after a last call whose result nobody waits for."""
        if last is not None:
            self._calls.put(((last, None), False))
        if not self._shared:
            self.end()

    def end(self) -> None:
        """End the thread once it is idle, shared or not."""
        self._calls.put(None)

    def _hand_over(self, call: _Call) -> None:
        self._unanswered += 1
        if not self._shared and self._unanswered == 1:
            self._held = call
            WAKING.enter(self._wake, quick=self._quick)
            return
        # One thread however many call it; or one that is awake, and must hold nobody up while it goes on by itself.
        self._put_held(counted=False)
        self._calls.put((call, False))

    def _wake(self) -> bool:
        return self._put_held(counted=True)

    def _put_held(self, *, counted: bool) -> bool:
        """Give the thread the call that it has not got yet, unless nobody waits for that any more."""
        with self._handing:
            call, self._held = self._held, None
            if call is None or (call[1] is not None and call[1].cancelled()):
                return False
            self._calls.put((call, counted))
            return True

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            (function, future), counted = item
            if counted:
                WAKING.picked_up()
            began = time.perf_counter()
            result, error = outcome_of(function)
            self._quick = time.perf_counter() - began < QUICK_SECONDS
            if future is not None:
                try:
                    future.get_loop().call_soon_threadsafe(self._settle, future, result, error)
                except RuntimeError:
                    if not self._shared:
                        return  # The loop is closed: nobody waits any more.
            # What these hold would live until the next call.
            del item, function, future, result, error

    def _settle(self, future: _Answer, result: Any, error: Exception | None) -> None:
        self._unanswered -= 1
        if not future.done():
            future.set_result((result, error))


_shared_threads: "weakref.WeakKeyDictionary[type[Any], EnvironmentThread]" = weakref.WeakKeyDictionary()
_making = threading.Lock()


def shared_thread(environment: type[Any]) -> EnvironmentThread:
    """The one thread of this process on which all instances of a class are made, called and closed."""
    with _making:
        if environment not in _shared_threads:
            thread = _shared_threads[environment] = EnvironmentThread(environment.__name__, shared=True)
            weakref.finalize(environment, thread.end)
        return _shared_threads[environment]
