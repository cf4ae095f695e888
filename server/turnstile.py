"""How many threads of environments are woken at once: one that waits for the interpreter holds up all others.

Only one thread at a time runs Python. Where hundreds are runnable, the event loop is one of hundreds each time that it
has waited for anything, and answers nobody. So a call is handed to its thread when the calls before it are picked up.
"""

from collections import deque
from collections.abc import Callable

from openenv_tasksets.server.waiting_line import WaitingLine

MOST_WAKING = 2


class Turnstile:
    """Lets calls through, as many at a time as are not picked up yet. Thread-safe, without a lock.

    Args:
        most: How many may be let through and not picked up, >= 1.
    """

    def __init__(self, most: int = MOST_WAKING) -> None:
        self._free = deque([None] * most)
        self._waiting: WaitingLine[Callable[[], bool]] = WaitingLine()

    def enter(self, wake: Callable[[], bool], *, quick: bool = True) -> None:
        """Wake a thread when it is its turn.

        Args:
            wake: Wakes it, so that it calls ``picked_up``; or gives False where there is no need any more.
            quick: As in ``WaitingLine``.
        """
        self._waiting.append(wake, quick=quick)
        self._let_through()

    def picked_up(self) -> None:
        """A thread that was woken is running."""
        self._free.append(None)
        self._let_through()

    def _let_through(self) -> None:
        # Whoever adds something looks afterwards whether the other is there, so that nobody is left waiting.
        while self._waiting:
            try:
                self._free.pop()
            except IndexError:
                return
            try:
                woken = self._waiting.pop()()
            except IndexError:
                woken = False
            if not woken:
                self._free.append(None)


WAKING = Turnstile()
"""That of this process: all its threads compete for one interpreter."""
