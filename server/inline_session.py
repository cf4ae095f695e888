"""A session whose environment never waits: a plain reset or step of its is a plain call."""

from collections.abc import Coroutine, Mapping
from typing import Any

from openenv_tasksets.episode import Episode
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.runtime import InlineRuntime
from openenv_tasksets.server.session import BEYOND_USE, Session


class InlineSession(Session):
    """See ``Session``. Nothing is ever waited for but a row that is not at hand."""

    __slots__ = ()

    _runtime: InlineRuntime | None

    def reset_at_once(self, request: Mapping[str, Any]) -> Outcome | Coroutine[Any, Any, Outcome]:
        """As ``reset``: what it came to, or what is left to await."""
        runtime = self._runtime
        if runtime is None or self._turn.locked() or self._ended is not None:
            return self.reset(request)
        asked_at = self._clock()
        selected = self._select(request)
        if not isinstance(selected, Episode):
            return self._reset_when_read(selected, asked_at)
        self._leave_for(selected)
        try:
            outcome = runtime.reset_at_once(selected.arguments)
        except BEYOND_USE as exc:
            return self._given_up(exc)
        finally:
            self.used_at = self._clock()
        return self._began(selected, outcome, asked_at)

    def step_at_once(self, action: Mapping[str, Any]) -> Outcome | Coroutine[Any, Any, Outcome]:
        """As ``step``: what it came to, or what is left to await."""
        runtime = self._runtime
        if runtime is None or self._turn.locked() or self._ended is not None or "type" in action:
            return self.step(action)
        self._lifecycle.check_step()
        asked_at = self._clock()
        if self._lifecycle.seconds_left(asked_at) == 0.0:
            return self.step(action)
        try:
            outcome = runtime.step_at_once(action)
        except BEYOND_USE as exc:
            return self._given_up(exc)
        finally:
            self.used_at = self._clock()
        return self._kept(self._stepped(outcome, asked_at))
