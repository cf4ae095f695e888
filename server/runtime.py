"""One environment in process: called on the event loop, or on a thread of its own where it blocks."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from openenv_tasksets.environment import Environment
from openenv_tasksets.loaders.errors import EnvironmentFailed, TasksetError, TimeExceeded
from openenv_tasksets.server.environment_thread import EnvironmentThread
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.outcome import Outcome, fields_of

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

CLOSE_SECONDS = 10.0
"""How long close() may take before the environment is left to itself."""


class Runtime:
    """An environment instance for one session; calls must not overlap.

    Every exception of the environment becomes an ``EnvironmentFailed`` with that exception as its cause and a
    message that does not repeat its text, which may hold a hidden value.
    """

    def __init__(self, kind: EnvironmentType, environment: Environment, thread: EnvironmentThread | None) -> None:
        self._name = kind.name
        self._decode = kind.action.decode
        self._environment = environment
        self._thread = thread
        self._reset = getattr(environment, kind.reset_method)
        self._step = getattr(environment, kind.step_method)
        self._stuck = False

    @classmethod
    async def start(cls, kind: EnvironmentType) -> "Runtime":
        """Make an instance; a blocking environment is made, called and closed on one thread of its own.

        Raises:
            EnvironmentFailed: Its constructor raised.
        """
        thread = kind.thread() if kind.blocking else None
        try:
            with _failures(kind.name, "could not be made"):
                return cls(kind, kind.make() if thread is None else await thread.call(kind.make), thread)
        except BaseException:
            if thread is not None:
                thread.stop()
            raise

    async def reset(self, arguments: Mapping[str, Any], timeout_s: float | None = None) -> Outcome:
        """Begin an episode.

        Args:
            arguments: By name.
            timeout_s: Seconds to wait, > 0; None waits for ever, and so does an environment that is called on the
                event loop without being ``async``.

        Raises:
            EnvironmentFailed: It raised, or returned no observation.
            TimeExceeded: No answer in time; only close() may follow.
        """
        with _failures(self._name, "failed in reset()"):
            return Outcome.of(await self._call(partial(self._reset, **arguments), timeout_s))

    async def step(self, action: Mapping[str, Any], timeout_s: float | None = None) -> Outcome:
        """Take one action.

        Args:
            action: As it came over the wire.
            timeout_s: As in ``reset``.

        Raises:
            PolicyError: The action is not of the environment's action type.
            EnvironmentFailed: It raised, or returned no observation.
            TimeExceeded: No answer in time; only close() may follow.
        """
        decoded = self._decode(action)
        with _failures(self._name, "failed in step()"):
            return Outcome.of(await self._call(partial(self._step, decoded), timeout_s))

    async def state(self) -> dict[str, Any]:
        """The environment's state as a mapping; empty where it has none.

        Raises:
            EnvironmentFailed: Reading it raised.
        """
        with _failures(self._name, "failed in state"):
            state = await self._call(partial(getattr, self._environment, "state", None))
            return {} if state is None else fields_of(state)

    async def close(self, timeout_s: float = CLOSE_SECONDS) -> None:
        """Close the environment; what it raises then is logged and dropped with it.

        One that is stuck in a call is left behind: its thread closes it if it ever answers.

        Args:
            timeout_s: Seconds to wait, > 0.
        """
        if self._stuck and self._thread is not None:
            self._thread.stop(self._environment.close)
            return
        try:
            with _failures(self._name, "failed in close()"):
                await self._call(self._environment.close, timeout_s)
        except (EnvironmentFailed, TimeExceeded) as exc:
            logger.warning("environment %r was not closed in order: %s", self._name, exc)
        if self._thread is not None:
            self._thread.stop()

    async def _call(self, call: Callable[[], Any], timeout_s: float | None = None) -> Any:
        if inspect.iscoroutinefunction(call):
            return await _within(call(), timeout_s)
        if self._thread is None:
            return call()
        try:
            return await _within(self._thread.call(call), timeout_s)
        except (TimeExceeded, asyncio.CancelledError):
            self._stuck = True
            raise


async def _within(awaitable: Awaitable[Result], timeout_s: float | None) -> Result:
    if timeout_s is None:
        return await awaitable
    try:
        async with asyncio.timeout(timeout_s) as limit:
            return await awaitable
    except TimeoutError as exc:
        if limit.expired():
            raise TimeExceeded(f"the environment did not answer within {timeout_s:.3g} s") from exc
        raise


class _failures:
    """Turns an exception of the environment into EnvironmentFailed.

    Also one that would end the server: ``exit()``, or a cancellation that nobody asked for.
    """

    __slots__ = ("_name", "_what")

    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, exc: BaseException | None, _traceback: object) -> None:
        if isinstance(exc, Exception | SystemExit) and not isinstance(exc, TasksetError):
            raise self._failed(exc) from exc
        if isinstance(exc, asyncio.CancelledError) and not _cancelled():
            raise self._failed(exc) from exc

    def _failed(self, exc: BaseException) -> EnvironmentFailed:
        return EnvironmentFailed(f"environment {self._name!r} {self._what}: {type(exc).__name__}")


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
