"""The servers that the conformance suite runs against: OpenEnv's own, as the oracle, and ours in all its forms.

A form of ours is one entry of ``OURS``: a transport, and where environments run.
"""

from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

from served import served


class OpenEnvServer:
    """An environment behind OpenEnv's ``create_app``, served with uvicorn's defaults as OpenEnv does.

    Rows are selected by our mixin.
    """

    name = role = "openenv"

    def __init__(self, openenv: SimpleNamespace) -> None:
        self._openenv = openenv

    def app(
        self,
        environment: type[Any],
        taskset: Any = None,
        *,
        max_sessions: int = 64,
        session_timeout: float | None = None,
        step_timeout: float | None = None,
        grace_seconds: float = 0.0,
        **settings: Any,
    ) -> Any:
        """The application.

        Args:
            environment: With its action, observation and state as ``models``.
            taskset: Its tasks; None leaves the environment unbound.
            max_sessions: At once.
            session_timeout: Seconds until an idle session is closed; None is never.
            step_timeout: Ignored: it has none.
            grace_seconds: Ignored: it has none.
            settings: Of ``create_app``, such as ``mode``.
        """
        from openenv_tasksets.mixin import bind_environment

        action, observation, state = environment.models
        bound = environment if taskset is None else bind_environment(environment, taskset)
        concurrency = self._openenv.ConcurrencyConfig(max_concurrent_envs=max_sessions, session_timeout=session_timeout)
        return self._openenv.create_app(
            bound,
            action,
            observation,
            env_name="quiz",
            concurrency_config=concurrency,
            state_cls=state,
            **settings,
        )

    def serve(self, *environment: Any, **settings: Any) -> AbstractContextManager[str]:
        """``with server.serve(environment, taskset, max_sessions=2) as url``; see ``app``."""
        return served(self.app(*environment, **settings))


class OurServer:
    """An environment behind our ``create_app``.

    Args:
        transport: As in ``openenv_tasksets.server.serve``.
        blocking: Of ``HostSettings``, for an environment that does not say where it runs.
    """

    role = "ours"

    def __init__(self, transport: str, blocking: str | None = None) -> None:
        self.name = f"ours, {transport}" if blocking is None else f"ours, {transport}, {blocking}"
        self._transport = transport
        self._blocking = blocking

    def app(self, environment: type[Any], taskset: Any, *, mode: str | None = None, **settings: Any) -> Any:
        """The application.

        Args:
            environment: The environment class.
            taskset: Its tasks.
            mode: None is the default.
            settings: Of ``HostSettings``.
        """
        from openenv_tasksets.server.app import create_app
        from openenv_tasksets.server.host import Host, HostSettings

        blocking = None if hasattr(environment, "blocking") else self._blocking
        settings = {"max_sessions": 64, "blocking": blocking, **settings}
        host = Host(taskset, environment, settings=HostSettings(**settings))
        return create_app([host], **({} if mode is None else {"mode": mode}))

    def serve(self, *environment: Any, **settings: Any) -> AbstractContextManager[str]:
        """``with server.serve(environment, taskset, max_sessions=2) as url``; see ``app``."""
        return served(self.app(*environment, **settings), transport=self._transport)


OURS = [OurServer("fast"), OurServer("plain"), OurServer("fast", "pool")]
