"""What an environment's exceptions become, and how long it is waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from openenv_tasksets.loaders.errors import EnvironmentFailed, TasksetError, TimeExceeded

Result = TypeVar("Result")


class failures:
    """Turns an exception of the environment into EnvironmentFailed, whose message does not repeat its text.

    Also one that would end the server or its connection: ``exit()``, a cancellation that nobody asked for, a panic of
    Rust's, which is no ``Exception``.

    Args:
        name: The environment's name.
        what: What it did, such as ``failed in step()``.
    """

    __slots__ = ("_name", "_what")

    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, exc: BaseException | None, _traceback: object) -> None:
        if exc is not None:
            self.convert(exc)

    def convert(self, exc: BaseException) -> None:
        """Raise EnvironmentFailed for an exception of the environment's; return for one that stays what it is."""
        if isinstance(exc, TasksetError | KeyboardInterrupt | GeneratorExit):
            return
        if not isinstance(exc, asyncio.CancelledError) or not _cancelled():
            raise self._failed(exc) from exc

    def _failed(self, exc: BaseException) -> EnvironmentFailed:
        return EnvironmentFailed(f"environment {self._name!r} {self._what}: {type(exc).__name__}")


def outcome_of(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Exception | None]:
    """What a call gives, or raises, whatever that is: as the exception that its caller is to see."""
    try:
        return function(*arguments), None
    except Exception as exc:  # noqa: BLE001 - handed to the caller
        return None, exc
    except BaseException as exc:  # noqa: BLE001 - as above
        failed = RuntimeError(type(exc).__name__)
        failed.__cause__ = exc
        return None, failed


async def within(awaitable: Awaitable[Result], timeout_s: float | None) -> Result:
    """Wait for an environment.

    Args:
        awaitable: Its answer.
        timeout_s: Seconds to wait, > 0; None waits for ever.

    Raises:
        TimeExceeded: No answer in time; ``awaitable`` is cancelled.
    """
    if timeout_s is None:
        return await awaitable
    try:
        async with asyncio.timeout(timeout_s) as limit:
            return await awaitable
    except TimeoutError as exc:
        if limit.expired():
            raise too_late(timeout_s) from exc
        raise


def too_late(timeout_s: float) -> TimeExceeded:
    """The error of an environment that has had so many seconds."""
    return TimeExceeded(f"the environment did not answer within {timeout_s:.3g} s")


def _cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # on a thread without an event loop
        return False
    return task is not None and task.cancelling() > 0
