"""Runs a coroutine at once, as far as it goes without waiting; Python has eager tasks only from 3.12 on."""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_eagerly(
    coroutine: Coroutine[Any, Any, Result], run: Callable[[Coroutine[Any, Any, Result]], asyncio.Task[Result]]
) -> Result | asyncio.Task[Result]:
    """The coroutine's result, or a task for the rest of it.

    What runs before the first wait runs outside of any task, where ``asyncio.timeout`` and its like do not work.

    Args:
        coroutine: What to run.
        run: Makes the task.
    """
    try:
        waited_for = coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    task = run(_rest(coroutine, waited_for))
    # One that is cancelled before its first turn never came to the coroutine.
    task.add_done_callback(lambda _task: coroutine.close())
    return task


async def _rest(coroutine: Coroutine[Any, Any, Result], waited_for: Any) -> Result:
    return await _driven(coroutine, waited_for)


@types.coroutine
def _driven(coroutine: Coroutine[Any, Any, Result], waited_for: Any) -> Generator[Any, Any, Result]:
    try:
        while True:
            try:
                sent = yield waited_for
            except BaseException as exc:  # noqa: BLE001 - the coroutine's to handle, a cancellation above all
                waited_for = coroutine.throw(exc)
            else:
                waited_for = coroutine.send(sent)
    except StopIteration as done:
        result: Result = done.value
        return result
