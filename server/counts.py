"""What a host has done so far, as plain numbers: counted where it happens, read when somebody asks for the metrics."""

from bisect import bisect_left
from collections import Counter

from openenv_tasksets.server.event_log import tell

BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""Upper bounds of the classes that durations are counted in."""


class Durations:
    """How many calls took how long.

    Attributes:
        classes: Calls by the first of ``BOUNDS_S`` that they did not exceed; the last is beyond all of them.
        seconds: All together.
    """

    __slots__ = ("classes", "seconds")

    def __init__(self) -> None:
        self.classes = [0] * (len(BOUNDS_S) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One call took so long."""
        self.classes[bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds += seconds


class Counts:
    """Belongs to one event loop, but may be read from any thread.

    Args:
        environment: The id of the environment that is counted for.

    Attributes:
        environment: As given.
        opened: Sessions.
        resets: Resets that were answered with an observation.
        steps: Steps that were.
        finished: Episodes that came to their end, be it a limit.
        errors: Errors that clients were told, by code.
        at_hand: Rows of resets that could be had at once.
        fetched: Rows of resets that had to be waited for.
    """

    __slots__ = ("at_hand", "environment", "errors", "fetched", "finished", "opened", "resets", "steps")

    def __init__(self, environment: str = "") -> None:
        self.environment = environment
        self.opened = 0
        self.resets = Durations()
        self.steps = Durations()
        self.finished = 0
        self.errors: Counter[str] = Counter()
        self.at_hand = 0
        self.fetched = 0

    def error(self, kind: str, session_id: str | None = None, error_id: str | None = None) -> None:
        """A client is told of an error.

        Args:
            kind: Its code.
            session_id: Whose it is, if anybody's.
            error_id: Under which the log has more of it, if it has.
        """
        self.errors[kind] += 1
        tell("error", environment=self.environment, session_id=session_id, code=kind, error_id=error_id)
