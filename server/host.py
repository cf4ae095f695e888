"""A host: one taskset bound to one environment class, and what all its sessions share."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration import Limits
from openenv_tasksets.environment import check_arguments
from openenv_tasksets.episode import Episode, select
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.position_counter import PositionCounter
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.runtime import Runtime
from openenv_tasksets.server.session import Session
from openenv_tasksets.taskset import Taskset

Unseeded = Literal["next", "refuse"]
DEFAULT_MAX_SESSIONS = 1024


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


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How a host answers.

    Attributes:
        max_sessions: At once, >= 1; None takes 1,024, or 1 for an environment that says it cannot do more.
        unseeded: A reset() that names no task gets the ``next`` position, or is ``refuse``d.
        start_position: The first position that is handed out so, >= 0.
        strict_reset: Refuse reset() arguments that would be ignored.
    """

    max_sessions: int | None = None
    unseeded: Unseeded = "next"
    start_position: int = 0
    strict_reset: bool = False


class Host:
    """Opens sessions of one bound environment.

    Args:
        taskset: The tasks; every split is opened and its first task bound here.
        environment: The environment class.
        arguments: Its constructor's arguments; None takes the declaration's.
        consent: What the user has agreed to; None is nothing.
        settings: See ``HostSettings``.

    Raises:
        ConsentNeeded: The environment executes row content or wants a secret, and the user has not agreed.
        EnvironmentNotFound: The binding does not fit the environment's reset().
        TasksetError: The rows cannot be opened or bound.
    """

    def __init__(
        self,
        taskset: Taskset,
        environment: type[Any],
        *,
        arguments: Mapping[str, Any] | None = None,
        consent: Consent | None = None,
        settings: HostSettings | None = None,
    ) -> None:
        self.taskset = taskset
        self.id = taskset.environment.id
        self.settings = settings or HostSettings()
        runtime = taskset.environment.frameworks.openenv
        declared = {} if runtime is None else runtime.arguments
        self.kind = EnvironmentType.of(environment, declared if arguments is None else arguments)
        (consent or Consent()).check(taskset.environment, executes_rows=self.kind.executes_rows, variables=os.environ)
        self.max_sessions = self._capacity(self.settings.max_sessions)
        self.active_sessions = 0
        self._limits = Limits() if taskset.environment.task is None else taskset.environment.task.limits
        self._positions = PositionCounter(self.settings.start_position)
        self._check_first_tasks()

    @property
    def description(self) -> str:
        """What the declaration says of the environment, in a line."""
        declared = self.taskset.environment
        return declared.description or declared.title or f"{self.kind.name} environment"

    async def open_session(self) -> Session:
        """Take a slot and make an environment for it; ``release`` gives both back.

        Raises:
            CapacityReached: No slot is free.
            EnvironmentFailed: The environment's constructor raised.
        """
        if self.active_sessions >= self.max_sessions:
            raise CapacityReached(self.active_sessions, self.max_sessions)
        self.active_sessions += 1
        try:
            return await self.unlisted_session()
        except BaseException:
            self.active_sessions -= 1
            raise

    async def release(self, session: Session) -> None:
        """Close a session of ``open_session`` and free its slot."""
        try:
            await session.close()
        finally:
            self.active_sessions -= 1

    async def unlisted_session(self) -> Session:
        """A session outside the count, for one HTTP request; the caller closes it."""
        return Session(self.kind, await Runtime.start(self.kind), self.select, self._limits)

    def select(self, request: Mapping[str, Any]) -> Episode:
        """What a reset()'s arguments select; see ``openenv_tasksets.episode.select``. Thread-safe."""
        next_position = None if self.settings.unseeded == "refuse" else self._positions.next
        return select(request, self.taskset, self.kind.accepted, next_position, strict=self.settings.strict_reset)

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

    def _check_first_tasks(self) -> None:
        """Open every split and bind its first row: what is wrong with all rows is said before serving."""
        for name in self.taskset:
            if not self.taskset.split(name).is_empty:
                task = self.taskset.task(name, 0)
                check_arguments(self.kind.accepted, task.arguments(), self.kind.name)
