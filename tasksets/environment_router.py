"""Several environments behind one client: each reset() goes where its ``environment`` field says."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

from openenv_tasksets.environment_mixture import FIELD
from openenv_tasksets.loaders.errors import EnvironmentNotFound, ResetNeeded, SelectionError
from openenv_tasksets.loaders.spelling import nearest


class EnvironmentClient(Protocol):
    """What a router asks of a client: OpenEnv's are such ones."""

    def reset(self, **selectors: Any) -> Any:
        """Start an episode."""
        ...

    def step(self, action: Any, **arguments: Any) -> Any:
        """Go on with it."""
        ...

    def state(self) -> Any:
        """Where it is."""
        ...

    def close(self) -> Any:
        """Close the connection."""
        ...


class EnvironmentRouter:
    """One session with each of several environments, of which one plays at a time.

    It calls the clients and hands on what they return: with clients that are not blocking, await it.

    Args:
        clients: A client for each environment by name, or the URL of its server.
        connect: Makes a client of a URL, when it is first needed; None takes OpenEnv's generic client, blocking.

    Attributes:
        environments: The names.

    Raises:
        SelectionError: There is no environment.
    """

    def __init__(
        self,
        clients: "Mapping[str, EnvironmentClient | str]",
        *,
        connect: Callable[[str], EnvironmentClient] | None = None,
    ) -> None:
        if not clients:
            raise SelectionError("a router needs at least one environment")
        self.environments = tuple(clients)
        self._clients = dict(clients)
        self._connect = connect or _openenv_client
        self._current: EnvironmentClient | None = None

    def reset(self, *, environment: str, **selectors: Any) -> Any:
        """Start an episode in one of the environments.

        Args:
            environment: Its name: a row's ``environment`` field.
            selectors: What its own reset() gets: the rest of the row.

        Raises:
            SelectionError: There is no such environment.
        """
        if environment not in self._clients:
            raise SelectionError(f"no {FIELD} {environment!r}{nearest(str(environment), self.environments)}")
        client = self._clients[environment]
        if isinstance(client, str):
            client = self._clients[environment] = self._connect(client)
        self._current = client
        return client.reset(**selectors)

    def step(self, action: Any, **arguments: Any) -> Any:
        """A step of the episode that was started last.

        Raises:
            ResetNeeded: None was.
        """
        return self._playing().step(action, **arguments)

    def state(self) -> Any:
        """The state of the episode that was started last.

        Raises:
            ResetNeeded: None was.
        """
        return self._playing().state()

    def close(self) -> list[Any]:
        """Close every client that is there; what they return, to be awaited where they do not block."""
        self._current = None
        return [client.close() for client in self._clients.values() if not isinstance(client, str)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _playing(self) -> EnvironmentClient:
        if self._current is None:
            raise ResetNeeded(f"reset() first, with environment= one of: {', '.join(self.environments)}")
        return self._current


def _openenv_client(url: str) -> EnvironmentClient:
    try:
        openenv = importlib.import_module("openenv")
    except ModuleNotFoundError as exc:
        raise EnvironmentNotFound(
            f"no client for {url}: pip install 'openenv-tasksets[openenv]', or give connect= or clients of your own"
        ) from exc
    client: EnvironmentClient = openenv.GenericEnvClient(base_url=url).sync()
    return client
