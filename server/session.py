"""A session: one client's environment, the task it plays, and where its episode stands."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from openenv_tasksets.declaration import Limits
from openenv_tasksets.episode import Episode
from openenv_tasksets.loaders.errors import ResetNeeded, TimeExceeded
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.lifecycle import Lifecycle
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.runtime import Runtime

logger = logging.getLogger(__name__)

Select = Callable[[Mapping[str, Any]], Episode]


class Session:
    """One client's episodes, one after the other. Calls must not overlap.

    Args:
        kind: The environment class.
        runtime: Its instance, which the session closes.
        select: What a reset()'s arguments select; called on a thread, since rows are read.
        limits: The declared limits of an episode.
        clock: Seconds on a monotonic clock.
    """

    def __init__(
        self,
        kind: EnvironmentType,
        runtime: Runtime,
        select: Select,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = str(uuid.uuid4())
        self._kind = kind
        self._runtime: Runtime | None = runtime
        self._select = select
        self._clock = clock
        self._limits = limits
        self._lifecycle = Lifecycle(limits)
        self._episode: Episode | None = None
        self._last: Outcome | None = None
        self._warned = False
        self._closed = False

    async def reset(self, request: Mapping[str, Any]) -> Outcome:
        """Begin an episode on the task that ``request`` selects.

        Raises:
            ResetNeeded: The session is closed.
            SelectionError: It selects none; the episode before goes on.
            RowError: The row cannot become a task; the episode before goes on.
            EnvironmentFailed: The environment raised.
            TimeExceeded: The environment did not answer within ``episode_seconds``; the next reset has a new one.
        """
        self._check_open()
        episode = await asyncio.to_thread(self._select, request)
        self._warn_once(episode)
        # From here on the old episode is over, whatever the environment does.
        self._episode, self._last = None, None
        self._lifecycle.lost()
        runtime = await self._running()
        outcome = await self._guarded(runtime.reset(episode.arguments, self._limits.episode_seconds))
        self._episode, self._last = episode, outcome
        self._lifecycle.began(self._clock(), done=outcome.done)
        return outcome

    async def step(self, action: Mapping[str, Any]) -> Outcome:
        """Take one action of the running episode.

        Asking for the tools is no step: it is allowed at any time and leaves the episode as it is. An action that
        comes after ``episode_seconds`` is not taken: the last observation is given again, without a reward, truncated.

        Raises:
            ResetNeeded: No episode is running, or the session is closed.
            PolicyError: The action is not of the environment's action type; the episode goes on.
            EnvironmentFailed: The environment raised; the episode goes on.
            TimeExceeded: The environment did not answer in time; it is gone, and the episode with it.
        """
        self._check_open()
        if _asks_for_tools(action):
            return await (await self._running()).step(action)
        self._lifecycle.check_step()
        left = self._lifecycle.seconds_left(self._clock())
        if left == 0.0 and self._last is not None:
            outcome = replace(self._last, reward=None, done=False)
        else:
            runtime = await self._running()
            outcome = await self._guarded(runtime.step(action, left))
        limit = self._lifecycle.stepped(self._clock(), done=outcome.done)
        if limit is not None:
            outcome = outcome.truncated(limit)
        self._last = outcome
        return outcome

    async def state(self) -> dict[str, Any]:
        """The environment's state and, above it, what the trainer may know of the task.

        Raises:
            ResetNeeded: The session is closed.
            EnvironmentFailed: Reading the environment's state raised.
        """
        self._check_open()
        runtime = await self._running()
        task = {} if self._episode is None else self._episode.state()
        return {"episode_id": None, "step_count": self._lifecycle.steps, **await runtime.state(), **task}

    async def close(self) -> None:
        """Close the environment; a second call does nothing."""
        self._closed = True
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            await runtime.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ResetNeeded("this session is closed; connect anew")

    async def _running(self) -> Runtime:
        if self._runtime is None:
            self._runtime = await Runtime.start(self._kind)
        return self._runtime

    async def _guarded(self, answer: Awaitable[Outcome]) -> Outcome:
        try:
            return await answer
        except TimeExceeded:
            runtime, self._runtime = self._runtime, None
            self._lifecycle.lost()
            if runtime is not None:
                await runtime.close()
            raise

    def _warn_once(self, episode: Episode) -> None:
        if episode.ignored and not self._warned:
            self._warned = True
            logger.warning(
                "session %s: reset() arguments that are bound by the row or unknown to the environment are "
                "ignored: %.500s",
                self.id,
                ", ".join(map(repr, episode.ignored)),
            )


def _asks_for_tools(action: Mapping[str, Any]) -> bool:
    return action.get("type") == "list_tools" and action.keys() <= {"type", "metadata"}
