"""What a taskset may do only with the user's word: execute what it chose, receive secrets, have rows sent away."""

from collections.abc import Mapping
from dataclasses import dataclass

from openenv_tasksets.declaration import EnvironmentDeclaration
from openenv_tasksets.loaders.errors import ConsentNeeded
from openenv_tasksets.server_url import host_of, is_loopback


@dataclass(frozen=True, slots=True)
class Consent:
    """The user's word, for each environment, each name, each host and each image.

    Attributes:
        execution: Ids of environments that may execute code from their rows.
        secrets: Names of environment variables that environments may have.
        hosts: Hosts, without ports, that rows may be sent to, and the token that is meant for them. This machine is
            always one.
        images: Container images that may be run.
    """

    execution: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()

    def check(
        self,
        environment: EnvironmentDeclaration,
        *,
        executes_rows: bool = False,
        image: str | None = None,
        variables: Mapping[str, str],
    ) -> None:
        """Refuse what the user has not agreed to, of an environment that runs here.

        Args:
            environment: What is to be run.
            executes_rows: Whether its class says that it runs code from the rows.
            image: The container image that is to be run for it, or None.
            variables: The process's environment variables; only names are looked at.

        Raises:
            ConsentNeeded: Names every option that is missing, and every secret that is allowed but not set.
        """
        missing = []
        if image is not None and image not in self.images:
            missing.append(
                f"environment {environment.id!r} runs the container image {image}: allow it with --allow-image {image}"
            )
        if executes_rows and environment.id not in self.execution:
            missing.append(
                f"environment {environment.id!r} executes code from the rows: allow it with "
                f"--allow-execution {environment.id}"
            )
        runtime = environment.frameworks.openenv
        for name in () if runtime is None else runtime.secrets:
            if name not in self.secrets:
                missing.append(
                    f"environment {environment.id!r} wants the secret {name}: allow it with --allow-secret {name}"
                )
            elif name not in variables:
                missing.append(f"the secret {name} is allowed but not set: export {name}=...")
        if missing:
            raise ConsentNeeded("\n".join(missing))

    def check_host(self, url: str, environment_id: str) -> None:
        """Refuse a server on a host that the user has not named.

        Args:
            url: Of the server.
            environment_id: Whose rows would be sent there.

        Raises:
            ConsentNeeded: It is beyond this machine, and not among ``hosts``.
        """
        host = host_of(url)
        if not is_loopback(url) and host not in {each.lower() for each in self.hosts}:
            raise ConsentNeeded(
                f"environment {environment_id!r} runs on {host}, so its rows, hidden values among them, would be sent "
                f"there: allow it with --allow-host {host}"
            )
