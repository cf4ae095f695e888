"""An event loop on a thread of its own, for callers that do not await."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from openenv_tasksets.loaders.errors import ResetNeeded

Result = TypeVar("Result")


class LoopThread:
    """Runs coroutines for whoever calls. Thread-safe; the thread does not keep the process alive.

    Args:
        name: The thread's.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether ``stop`` was not called yet."""
        return self._thread.is_alive()

    def call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end, and give or raise what it does.

        Raises:
            ResetNeeded: The thread was stopped.
        """
        if not self.is_running:
            coroutine.close()
            raise ResetNeeded("this client is closed; make another one")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        """End the thread, once what it runs at the moment has come to a wait; a second call does nothing."""
        if self.is_running:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_forever()
