"""One environment in this process: called on the event loop, or on threads where it blocks."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar, cast

from openenv_tasksets.environment import Environment
from openenv_tasksets.loaders.errors import EnvironmentFailed, TimeExceeded
from openenv_tasksets.server.environment_thread import EnvironmentThread
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.failure import failures, within
from openenv_tasksets.server.outcome import Outcome, fields_of
from openenv_tasksets.server.pooled_environment import PooledCall, PooledEnvironment, Then
from openenv_tasksets.server.runtime import CLOSE_SECONDS, NO_OPTIONS

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class LocalRuntime:
    """An environment instance for one session; see ``openenv_tasksets.server.runtime``."""

    gone = False

    __slots__ = ("_decode", "_environment", "_in_reset", "_in_step", "_kind", "_reset", "_step", "_stuck", "_thread")

    def __init__(
        self, kind: EnvironmentType, environment: Environment, thread: EnvironmentThread | PooledEnvironment | None
    ) -> None:
        self._kind = kind
        self._decode = kind.action.decode
        self._environment = environment
        self._thread = thread
        self._reset = getattr(environment, kind.reset_method)
        self._step = getattr(environment, kind.step_method)
        self._in_reset = failures(kind.name, "failed in reset()")
        self._in_step = failures(kind.name, "failed in step()")
        self._stuck = False

    @classmethod
    async def start(cls, kind: EnvironmentType, timeout_s: float | None = None) -> "LocalRuntime":
        """Make an instance; a blocking environment is made, called and closed where its class says.

        Raises:
            EnvironmentFailed: Its constructor raised.
            TimeExceeded: It took longer than ``timeout_s``.
        """
        if kind.blocking is False:
            with failures(kind.name, "could not be made"):
                return cls(kind, kind.make(), None)
        thread = kind.thread()
        made: list[Environment] = []
        try:
            with failures(kind.name, "could not be made"):
                await thread.call(lambda: made.append(kind.make()), timeout_s)
        except BaseException:
            # It may still be being made.
            thread.stop(lambda: made[0].close() if made else None)
            raise
        return cls(kind, made[0], thread)

    async def reset(self, arguments: Mapping[str, Any], timeout_s: float | None = None) -> Outcome:
        """Begin an episode."""
        with self._in_reset:
            if self._kind.asynchronous[0]:
                return Outcome.of(await within(self._reset(**arguments), timeout_s))
            if self._thread is None:
                return Outcome.of(self._reset(**arguments))
            return await self._on_thread(lambda: Outcome.of(self._reset(**arguments)), timeout_s)

    async def step(
        self, action: Mapping[str, Any], timeout_s: float | None = None, options: Mapping[str, Any] = NO_OPTIONS
    ) -> Outcome:
        """Take one action."""
        if options:
            accepted = self._kind.step_options
            options = {name: value for name, value in options.items() if name in accepted and name != "self"}
        with self._in_step:
            if self._kind.asynchronous[1]:
                return Outcome.of(await within(self._step(self._decode(action), **options), timeout_s))
            if self._thread is None:
                return Outcome.of(self._step(self._decode(action), **options))
            # Models of the environment's are its code too: they are read and written on its thread.
            return await self._on_thread(lambda: Outcome.of(self._step(self._decode(action), **options)), timeout_s)

    def reset_at_once(self, arguments: Mapping[str, Any]) -> Outcome:
        """Begin an episode, of an environment that is ``inline``."""
        try:
            return Outcome.of(self._reset(**arguments))
        except BaseException as exc:
            self._in_reset.convert(exc)
            raise

    def step_at_once(self, action: Mapping[str, Any]) -> Outcome:
        """Take one action, of an environment that is ``inline``."""
        try:
            return Outcome.of(self._step(self._decode(action)))
        except BaseException as exc:
            self._in_step.convert(exc)
            raise

    def reset_soon(self, arguments: Mapping[str, Any], then: Then, timeout_s: float | None = None) -> PooledCall:
        """Begin an episode, of an environment that is ``pooled``."""
        return self._pooled.call_soon(self._whole_reset, arguments, then, timeout_s)

    def step_soon(self, action: Mapping[str, Any], then: Then, timeout_s: float | None = None) -> PooledCall:
        """Take one action, of an environment that is ``pooled``."""
        return self._pooled.call_soon(self._whole_step, action, then, timeout_s)

    async def failed(self, error: Exception, *, in_reset: bool) -> NoReturn:
        """Raise what an error of ``reset_soon`` or ``step_soon`` is to its caller."""
        if isinstance(error, TimeExceeded):
            self._stuck = True
        (self._in_reset if in_reset else self._in_step).convert(error)
        raise error

    def abandon(self, call: PooledCall) -> None:
        """Leave a call to itself; only close() may follow."""
        call.drop()
        self._stuck = True

    async def state(self, timeout_s: float | None = None) -> dict[str, Any]:
        """The environment's state."""
        with failures(self._kind.name, "failed in state"):
            return self._state() if self._thread is None else await self._on_thread(self._state, timeout_s)

    async def close(self, timeout_s: float = CLOSE_SECONDS) -> None:
        """Close the environment; the thread of one that is stuck closes it if it ever answers."""
        if self._thread is not None and self._stuck:
            self._thread.stop(self._environment.close)
            return
        try:
            with failures(self._kind.name, "failed in close()"):
                if inspect.iscoroutinefunction(self._environment.close):
                    await within(self._environment.close(), timeout_s)
                elif self._thread is None:
                    self._environment.close()
                else:
                    await self._on_thread(self._environment.close, timeout_s)
        except (EnvironmentFailed, TimeExceeded) as exc:
            logger.warning("environment %r was not closed in order: %s", self._kind.name, exc)
        finally:
            if self._thread is not None:
                self._thread.stop()

    @property
    def _pooled(self) -> PooledEnvironment:
        return cast("PooledEnvironment", self._thread)

    def _whole_reset(self, arguments: Mapping[str, Any]) -> Outcome:
        return Outcome.of(self._reset(**arguments))

    def _whole_step(self, action: Mapping[str, Any]) -> Outcome:
        return Outcome.of(self._step(self._decode(action)))

    def _state(self) -> dict[str, Any]:
        state = getattr(self._environment, "state", None)
        return {} if state is None else fields_of(state)

    async def _on_thread(self, call: Callable[[], Result], timeout_s: float | None) -> Result:
        assert self._thread is not None  # noqa: S101 - for the type checker
        try:
            return await self._thread.call(call, timeout_s)
        except (TimeExceeded, asyncio.CancelledError):
            self._stuck = True
            raise
