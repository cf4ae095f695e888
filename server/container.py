"""A container with an OpenEnv server, started and stopped by one of OpenEnv's container providers."""

import asyncio
import atexit
import importlib
import logging
import os
import threading
from collections.abc import Sequence
from typing import Any, Protocol, cast

from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration import EnvironmentDeclaration
from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server_url import read_server_url

logger = logging.getLogger(__name__)

_PROVIDERS = "openenv.core.containers.runtime.providers"
READY_SECONDS = 120.0


class ContainerProvider(Protocol):
    """What starts a container: OpenEnv's ``LocalDockerProvider``, and whatever else has these three methods."""

    def start_container(
        self, image: str, port: int | None = None, env_vars: dict[str, str] | None = None, **kwargs: Any
    ) -> str:
        """Start one, and give its server's base URL."""
        ...

    def stop_container(self) -> None:
        """Stop and remove it."""
        ...

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        """Return when its server answers; raise TimeoutError when it does not."""
        ...


class Container:
    """A container's address: it is started when it is first asked for. Thread-safe.

    It is stopped with the host that it was made for, and at the latest when Python ends in order.

    Args:
        image: The image.
        secrets: Names of the environment variables that it gets.
        provider: Starts it; None makes OpenEnv's ``LocalDockerProvider``, which needs OpenEnv and Docker.
    """

    def __init__(self, image: str, secrets: Sequence[str] = (), provider: ContainerProvider | None = None) -> None:
        self._image = image
        self._secrets = secrets
        self._provider = provider
        self._lock = threading.Lock()
        self._is_started = False
        self._url: str | None = None

    async def __call__(self) -> str:
        """The base URL of the container's server.

        Raises:
            EnvironmentFailed: It could not be started.
        """
        return await asyncio.to_thread(self._start) if self._url is None else self._url

    def check(self, declared: EnvironmentDeclaration, consent: Consent) -> None:
        """Refuse the image, and every secret, that the user has not agreed to."""
        consent.check(declared, image=self._image, variables=os.environ)

    def stop(self) -> None:
        """Stop the container, if it runs."""
        with self._lock:
            self._url = None
            if self._provider is None or not self._is_started:
                return
            self._is_started = False
            atexit.unregister(self.stop)
            try:
                self._provider.stop_container()
            except Exception as exc:  # noqa: BLE001 - the provider's, which may show what was given
                logger.warning("the container of %s was not stopped in order: %s", self._image, type(exc).__name__)

    def _start(self) -> str:
        with self._lock:
            if self._url is None:
                self._url = self._started()
            return self._url

    def _started(self) -> str:
        logger.info("starting a container of %s", self._image)
        variables = {name: os.environ[name] for name in self._secrets}
        try:
            self._provider = self._provider or local_docker()
            self._is_started = True
            atexit.register(self.stop)
            url = read_server_url(self._provider.start_container(self._image, env_vars=variables))
            self._provider.wait_for_ready(url, READY_SECONDS)
        except EnvironmentFailed:
            raise
        except Exception as exc:  # noqa: BLE001 - what a provider says may show the command with its variables
            raise EnvironmentFailed(f"no container of {self._image} could be started: {type(exc).__name__}") from None
        return url


def local_docker() -> ContainerProvider:
    """OpenEnv's provider for this machine's Docker.

    Raises:
        EnvironmentFailed: OpenEnv or Docker is not installed.
    """
    try:
        provider = importlib.import_module(_PROVIDERS).LocalDockerProvider()
    except ImportError:
        raise EnvironmentFailed("OpenEnv's providers are not installed: pip install openenv") from None
    except RuntimeError:
        raise EnvironmentFailed(
            "Docker is not available here; install it, or run the image elsewhere and name its "
            "server with --runtime URL"
        ) from None
    return cast("ContainerProvider", provider)
