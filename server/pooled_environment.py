"""An environment that does not mind which thread calls it: its calls, one after the other, and who is told of each."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from openenv_tasksets.server.failure import too_late

Result = TypeVar("Result")

Then = Callable[[Any, Exception | None], None]
"""Is given what a call returned, or else what it raised. Raises nothing itself."""


class PooledCall:
    """A call of an environment, and what it came to.

    Attributes:
        environment: Whose.
        function: What is called.
        argument: What it is called with.
        then: Told, on the loop, what it came to; None where nobody waits for it any more.
        result: What it returned.
        error: What it raised.
        timer: Ends the wait for it.
    """

    __slots__ = ("argument", "environment", "error", "function", "result", "then", "timer")

    def __init__(
        self, environment: "PooledEnvironment", function: Callable[[Any], Any], argument: Any, then: Then | None
    ) -> None:
        self.environment = environment
        self.function = function
        self.argument = argument
        self.then = then
        self.result: Any = None
        self.error: Exception | None = None
        self.timer: asyncio.TimerHandle | None = None

    def answer(self) -> None:
        """It is made, or given up: tell who waits for it."""
        then, self.then = self.then, None
        if self.timer is not None:
            self.timer.cancel()
        if then is not None:
            then(self.result, self.error)

    def drop(self) -> None:
        """Nobody waits for it any more. It goes on where it is being made, and is not made where it is not."""
        self.then = None
        if self.timer is not None:
            self.timer.cancel()

    def expire(self, seconds: float) -> None:
        """It has had so many seconds."""
        then, self.then = self.then, None
        if then is not None:
            then(None, too_late(seconds))


class Threads(Protocol):
    """What makes calls."""

    def add(self, call: PooledCall) -> None:
        """Have a call made, while no other of its environment is."""
        ...


class PooledEnvironment:
    """Runs one environment's calls in order, from an event loop, on whatever thread of a pool.

    Args:
        pool: The threads.

    Attributes:
        loop: The running loop.
        behind: Calls that wait for the one before them.
        busy: Whether there is a call that is not made yet.
        caution: How many of its next calls are not to stand in the line.
    """

    __slots__ = ("_pool", "behind", "busy", "caution", "loop")

    def __init__(self, pool: Threads) -> None:
        self.loop = asyncio.get_running_loop()
        self._pool = pool
        self.behind: deque[PooledCall] = deque()
        self.busy = False
        self.caution = 0

    async def call(self, function: Callable[[], Result], timeout_s: float | None = None) -> Result:
        """Run ``function`` on a thread and give or raise what it does; as ``EnvironmentThread.call``."""
        future: asyncio.Future[tuple[Any, Exception | None]] = self.loop.create_future()

        def then(result: Any, error: Exception | None) -> None:
            if not future.done():
                future.set_result((result, error))

        call = self.call_soon(_called, function, then, timeout_s)
        try:
            result, error = await future
        finally:
            call.drop()
        if error is None:
            return cast("Result", result)
        try:
            raise error
        finally:
            del error  # the traceback refers to this frame

    def call_soon(
        self, function: Callable[[Any], Any], argument: Any, then: Then, timeout_s: float | None = None
    ) -> PooledCall:
        """As ``call``, for who is told instead of waiting.

        Args:
            function: What to run.
            argument: What with.
            then: Told what it came to.
            timeout_s: Seconds until it is told of a TimeExceeded, > 0; None is never.
        """
        call = PooledCall(self, function, argument, then)
        if timeout_s is not None:
            call.timer = self.loop.call_later(timeout_s, call.expire, timeout_s)
        self._add(call)
        return call

    def stop(self, last: Callable[[], Any] | None = None) -> None:
        """Make a last call, which nobody waits for, after those before it."""
        if last is not None:
            self._add(PooledCall(self, _called, last, _nobody))

    def _add(self, call: PooledCall) -> None:
        if self.busy:
            self.behind.append(call)
        else:
            self.busy = True
            self._pool.add(call)


def _called(function: Callable[[], Result]) -> Result:
    return function()


def _nobody(_result: Any, _error: Exception | None) -> None:
    return
