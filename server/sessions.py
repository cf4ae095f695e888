"""The sessions of one host: found by id, up to a number, and ended when nobody uses them any more."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.session import Session, SessionEnded
from openenv_tasksets.server.slots import Slots

logger = logging.getLogger(__name__)

SOONEST_LOOK_S = 0.01
DRAIN_LOOK_S = 0.1
COME_BACK_S = 1.0
"""For how long a kept session waits for its client before it gives its slot to one that stands in line."""
_STOPPING = "the server is stopping"
_MADE_ROOM = "it made room for another session"

Result = TypeVar("Result")


class ServerStopping(TasksetError):
    """The server begins nothing more."""

    def __init__(self) -> None:
        super().__init__("the server is stopping: no session and no episode is begun any more; connect to another")


Tell = Callable[[str], None]
"""Told, once, why the session that one serves is over."""


@dataclass(slots=True)
class _Place:
    """A session, and who has it."""

    session: Session
    kept: bool
    holder: Tell | None = None
    leaving: asyncio.TimerHandle | None = None


class Sessions:
    """A session takes a slot from before its environment is made until that is closed. Belongs to one event loop.

    One opened with ``kept`` outlives every connection, until it is idle for too long; any other is over when its
    connection is, or ``grace_seconds`` after a connection that broke. A kept session that nobody came back to gives
    its slot to a new one where there is no other: OpenEnv's clients reset over HTTP without ever coming back. One
    that is being reset yet does not, since its client is still there.

    Args:
        slots: Room for them.
        idle_seconds: A session unused for so long is ended, > 0; None never ends one.
        grace_seconds: For how long one whose connection broke may be taken up again, >= 0.
        clock: That of the sessions.

    Attributes:
        slots: As given.
        stopping: Whether no session and no episode may begin any more.
    """

    def __init__(
        self,
        slots: Slots,
        *,
        idle_seconds: float | None = None,
        grace_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slots = slots
        self.stopping = False
        self._idle_seconds = idle_seconds
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._places: dict[str, _Place] = {}
        # A plain dict whose first key is always the one that goes is searched from its start, past all that went.
        self._unclaimed: OrderedDict[str, None] = OrderedDict()
        self._looking: asyncio.TimerHandle | None = None
        self._sparing: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def taken(self) -> int:
        """How many slots are taken."""
        return self.slots.taken

    @property
    def has_room(self) -> bool:
        """Whether one more would not have to wait for a slot."""
        return not self.slots.full or self._spare_for_newcomer() is not None

    async def open(
        self, make: Callable[[], Awaitable[Session]], *, kept: bool = False, holder: Tell | None = None
    ) -> Session:
        """Take a slot, waiting for it if need be, and make a session for it.

        Args:
            make: Makes the session.
            kept: Whether it outlives its connection.
            holder: Told when the session is ended by the server.

        Raises:
            CapacityReached: No slot is free, or not in time.
            ServerStopping: The server is stopping.
            EnvironmentFailed: The environment's constructor raised.
        """
        while self.slots.full and (spare := self._spare_for_newcomer()) is not None:
            await self.release(spare, _MADE_ROOM)
        if self.stopping:
            raise ServerStopping
        if self.slots.full:
            self._spare_later()
        await self.slots.take()
        try:
            session = await make()
        except BaseException:
            self.slots.give_back()
            raise
        self._places[session.id] = _Place(session, kept, holder)
        if kept:
            self._unclaimed[session.id] = None
        self._look_later()
        return session

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._places if isinstance(session_id, str) else False

    def find(self, session_id: str) -> Session:
        """The session, which has been come back to from now on.

        Raises:
            SessionEnded: There is none of this id.
        """
        return self._place(session_id).session

    def attach(self, session_id: str, holder: Tell) -> Session:
        """Take a session up on a connection, which is the only one that it has.

        Raises:
            SessionEnded: There is none of this id, or it has a connection.
        """
        place = self._place(session_id)
        if place.holder is not None:
            raise SessionEnded(f"Session {session_id} has a connection already")
        if place.leaving is not None:
            place.leaving.cancel()
            place.leaving = None
        place.holder = holder
        return place.session

    def outlives(self, session: Session, *, broke: bool) -> bool:
        """Whether the session goes on without its connection.

        Args:
            session: The session.
            broke: Whether the connection ended without a word.
        """
        place = self._places.get(session.id)
        return place is not None and (place.kept or (broke and self._grace_seconds > 0))

    async def leave(self, session: Session, *, broke: bool) -> None:
        """A connection is over, and its session too unless it ``outlives`` it."""
        place = self._places.get(session.id)
        if place is None:
            return
        if not self.outlives(session, broke=broke):
            await self.release(session)
            return
        place.holder = None
        if not place.kept:
            place.leaving = asyncio.get_running_loop().call_later(self._grace_seconds, self._expire, session)

    async def dismiss(self, session_id: str) -> bool:
        """End a session, or, where it has a connection, let it end with that.

        Returns:
            Whether it is ended.

        Raises:
            SessionEnded: There is none of this id.
        """
        place = self._place(session_id)
        if place.holder is not None:
            place.kept = False
            return False
        await self.release(place.session)
        return True

    async def release(self, session: Session, why: str | None = None) -> None:
        """End a session and free its slot; a second call does nothing.

        Args:
            session: A session of ``open``.
            why: What its connection is told, if it has one; None tells nothing.
        """
        if self._take_away(session, why):
            await self._end(session, why)

    def _take_away(self, session: Session, why: str | None) -> bool:
        """Whether a session was there, which from now on is to be found no more."""
        place = self._places.pop(session.id, None)
        if place is None:
            return False
        self._unclaimed.pop(session.id, None)
        if place.leaving is not None:
            place.leaving.cancel()
        if why is not None and place.holder is not None:
            place.holder(f"this session is over: {why}")
        self.slots.freeing += 1
        return True

    async def _end(self, session: Session, why: str | None) -> None:
        """End one that was taken away."""
        try:
            await (session.close() if why is None else session.close(f"this session is over: {why}"))
        finally:
            self.slots.freeing -= 1
            self.slots.give_back()

    async def drain(self, seconds: float) -> None:
        """Begin no session and no episode more, and end each session when its running episode is over.

        Args:
            seconds: For how long to wait for them, >= 0; what still runs then goes on.
        """
        self.stopping = True
        self.slots.dissolve(ServerStopping)
        until = self._clock() + seconds
        while self._places and self._clock() < until:
            for place in list(self._places.values()):
                # A moment after its last answer, so that this is on its way.
                if not place.session.playing and place.session.used_at <= self._clock() - DRAIN_LOOK_S:
                    self.run(self.release(place.session, _STOPPING))
            await asyncio.sleep(DRAIN_LOOK_S)

    async def close(self) -> None:
        """End every session; others may be begun afterwards."""
        self.slots.dissolve(ServerStopping)
        for timer in (self._looking, self._sparing):
            if timer is not None:
                timer.cancel()
        self._looking = self._sparing = None
        for place in list(self._places.values()):
            self.run(self.release(place.session, _STOPPING))
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _place(self, session_id: str) -> _Place:
        place = self._places.get(session_id)
        if place is None:
            raise SessionEnded(
                f"Unknown session_id: {session_id:.100}. The session is over, or was idle for too long; "
                "a reset without an id begins another"
            )
        self._unclaimed.pop(session_id, None)
        place.session.touch()
        return place

    def _spare(self, unused_s: float = 0.0) -> Session | None:
        """The oldest kept session that nobody came back to, of those that have been unused for so long."""
        before = self._clock() - unused_s
        sessions = (self._places[each].session for each in self._unclaimed)
        return next((each for each in sessions if not each.busy and each.used_at <= before), None)

    def _spare_for_newcomer(self) -> Session | None:
        """One that makes room at once: not where others stand in line before the newcomer, who can join them."""
        return self._spare() if self.slots.line_full or not self.slots.waiting else None

    def _spare_later(self) -> None:
        """While somebody stands in line, see whether a session is to spare by now."""
        if self._sparing is None:
            self._sparing = asyncio.get_running_loop().call_later(COME_BACK_S, self._spare_for_the_line)

    def _spare_for_the_line(self) -> None:
        self._sparing = None
        for _ in range(self.slots.waiting - self.slots.freeing):
            spare = self._spare(COME_BACK_S)
            if spare is None:
                break
            self._take_away(spare, _MADE_ROOM)
            self.run(self._end(spare, _MADE_ROOM))
        if self.slots.waiting:
            self._spare_later()

    def _look_later(self) -> None:
        """Look for idle sessions when the first one may have become one."""
        if self._idle_seconds is None or not self._places or self._looking is not None:
            return
        first = min(place.session.used_at for place in self._places.values())
        delay = max(first + self._idle_seconds - self._clock(), self._idle_seconds / 20, SOONEST_LOOK_S)
        self._looking = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        assert self._idle_seconds is not None  # noqa: S101 - for the type checker
        self._looking = None
        before = self._clock() - self._idle_seconds
        idle = [p.session for p in self._places.values() if p.session.used_at <= before and not p.session.busy]
        for session in idle:
            logger.info("session %s was idle for %g s and is ended", session.id, self._idle_seconds)
            self.run(self.release(session, f"it was idle for more than {self._idle_seconds:g} s"))
        self._look_later()

    def _expire(self, session: Session) -> None:
        self.run(self.release(session, "its connection broke, and nobody took it up again in time"))

    def run(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """A task that is kept until it is done, whoever forgets it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
