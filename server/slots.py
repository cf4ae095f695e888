"""Room for so many sessions, and a fair, bounded line of those who wait for it."""

import asyncio
from collections.abc import Callable

from openenv_tasksets.loaders.errors import TasksetError


class CapacityReached(TasksetError):
    """Every session is taken.

    Attributes:
        active_sessions: How many there are.
        max_sessions: How many there may be.
    """

    def __init__(self, active_sessions: int, max_sessions: int) -> None:
        super().__init__(
            f"Server at capacity: {active_sessions}/{max_sessions} sessions active. Cannot accept new connections."
        )
        self.active_sessions = active_sessions
        self.max_sessions = max_sessions


class Slots:
    """Slots to take and give back. A freed one goes to whoever waits longest. Belongs to one event loop.

    Args:
        limit: How many there are, >= 1.
        line_limit: How many may wait, >= 0.
        line_seconds: For how long one may wait, >= 0.

    Attributes:
        limit: As given, or as narrowed since.
        taken: How many are taken.
        freeing: How many of these are about to be free: so many may wait for them, whatever the line's limit.
        refused: How often none was to be had, at once or after waiting.
    """

    def __init__(self, limit: int, *, line_limit: int = 0, line_seconds: float = 0.0) -> None:
        self.limit = limit
        self.taken = 0
        self.freeing = 0
        self.refused = 0
        self._line_limit = line_limit
        self._line_seconds = line_seconds
        self._line: dict[asyncio.Future[None], None] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    @property
    def full(self) -> bool:
        """Whether whoever comes now has to wait, or is refused."""
        return self.taken >= self.limit

    @property
    def line_full(self) -> bool:
        """Whether whoever would have to wait is refused."""
        return len(self._line) >= self._line_limit + self.freeing

    async def take(self) -> None:
        """Take a slot, waiting in line where there is none; one that is cancelled leaves the line.

        Raises:
            CapacityReached: The line is full, or the wait was too long.
            TasksetError: What ``dissolve`` was given.
        """
        if not self.full:
            self.taken += 1
            return
        if self.line_full:
            raise self._refusal()
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._line[turn] = None
        alarm = loop.call_later(self._line_seconds, self._turn_away, turn)
        try:
            await turn
        except (asyncio.CancelledError, GeneratorExit):
            # Its turn may have come at the same moment.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back()
            raise
        finally:
            alarm.cancel()
            self._line.pop(turn, None)

    def narrow(self, limit: int) -> None:
        """Have at most ``limit`` slots from now on, >= 1; those that are taken beyond it are not handed on."""
        self.limit = min(self.limit, limit)

    def give_back(self) -> None:
        """Free a slot, or hand it to the first in line."""
        if self.taken > self.limit:
            self.taken -= 1
            return
        while self._line:
            turn = next(iter(self._line))
            del self._line[turn]
            if not turn.done():
                turn.set_result(None)
                return
        self.taken -= 1

    def dissolve(self, reason: Callable[[], TasksetError]) -> None:
        """Tell everybody in line why there will be no slot."""
        for turn in list(self._line):
            if not turn.done():
                turn.set_exception(reason())

    def _turn_away(self, turn: "asyncio.Future[None]") -> None:
        if not turn.done():
            turn.set_exception(self._refusal())

    def _refusal(self) -> CapacityReached:
        self.refused += 1
        return CapacityReached(self.taken, self.limit)
