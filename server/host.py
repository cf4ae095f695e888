"""A host: one taskset bound to one environment class, and what all its sessions share."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration import Limits
from openenv_tasksets.environment import check_arguments
from openenv_tasksets.episode import Choice, Episode, choose, read
from openenv_tasksets.loaders.errors import EnvironmentNotFound, TasksetError
from openenv_tasksets.position_counter import PositionCounter
from openenv_tasksets.server.binding_proof import BindingUnproven
from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.environment_server import EnvironmentServer
from openenv_tasksets.server.environment_type import Blocking, EnvironmentType
from openenv_tasksets.server.event_log import tell
from openenv_tasksets.server.inline_session import InlineSession
from openenv_tasksets.server.pooled_session import PooledSession
from openenv_tasksets.server.rate_limit import RateLimit
from openenv_tasksets.server.remote_runtime import EnvironmentKind, RemoteEnvironment, RemoteRuntime, wait_for
from openenv_tasksets.server.runtime import Runtime, start_runtime
from openenv_tasksets.server.session import Session, new_session_id
from openenv_tasksets.server.sessions import ServerStopping, Sessions, Tell
from openenv_tasksets.server.slots import CapacityReached, Slots
from openenv_tasksets.taskset import Taskset

logger = logging.getLogger(__name__)

Unseeded = Literal["next", "refuse"]
DEFAULT_MAX_SESSIONS = 1024
DEFAULT_SESSION_TIMEOUT_S = 1800.0
DEFAULT_QUEUE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How a host answers.

    Attributes:
        max_sessions: At once, >= 1; None takes 1,024, or 1 for an environment that says it cannot do more. A remote
            environment has no more than its server has.
        unseeded: A reset() that names no task gets the ``next`` position, or is ``refuse``d.
        start_position: No earlier position is handed out so, >= 0.
        shard: Only positions with remainder ``shard[0]`` by ``shard[1]`` are handed out so: this server's of several.
        queue: How many may wait where no session is free, >= 0.
        queue_seconds: For how long one waits at most, >= 0.
        strict_reset: Refuse reset() arguments that would be ignored.
        session_timeout: A session unused for so many seconds is ended, > 0; None never ends one.
        grace_seconds: For how long a session whose connection broke keeps its slot and may be taken up again, >= 0.
        step_timeout: Seconds that an environment may take to be made, for a reset() or for a step(), > 0; None is
            any time. It cannot interrupt one that is called on the event loop.
        max_rate: Requests of a session in a second, > 0; None is any number.
        blocking: Where the calls of an environment of this process run, whatever its class says: False is on the event
            loop, ``"thread"`` a thread of its own, ``"pool"`` any thread of a pool, ``"process"`` a process of its own.
            None is where the class says.
        allow_unproven: Play with a server that may ignore what the task binds; without it, it has to show that it does
            not.
    """

    max_sessions: int | None = None
    unseeded: Unseeded = "next"
    start_position: int = 0
    shard: tuple[int, int] = (0, 1)
    queue: int = 0
    queue_seconds: float = DEFAULT_QUEUE_SECONDS
    strict_reset: bool = False
    session_timeout: float | None = DEFAULT_SESSION_TIMEOUT_S
    grace_seconds: float = 0.0
    step_timeout: float | None = None
    max_rate: float | None = None
    blocking: Blocking | None = None
    allow_unproven: bool = False


