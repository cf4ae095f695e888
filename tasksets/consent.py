"""What a taskset may do only with the user's word: execute row content, and receive named secrets."""

from collections.abc import Mapping
from dataclasses import dataclass

from openenv_tasksets.declaration import EnvironmentDeclaration
from openenv_tasksets.loaders.errors import ConsentNeeded


@dataclass(frozen=True, slots=True)
class Consent:
    """The user's word, for each environment and each name.

    Attributes:
        execution: Ids of environments that may execute code from their rows.
        secrets: Names of environment variables that environments may have.
    """

    execution: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()

    def check(self, environment: EnvironmentDeclaration, *, executes_rows: bool, variables: Mapping[str, str]) -> None:
        """Refuse what the user has not agreed to.

        Args:
            environment: What is to be run.
            executes_rows: Whether its class says that it runs code from the rows.
            variables: The process's environment variables; only names are looked at.

        Raises:
            ConsentNeeded: Names every option that is missing, and every secret that is allowed but not set.
        """
        missing = []
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
