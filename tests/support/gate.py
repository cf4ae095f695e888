"""A gate: environment code waits at it until the test lets it through."""

import threading

LONGEST_WAIT_S = 60


class Gate:
    """Closed at first."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._reached = threading.Semaphore(0)

    def wait(self) -> None:
        """For environment code: wait until it is open."""
        self._reached.release()
        self._open.wait(LONGEST_WAIT_S)

    def reached(self, timeout_s: float = LONGEST_WAIT_S) -> bool:
        """Whether somebody waits at it, or will within the time; each is counted once."""
        return self._reached.acquire(timeout=timeout_s)

    def open(self) -> None:
        """Let everybody through, from now on."""
        self._open.set()
