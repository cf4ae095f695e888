"""Checked by mypy, never run: what the type checker must take for an environment, and what it must not."""

from typing import Any

from openenv.core.env_server.interfaces import Environment as OpenEnvEnvironment
from openenv.core.env_server.types import Action, Observation, State

from openenv_tasksets.environment import Environment


class Openenvs(OpenEnvEnvironment[Action, Observation, State]):
    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def step(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


class Plain:
    def reset(self, question: str, *, seed: int = 0) -> dict[str, str]:
        return {"question": question}

    def step(self, action: dict[str, str]) -> dict[str, float]:
        return {"reward": 1.0}

    @property
    def state(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        pass


class WithAttribute:
    state: dict[str, int]

    async def reset(self, question: str) -> dict[str, str]:
        return {}

    async def step(self, action: dict[str, str]) -> dict[str, str]:
        return {}

    def close(self) -> None:
        pass


class Stepless:
    state = None

    def reset(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        pass


openenvs: Environment = Openenvs()
plain: Environment = Plain()
attribute: Environment = WithAttribute()
stepless: Environment = Stepless()  # type: ignore[assignment]
