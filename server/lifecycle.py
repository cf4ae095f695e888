"""An episode's life as a pure state machine: RESET_NEEDED -> RUNNING -> DONE.

No clock, no environment and no wire: what happened and when comes in as arguments.
"""

import enum

from openenv_tasksets.declaration import Limits
from openenv_tasksets.loaders.errors import ResetNeeded


class Phase(enum.Enum):
    """Where an episode stands."""

    RESET_NEEDED = "reset needed"
    RUNNING = "running"
    DONE = "done"


# The class's attribute costs as much as a call.
_RUNNING = Phase.RUNNING


class Lifecycle:
    """Which calls are allowed when, and which limit ended an episode.

    Args:
        limits: ``max_steps`` (>= 1) and ``episode_seconds`` (> 0); None is no limit.
    """

    __slots__ = ("_deadline", "_limits", "phase", "steps")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.phase = Phase.RESET_NEEDED
        self.steps = 0
        self._deadline: float | None = None

    def began(self, now: float, *, done: bool) -> None:
        """A reset succeeded at ``now`` (seconds on any monotonic clock)."""
        self.phase = Phase.DONE if done else Phase.RUNNING
        self.steps = 0
        seconds = self._limits.episode_seconds
        self._deadline = None if seconds is None else now + seconds

    def check_step(self) -> None:
        """Refuse a step that belongs to no running episode.

        Raises:
            ResetNeeded: Before the first reset, or after the episode ended.
        """
        phase = self.phase
        if phase is _RUNNING:
            return
        if phase is Phase.DONE:
            raise ResetNeeded("the episode is done; call reset() for the next one before step()")
        raise ResetNeeded("no episode is running; call reset() before step()")

    def seconds_left(self, now: float) -> float | None:
        """Until the episode's time is over, at least 0; None without a limit."""
        return None if self._deadline is None else max(0.0, self._deadline - now)

    def stepped(self, now: float, *, done: bool) -> str | None:
        """A step of the running episode was answered at ``now``; the limit that ended it, if one did."""
        self.steps += 1
        if done:
            self.phase = Phase.DONE
            return None
        limit = self._limit_hit(now)
        if limit is not None:
            self.phase = Phase.DONE
        return limit

    def lost(self) -> None:
        """The environment is gone or its reset failed: nothing but a reset may follow."""
        self.phase = Phase.RESET_NEEDED
        self.steps = 0
        self._deadline = None

    def _limit_hit(self, now: float) -> str | None:
        if self._limits.max_steps is not None and self.steps >= self._limits.max_steps:
            return "max_steps"
        if self._deadline is not None and now >= self._deadline:
            return "episode_seconds"
        return None
