"""How many requests one session may make in a second."""

import time
from collections.abc import Callable

from openenv_tasksets.loaders.errors import TasksetError


class RateExceeded(TasksetError):
    """A session asks more often than it may; what it asked is not done.

    Attributes:
        wait_seconds: Until it may ask again, > 0.
    """

    def __init__(self, per_second: float, wait_seconds: float) -> None:
        super().__init__(
            f"this session may make {per_second:g} requests a second; wait {wait_seconds:.2g} s and ask again"
        )
        self.wait_seconds = wait_seconds


class RateLimit:
    """Requests at a steady rate, or a second's worth of them at once.

    Args:
        per_second: > 0.
        clock: Seconds on a monotonic clock.
    """

    __slots__ = ("_clock", "_due", "_slack", "per_second")

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self._clock = clock
        self._slack = max(0.0, 1.0 - 1.0 / per_second)
        self._due = -1.0

    def take(self) -> None:
        """One request more.

        Raises:
            RateExceeded: It is one too many.
        """
        now = self._clock()
        due = max(self._due, now)
        wait = due - now - self._slack
        if wait > 1e-9:
            raise RateExceeded(self.per_second, wait)
        self._due = due + 1.0 / self.per_second
