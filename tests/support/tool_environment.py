"""An OpenEnv environment with tools of its own, for the tests of whatever offers them."""

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastmcp import FastMCP
    from openenv.core.env_server.mcp_environment import MCPEnvironment
    from openenv.core.env_server.mcp_types import ListToolsAction
    from openenv.core.env_server.types import Action, Observation, State


class Guess(MCPEnvironment):
    """A number is to be guessed; every guess counts, and a right one ends the episode."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        server = FastMCP("guess")
        self._answer: int | None = None
        self._reward: float | None = None
        self._state = State()

        @server.tool
        def guess(number: int) -> str:
            """Guess the number."""
            right = number == self._answer
            self._reward = 1.0 if right else -0.25
            return "right" if right else "wrong"

        @server.tool
        def add(a: int, b: int) -> dict[str, int]:
            """Add two numbers."""
            return {"sum": a + b}

        @server.tool
        def fail() -> str:
            """Fail."""
            raise ValueError("the tool is broken")

        super().__init__(server)

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, *, question: str, answer: int
    ) -> Observation:
        self._answer, self._reward = answer, None
        self._state = State(episode_id=episode_id)
        return Observation(metadata={"question": question})

    async def step_async(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        self._reward = None
        observation = await super().step_async(action, timeout_s, **kwargs)
        self._state.step_count += not isinstance(action, ListToolsAction)
        observation.reward = self._reward
        observation.done = self._reward == 1.0
        return observation

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation(metadata={"seen": True})

    @property
    def state(self) -> State:
        return self._state