class Host:
    """Opens sessions of one bound environment.

    Args:
        taskset: The tasks; every split is opened and its first task bound here.
        environment: The environment class, or a server to play with: it is waited for here.
        arguments: Its constructor's arguments; None takes the declaration's. A server has its own.
        consent: What the user has agreed to; None is nothing.
        settings: See ``HostSettings``.

    Raises:
        ConsentNeeded: The environment executes row content, wants a secret or runs elsewhere, and the user has not
            agreed.
        EnvironmentNotFound: The binding does not fit the environment's reset(), or the server is not there.
        BindingUnproven: The server may ignore what the task binds.
        TasksetError: The rows cannot be opened or bound.
    """

    def __init__(
        self,
        taskset: Taskset,
        environment: type[Any] | RemoteRuntime,
        *,
        arguments: Mapping[str, Any] | None = None,
        consent: Consent | None = None,
        settings: HostSettings | None = None,
    ) -> None:
        self.taskset = taskset
        self.id = taskset.environment.id
        self.counts = Counts(self.id)
        self.settings = settings or HostSettings()
        self.kind = self._kind(environment, arguments, consent or Consent())
        self.sessions = Sessions(
            Slots(
                self._capacity(self.settings.max_sessions),
                line_limit=self.settings.queue,
                line_seconds=self.settings.queue_seconds,
            ),
            idle_seconds=self.settings.session_timeout,
            grace_seconds=self.settings.grace_seconds,
        )
        self._limits = Limits() if taskset.environment.task is None else taskset.environment.task.limits
        self.positions = PositionCounter(self.settings.start_position, *self.settings.shard)
        self._next = None if self.settings.unseeded == "refuse" else self.positions.next
        try:
            self._check_first_tasks()
            if isinstance(self.kind, RemoteEnvironment):
                self._check_server(self.kind)
        except BaseException:
            if isinstance(self.kind, RemoteEnvironment):
                self.kind.stop()
            raise

    def _kind(
        self, environment: type[Any] | RemoteRuntime, arguments: Mapping[str, Any] | None, consent: Consent
    ) -> EnvironmentKind:
        declared = self.taskset.environment
        if isinstance(environment, RemoteRuntime):
            if self.settings.blocking is not None:
                raise EnvironmentNotFound(
                    f"environment {self.id!r} is played by a server, which decides where its calls run; "
                    f"leave blocking = {self.settings.blocking!r} out"
                )
            return environment.reach(declared, consent)
        if arguments is None:
            arguments = {} if declared.frameworks.openenv is None else declared.frameworks.openenv.arguments
        kind = EnvironmentType.of(environment, arguments, self.settings.blocking)
        consent.check(declared, executes_rows=kind.executes_rows, variables=os.environ)
        return kind

    @property
    def description(self) -> str:
        """What the declaration says of the environment, in a line."""
        declared = self.taskset.environment
        return declared.description or declared.title or f"{self.kind.name} environment"

    @property
    def server(self) -> EnvironmentServer | None:
        """The server that runs for it beside this process, where its package brings one."""
        address = self.kind.runtime.address if isinstance(self.kind, RemoteEnvironment) else None
        return address if isinstance(address, EnvironmentServer) else None

    @property
    def max_sessions(self) -> int:
        """How many sessions there may be at once: of a server, as far as it has said."""
        return self.sessions.slots.limit

    @property
    def active_sessions(self) -> int:
        """How many slots are taken."""
        return self.sessions.taken

    async def open_session(
        self, session_id: str | None = None, *, kept: bool = False, holder: Tell | None = None
    ) -> Session:
        """Take a slot and make an environment for it; ``release`` gives both back.

        Args:
            session_id: The id to give it; None makes one.
            kept: As in ``Sessions.open``.
            holder: As in ``Sessions.open``.

        Raises:
            CapacityReached: No slot is free, or not in time.
            ServerStopping: The server is stopping.
            EnvironmentFailed: The environment's constructor raised.
            TimeExceeded: The environment's constructor took too long.
        """

        rate = self.settings.max_rate
        kind_of_session = InlineSession if self.kind.inline else PooledSession if self.kind.pooled else Session

        async def make() -> Session:
            return kind_of_session(
                session_id or new_session_id(),
                await self._start(),
                self._start,
                self.episode,
                self._limits,
                call_seconds=self.settings.step_timeout,
                counts=self.counts,
                rate=None if rate is None else RateLimit(rate),
            )

        session = await self.sessions.open(make, kept=kept, holder=holder)
        self.counts.opened += 1
        tell("session opened", environment=self.id, session_id=session.id)
        return session

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[Session]:
        """A session for one request alone; errors as for ``open_session``."""
        session = await self.open_session()
        try:
            yield session
        finally:
            await asyncio.shield(self.release(session))

    async def close(self) -> None:
        """End every session, and what was started to have the environment."""
        await self.sessions.close()
        if isinstance(self.kind, RemoteEnvironment):
            await asyncio.to_thread(self.kind.stop)

    async def release(self, session: Session) -> None:
        """Close a session of ``open_session`` and free its slot."""
        await self.sessions.release(session)

    def episode(self, request: Mapping[str, Any]) -> Episode | Awaitable[Episode]:
        """What a reset()'s arguments select; to be awaited where it has to be read on a thread.

        Raises:
            SelectionError: As ``openenv_tasksets.episode.select`` does.
            RowError: The row cannot become a task.
            ServerStopping: No episode may begin any more.
        """
        if self.sessions.stopping:
            raise ServerStopping
        if request.get("task_id") is not None and not self._ids_are_read(request):
            self.counts.fetched += 1
            return asyncio.to_thread(self.select, request)
        choice = self._choose(request)
        if self.taskset.is_hot(choice.split, choice.index):
            self.counts.at_hand += 1
            return self._read(choice)
        self.counts.fetched += 1
        return asyncio.to_thread(self._read, choice)

    def select(self, request: Mapping[str, Any]) -> Episode:
        """As ``episode``, on the calling thread. Thread-safe."""
        return self._read(self._choose(request))

    def _start(self) -> Coroutine[Any, Any, Runtime]:
        if isinstance(self.kind, EnvironmentType):
            return start_runtime(self.kind, self.settings.step_timeout)
        wait_seconds = self.settings.queue_seconds if self.settings.queue else 0.0
        narrow = self.sessions.slots.narrow
        return self.kind.start(self.settings.step_timeout, wait_seconds=wait_seconds, on_full=narrow)

    def _choose(self, request: Mapping[str, Any]) -> Choice:
        return choose(request, self.taskset, self.kind.accepted, self._next, strict=self.settings.strict_reset)

    def _read(self, choice: Choice) -> Episode:
        return read(choice, self.taskset, self.kind.accepted, strict=self.settings.strict_reset)

    def _ids_are_read(self, request: Mapping[str, Any]) -> bool:
        split = request.get("split")
        return isinstance(split, str | None) and self.taskset.split(split).ids_are_read

    def _capacity(self, wanted: int | None) -> int:
        if wanted is None:
            return DEFAULT_MAX_SESSIONS if self.kind.concurrent else 1
        if wanted < 1:
            raise TasksetError(f"max_sessions is 1 or more, not {wanted}")
        if wanted > 1 and not self.kind.concurrent:
            raise TasksetError(
                f"environment {self.kind.name!r} does not support concurrent sessions "
                f"(SUPPORTS_CONCURRENT_SESSIONS is False), so max_sessions must be 1, not {wanted}"
            )
        return wanted

    def _check_server(self, kind: RemoteEnvironment) -> None:
        try:
            wait_for(kind.look(self.taskset, self.sessions.slots.narrow))
        except BindingUnproven as exc:
            if not self.settings.allow_unproven:
                raise
            logger.warning("%s", exc.message)
        except CapacityReached as exc:
            raise EnvironmentNotFound(f"the server of environment {self.id!r} has no session to try. {exc}") from exc

    def _check_first_tasks(self) -> None:
        """Open every split and bind its first row: what is wrong with all rows is said before serving.

        Also reads the files once, for the order's key: not to be the first reset's wait.
        """
        for name in self.taskset:
            if not self.taskset.split(name).is_empty:
                task = self.taskset.task(name, 0)
                check_arguments(self.kind.accepted, task.arguments(), self.kind.name)
                # Two in a row, so that also what walks ahead is ready.
                order = self.taskset.split(name).order
                for position in range(self.positions.first, order.stop)[:2]:
                    order.locate(position)
