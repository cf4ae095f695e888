"""A session: one client's environment, the task it plays, and where its episode stands."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeVar, cast

import msgspec

from openenv_tasksets.declaration import Limits
from openenv_tasksets.episode import Episode
from openenv_tasksets.loaders.errors import TasksetError, TimeExceeded
from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.event_log import listened, tell
from openenv_tasksets.server.lifecycle import Lifecycle, Phase
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.rate_limit import RateLimit
from openenv_tasksets.server.runtime import NO_OPTIONS, EnvironmentGone, Runtime, ToolRuntime
from openenv_tasksets.server.session_events import tell_began, tell_ended, warn_of_ignored
from openenv_tasksets.server.tool_actions import asks_for_tools

Result = TypeVar("Result")
Select = Callable[[Mapping[str, Any]], "Episode | Awaitable[Episode]"]
Start = Callable[[], Awaitable[Runtime]]
BEYOND_USE = (TimeExceeded, EnvironmentGone)
"""After these the environment is given up."""


class SessionEnded(TasksetError):
    """There is no such session, or none any more; the message says why."""


def new_session_id() -> str:
    """An id that nobody can guess: who knows it may use the session."""
    return os.urandom(16).hex()


class Session:
    """One client's episodes, one after the other. Calls that overlap wait for each other.

    Args:
        session_id: Its id.
        runtime: Its environment, which the session closes.
        start: Makes another environment in its place.
        select: What a reset()'s arguments select.
        limits: The declared limits of an episode.
        call_seconds: How long the environment may take for a reset() or step(), > 0; None is any time.
        counts: Where calls are counted; None counts for nobody.
        rate: How often its client may ask, which is who serves it to check; None is any.
        clock: Seconds on a monotonic clock.

    Attributes:
        id: Its id.
        counts: As given.
        used_at: When its client was last answered, on the clock.
    """

    __slots__ = (
        "_call_seconds",
        "_clock",
        "_ended",
        "_episode",
        "_last",
        "_lifecycle",
        "_limits",
        "_may_be_late",
        "_reward",
        "_runtime",
        "_select",
        "_start",
        "_tool_used",
        "_turn",
        "_warned",
        "counts",
        "id",
        "rate",
        "used_at",
    )

    def __init__(
        self,
        session_id: str,
        runtime: Runtime,
        start: Start,
        select: Select,
        limits: Limits,
        *,
        call_seconds: float | None = None,
        counts: Counts | None = None,
        rate: RateLimit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = session_id
        self.counts = counts or Counts()
        self.rate = rate
        self.used_at = clock()
        self._runtime: Runtime | None = runtime
        self._start = start
        self._select = select
        self._clock = clock
        self._limits = limits
        self._call_seconds = call_seconds
        self._lifecycle = Lifecycle(limits)
        self._turn = asyncio.Lock()
        self._episode: Episode | None = None
        # Only an action that comes too late is answered with it.
        self._may_be_late = limits.episode_seconds is not None
        self._last: Outcome | None = None
        self._reward: float | None = None
        self._tool_used = False
        self._warned = False
        self._ended: str | None = None

    @property
    def busy(self) -> bool:
        """Whether a call is running."""
        return self._turn.locked()

    @property
    def playing(self) -> bool:
        """Whether a call or an episode is running."""
        return self._turn.locked() or self._lifecycle.phase is Phase.RUNNING

    def touch(self) -> None:
        """Its client is there, and asks for what no environment has to answer."""
        self.used_at = self._clock()

    async def reset(self, request: Mapping[str, Any]) -> Outcome:
        """Begin an episode on the task that ``request`` selects.

        Raises:
            SessionEnded: The session is closed.
            SelectionError: It selects none; the episode before goes on.
            RowError: The row cannot become a task; the episode before goes on.
            EnvironmentFailed: The environment raised.
            TimeExceeded: The environment did not answer in time; the next reset has a new one.
        """
        async with self._turn:
            self._check_open()
            asked_at = self._clock()
            selected = self._select(request)
            return await self._reset_to(selected if isinstance(selected, Episode) else await selected, asked_at)

    async def _reset_when_read(self, selected: Awaitable[Episode], asked_at: float) -> Outcome:
        async with self._turn:
            return await self._reset_to(await selected, asked_at)

    async def _reset_to(self, episode: Episode, asked_at: float) -> Outcome:
        self._leave_for(episode)
        runtime = self._runtime
        if runtime is None or runtime.gone:
            runtime = await self._running()
        seconds = least(self._limits.episode_seconds, self._call_seconds)
        return self._began(episode, await self._answered(runtime.reset(episode.arguments, seconds)), asked_at)

    def _leave_for(self, episode: Episode) -> None:
        """The episode before is over, whatever the environment does."""
        if episode.ignored and not self._warned:
            self._warned = True
            warn_of_ignored(self.id, episode)
        self._episode, self._last = None, None
        self._lifecycle.lost()

    def _began(self, episode: Episode, outcome: Outcome, asked_at: float) -> Outcome:
        self._episode, self._last = episode, outcome if self._may_be_late else None
        self._reward, self._tool_used = None, False
        self._lifecycle.began(self.used_at, done=outcome.done)
        self.counts.resets.add(self.used_at - asked_at)
        if listened():
            tell_began(self.counts.environment, self.id, episode)
        return outcome

    async def step(
        self, action: Mapping[str, Any], timeout_s: float | None = None, options: Mapping[str, Any] = NO_OPTIONS
    ) -> Outcome:
        """Take one action of the running episode.

        Asking for the tools is no step: it is allowed at any time and leaves the episode as it is. An action that
        comes after ``episode_seconds`` is not taken: the last observation is given again, without a reward, truncated.

        Args:
            action: As it came over the wire.
            timeout_s: How long the client lets the environment take, > 0; other limits may be shorter.
            options: What else the environment's step() is called with, where it takes it.

        Raises:
            SessionEnded: The session is closed.
            ResetNeeded: No episode is running.
            PolicyError: The action is not of the environment's action type; the episode goes on.
            EnvironmentFailed: The environment raised; the episode goes on, unless its process is gone.
            TimeExceeded: The environment did not answer in time; it is gone, and the episode with it.
        """
        async with self._turn:
            self._check_open()
            seconds = least(self._call_seconds, timeout_s)
            if "type" in action and asks_for_tools(action):
                return await self._answered((await self._running()).step(action, seconds, options))
            self._lifecycle.check_step()
            asked_at = self._clock()
            left = self._lifecycle.seconds_left(asked_at)
            if left == 0.0 and self._last is not None:
                self.used_at = self._clock()
                outcome = msgspec.structs.replace(self._last, reward=None, done=False, taken=False)
            else:
                runtime = self._runtime or await self._running()
                outcome = await self._answered(runtime.step(action, least(left, seconds), options))
            return self._kept(self._stepped(outcome, asked_at))

    async def use_tool(self, action: Mapping[str, Any]) -> Outcome:
        """As ``step``, for an agent that is not told the reward: ``state`` tells the trainer, from then on."""
        outcome = await self.step(action)
        self._tool_used = True
        return outcome

    async def ask_tools(self, request: Mapping[str, Any], *, in_episode: bool) -> Outcome:
        """Have the environment's server answer a request for its tools; only one that forwards them is asked.

        Args:
            request: Of JSON-RPC.
            in_episode: Whether it is a step of the running episode, which counts and whose limits hold.

        Returns:
            The response as an observation, without a reward.

        Raises:
            SessionEnded: The session is closed.
            ResetNeeded: ``in_episode``, and no episode is running.
            EnvironmentFailed: The server answers no such requests.
            TimeExceeded: It did not answer in time; the environment is gone, and the episode with it.
        """
        async with self._turn:
            self._check_open()
            if in_episode:
                self._lifecycle.check_step()
            asked_at = self._clock()
            left = self._lifecycle.seconds_left(asked_at) if in_episode else None
            if left == 0.0:
                self.used_at = asked_at
                outcome = Outcome({}, None, False, taken=False)
            else:
                runtime = cast("ToolRuntime", await self._running())
                outcome = await self._answered(runtime.ask_tools(request, least(left, self._call_seconds)))
            return self._stepped(outcome, asked_at) if in_episode else outcome

    async def act(
        self, action: Mapping[str, Any], timeout_s: float | None = None, options: Mapping[str, Any] = NO_OPTIONS
    ) -> Outcome:
        """Take one action outside of any episode, as OpenEnv's ``POST /step`` does; arguments and errors as ``step``'s.

        Raises:
            SessionEnded: The session is closed.
        """
        async with self._turn:
            self._check_open()
            runtime = await self._running()
            return await self._answered(runtime.step(action, least(self._call_seconds, timeout_s), options))

    async def state(self) -> dict[str, Any]:
        """The environment's state and, above it, what the trainer may know of the task.

        Where tools were called in the episode, also ``episode_reward``, the sum of its rewards so far or None, and
        ``episode_done``.

        Raises:
            SessionEnded: The session is closed.
            EnvironmentFailed: Reading the environment's state raised.
            TimeExceeded: The environment did not answer in time; it is gone, and the episode with it.
        """
        async with self._turn:
            self._check_open()
            runtime = await self._running()
            own = await self._answered(runtime.state(self._call_seconds))
            task = {} if self._episode is None else self._episode.state()
            if self._tool_used:
                task = {**task, "episode_reward": self._reward, "episode_done": self._lifecycle.phase is Phase.DONE}
            return {"episode_id": None, "step_count": self._lifecycle.steps, **own, **task}

    async def close(self, why: str = "this session is closed; connect anew") -> None:
        """Close the environment, also one that is in the middle of a call; a second call does nothing.

        Args:
            why: What later calls are told.
        """
        if self._ended is None:
            self._ended = why
            tell("session ended", environment=self.counts.environment, session_id=self.id, why=why)
        runtime = self._runtime
        self._runtime = None
        if runtime is not None:
            await runtime.close()

    def _check_open(self) -> None:
        if self._ended is not None:
            raise SessionEnded(self._ended)

    async def _running(self) -> Runtime:
        """The environment; another one where there is none, or where it is gone and no episode goes with it."""
        if self._runtime is not None and self._runtime.gone and self._episode is None:
            runtime, self._runtime = self._runtime, None
            await runtime.close()
            tell("environment replaced", environment=self.counts.environment, session_id=self.id)
        if self._runtime is None:
            runtime = await self._start()
            if self._ended is not None:
                await runtime.close()
            self._check_open()
            self._runtime = runtime
            return runtime
        return self._runtime

    async def _answered(self, answer: Awaitable[Result]) -> Result:
        """The environment's answer; an environment that is beyond use is given up, and another made when needed."""
        try:
            return await answer
        except BEYOND_USE as exc:
            return await self._given_up(exc)
        finally:
            self.used_at = self._clock()

    def _stepped(self, outcome: Outcome, asked_at: float) -> Outcome:
        """Count a step, and end the episode where it is over."""
        limit = self._lifecycle.stepped(self.used_at, done=outcome.done)
        if limit is not None:
            outcome = outcome.truncated(limit)
        if outcome.reward is not None:
            self._reward = (self._reward or 0.0) + outcome.reward
        self.counts.steps.add(self.used_at - asked_at)
        if limit is not None or outcome.done:
            self.counts.finished += 1
            if listened():
                tell_ended(self.counts.environment, self.id, self._episode, self._lifecycle.steps, outcome)
        return outcome

    def _kept(self, outcome: Outcome) -> Outcome:
        """Keep an outcome where a step may come too late, which is answered with it."""
        if self._may_be_late:
            self._last = outcome
        return outcome

    async def _given_up(self, exc: Exception) -> NoReturn:
        runtime = self._runtime
        self._runtime = None
        self._episode, self._last = None, None
        self._lifecycle.lost()
        if runtime is not None:
            await runtime.close()
        raise exc


def least(one: float | None, other: float | None) -> float | None:
    """The shorter of two times; None is any."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
