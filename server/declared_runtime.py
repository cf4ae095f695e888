"""Where a declared environment runs: in this process, beside it, in a container, at a Space, or where the user says."""

from typing import Any

from openenv_tasksets.declaration import EnvironmentDeclaration
from openenv_tasksets.installed import find_environment, find_server
from openenv_tasksets.server.container import Container, ContainerProvider
from openenv_tasksets.server.environment_server import EnvironmentServer
from openenv_tasksets.server.remote_runtime import RemoteRuntime
from openenv_tasksets.server_url import space_url

SPACE_SECONDS = 300.0
"""How long a Space that sleeps may take to be there."""


def find_runtime(
    declared: EnvironmentDeclaration,
    *,
    url: str | None = None,
    token: str | None = None,
    provider: ContainerProvider | None = None,
) -> type[Any] | RemoteRuntime:
    """What to give to a ``Host`` for a declared environment. Nothing is asked or started yet.

    Args:
        declared: The environment.
        url: A running server to play with instead of what is declared.
        token: Sent to a server, ``url``'s or the Space's, as ``Authorization: Bearer``; None sends none.
        provider: Starts the container of an ``image``; None is this machine's Docker.

    Raises:
        EnvironmentNotFound: There is no OpenEnv runtime, its package is not installed, or ``url`` is none.
    """
    if url is not None:
        return RemoteRuntime(url, token=token)
    runtime = declared.frameworks.openenv
    if runtime is not None and runtime.space_id is not None:
        return RemoteRuntime(space_url(runtime.space_id), token=token, wait_seconds=SPACE_SECONDS)
    if runtime is not None and runtime.image is not None:
        return RemoteRuntime(Container(runtime.image, runtime.secrets, provider))
    app = find_server(declared)
    return find_environment(declared) if app is None else RemoteRuntime(EnvironmentServer(app, declared.id))
