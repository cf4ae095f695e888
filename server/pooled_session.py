"""A session whose environment's calls run on the pool: a plain reset or step of its takes no coroutine and no task."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from openenv_tasksets.episode import Episode
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.pooled_environment import PooledCall
from openenv_tasksets.server.runtime import PooledRuntime
from openenv_tasksets.server.session import Session, least

Awaited: TypeAlias = Coroutine[Any, Any, Outcome]
Finish: TypeAlias = Callable[[Outcome | Awaited], None]
"""Is given what a call came to, or what is left to await. Raises nothing."""


class PooledSession(Session):
    """See ``Session``."""

    __slots__ = ()

    _runtime: PooledRuntime | None

    def reset_soon(self, request: Mapping[str, Any], finish: Finish) -> PooledCall | Awaited:
        """As ``reset``: the call that is being made, or what is left to await."""
        runtime = self._runtime
        if runtime is None or self._turn.locked() or self._ended is not None:
            return self.reset(request)
        asked_at = self._clock()
        episode = self._select(request)
        if not isinstance(episode, Episode):
            return self._reset_when_read(episode, asked_at)
        self._leave_for(episode)
        seconds = least(self._limits.episode_seconds, self._call_seconds)
        call = runtime.reset_soon(episode.arguments, _Made(self, runtime, episode, asked_at, finish), seconds)
        self._take_turn()
        return call

    def step_soon(self, action: Mapping[str, Any], finish: Finish) -> PooledCall | Awaited:
        """As ``step``, likewise."""
        runtime = self._runtime
        if runtime is None or self._turn.locked() or self._ended is not None or "type" in action:
            return self.step(action)
        self._lifecycle.check_step()
        asked_at = self._clock()
        left = self._lifecycle.seconds_left(asked_at)
        if left == 0.0:
            return self.step(action)
        made = _Made(self, runtime, None, asked_at, finish)
        call = runtime.step_soon(action, made, least(left, self._call_seconds))
        self._take_turn()
        return call

    def abandon(self, call: PooledCall) -> None:
        """Its client is gone, in the middle of a call."""
        runtime = self._runtime
        if runtime is not None:
            runtime.abandon(call)
        self._turn.release()

    def made(self, asked_at: float, episode: Episode | None, outcome: Outcome) -> Outcome:
        """A call is made: a reset() to an episode, or a step()."""
        self.used_at = self._clock()
        self._turn.release()
        if episode is not None:
            return self._began(episode, outcome, asked_at)
        return self._kept(self._stepped(outcome, asked_at))

    async def failed(self, runtime: PooledRuntime, error: Exception, *, in_reset: bool) -> Outcome:
        """A call failed, or was given up: raise the error that it is."""
        try:
            return await self._answered(runtime.failed(error, in_reset=in_reset))
        finally:
            self._turn.release()

    def _take_turn(self) -> None:
        """Of a lock that is free, which nobody waits for."""
        try:
            self._turn.acquire().send(None)
        except StopIteration:
            return


class _Made:
    """Told what a call came to. An object, where a closure would be eight that the garbage collector goes through."""

    __slots__ = ("_asked_at", "_episode", "_finish", "_runtime", "_session")

    def __init__(
        self, session: PooledSession, runtime: PooledRuntime, episode: Episode | None, asked_at: float, finish: Finish
    ) -> None:
        self._session = session
        self._runtime = runtime
        self._episode = episode
        self._asked_at = asked_at
        self._finish = finish

    def __call__(self, outcome: Outcome, error: Exception | None) -> None:
        session, episode = self._session, self._episode
        if error is None:
            self._finish(session.made(self._asked_at, episode, outcome))
        else:
            self._finish(session.failed(self._runtime, error, in_reset=episode is not None))
