"""Where one session's environment runs: the seam between sessions and what plays them."""

from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.pooled_environment import PooledCall, Then

CLOSE_SECONDS = 10.0
"""How long close() may take before the environment is left to itself."""


class EnvironmentGone(EnvironmentFailed):
    """The environment is beyond use: what ran it has ended. Another one may be made in its place."""


class UpstreamLost(EnvironmentGone):
    """The connection to a remote environment is lost, or what came over it cannot be trusted."""


NO_OPTIONS: Mapping[str, Any] = {}


class Runtime(Protocol):
    """One environment instance; calls must not overlap.

    Every exception of the environment becomes an ``EnvironmentFailed`` with a message that does not repeat its text,
    which may hold a hidden value.
    """

    @property
    def gone(self) -> bool:
        """Whether what ran it has ended by itself; only close() may follow."""
        ...

    async def reset(self, arguments: Mapping[str, Any], timeout_s: float | None = None) -> Outcome:
        """Begin an episode.

        Args:
            arguments: By name.
            timeout_s: Seconds to wait, > 0; None waits for ever, and so does an environment that is called on the
                event loop without being ``async``.

        Raises:
            EnvironmentFailed: It raised, or returned no observation.
            TimeExceeded: No answer in time; only close() may follow.
        """
        ...

    async def step(
        self, action: Mapping[str, Any], timeout_s: float | None = None, options: Mapping[str, Any] = NO_OPTIONS
    ) -> Outcome:
        """Take one action.

        Args:
            action: As it came over the wire.
            timeout_s: As in ``reset``.
            options: What else step() is called with, by name; what it does not take is left out.

        Raises:
            PolicyError: The action is not of the environment's action type.
            EnvironmentFailed: It raised, or returned no observation.
            TimeExceeded: No answer in time; only close() may follow.
        """
        ...

    async def state(self, timeout_s: float | None = None) -> dict[str, Any]:
        """The environment's state as a mapping; empty where it has none.

        Raises:
            EnvironmentFailed: Reading it raised.
            TimeExceeded: As in ``reset``.
        """
        ...

    async def close(self, timeout_s: float = CLOSE_SECONDS) -> None:
        """Close the environment; what it raises then is logged and dropped with it.

        One that is stuck in a call, or that does not close in time, is left behind.

        Args:
            timeout_s: Seconds to wait, > 0.
        """
        ...


class ToolRuntime(Runtime, Protocol):
    """One whose environment has tools that are no steps to it: requests for them are passed on as they are."""

    async def ask_tools(self, request: Mapping[str, Any], timeout_s: float | None = None) -> Outcome:
        """Have a JSON-RPC request answered.

        Args:
            request: The request.
            timeout_s: As in ``reset``.

        Returns:
            The response as an observation, of whatever form it has; OpenEnv tells no reward there.

        Raises:
            EnvironmentFailed: The server answers no such requests.
            TimeExceeded: As in ``reset``.
        """
        ...


class InlineRuntime(Runtime, Protocol):
    """A runtime that never waits: for environments whose every call is a plain one on the event loop."""

    def reset_at_once(self, arguments: Mapping[str, Any]) -> Outcome:
        """As ``reset``."""
        ...

    def step_at_once(self, action: Mapping[str, Any]) -> Outcome:
        """As ``step``."""
        ...


class PooledRuntime(Runtime, Protocol):
    """A runtime that tells what its environment came to: for one whose every call runs on the pool of threads."""

    def reset_soon(self, arguments: Mapping[str, Any], then: Then, timeout_s: float | None = None) -> PooledCall:
        """As ``reset``; ``then`` is told an ``Outcome``, or what ``failed`` is to make an error of."""
        ...

    def step_soon(self, action: Mapping[str, Any], then: Then, timeout_s: float | None = None) -> PooledCall:
        """As ``step``, likewise."""
        ...

    async def failed(self, error: Exception, *, in_reset: bool) -> NoReturn:
        """Raise as ``reset`` or ``step`` would."""
        ...

    def abandon(self, call: PooledCall) -> None:
        """Leave a call to itself, of which nobody is told then; only close() may follow."""
        ...


async def start_runtime(kind: EnvironmentType, timeout_s: float | None = None) -> Runtime:
    """Make an instance of an environment, where its class says that it runs.

    Args:
        kind: The class.
        timeout_s: Seconds that its constructor may take, > 0; None is any.

    Raises:
        EnvironmentFailed: Its constructor raised.
        TimeExceeded: Its constructor took too long; it is left behind.
    """
    if kind.blocking == "process":
        from openenv_tasksets.server.process_runtime import ProcessRuntime

        return await ProcessRuntime.start(kind, timeout_s)
    from openenv_tasksets.server.local_runtime import LocalRuntime

    return await LocalRuntime.start(kind, timeout_s)
