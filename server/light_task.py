"""Less than a task: drives a coroutine that needs none, and takes its result on without another turn of the loop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from openenv_tasksets.server.eager import rest_of

Result = TypeVar("Result")


class LightTask(Generic[Result]):
    """A coroutine on its way. It has no current task, so ``asyncio.timeout`` and its like do not work in it.

    Args:
        coroutine: It awaits futures alone, and raises nothing unless it is cancelled.
        then: Is given its result.
    """

    __slots__ = ("_coroutine", "_then", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, Result], then: Callable[[Result], None]) -> None:
        self._coroutine = coroutine
        self._then = then
        self._waits_for: asyncio.Future[Any] | None = None

    def start(self) -> None:
        """Run it as far as it goes without waiting."""
        self._go_on(None)

    def cancel(self, run: Callable[[Coroutine[Any, Any, Result]], asyncio.Task[Result]]) -> asyncio.Task[Result]:
        """Cancel it where it waits, as the task that this makes of the rest of it; its result goes nowhere else.

        Args:
            run: Makes the task.
        """
        waits_for = self._waits_for
        if waits_for is not None:
            waits_for.remove_done_callback(self._go_on)
        task = run(rest_of(self._coroutine, waits_for))
        # Once it has come to the coroutine.
        asyncio.get_running_loop().call_soon(task.cancel)
        return task

    def _go_on(self, _waited_for: object) -> None:
        try:
            waits_for = self._coroutine.send(None)
        except StopIteration as done:
            result: Result = done.value
        else:
            self._waits_for = waits_for
            waits_for.add_done_callback(self._go_on)
            return
        self._then(result)
