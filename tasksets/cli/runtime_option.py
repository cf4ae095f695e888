"""Options that say where an environment runs, and what it may have there: for the commands that run one."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from openenv_tasksets.consent import Consent
    from openenv_tasksets.server.remote_runtime import RemoteRuntime
    from openenv_tasksets.taskset import Taskset

RuntimeUrl = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="URL",
        help="Play with the OpenEnv server there, instead of what the file says; the rows, hidden values among them, "
        "are sent to it.",
    ),
]
RuntimeTokenEnv = Annotated[
    str | None,
    typer.Option(
        "--runtime-token-env",
        metavar="NAME",
        help="Environment variable with a token for the environment's server or Space; it is sent there alone.",
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="HOST",
        help="Let rows be sent to this host, where the file names a Space; repeatable.",
    ),
]
AllowImage = Annotated[
    list[str] | None,
    typer.Option("--allow-image", metavar="IMAGE", help="Let this container image be run; repeatable."),
]
AllowUnproven = Annotated[
    bool,
    typer.Option(
        "--allow-unproven",
        help="Play with a server that shows the same for different rows, and so may ignore them.",
    ),
]


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """What the user said of where environments run.

    Attributes:
        url: Of a running server; None takes what is declared.
        token: For it, or for the declared Space.
        consent: To whatever is asked for.
    """

    url: str | None
    token: str | None
    consent: "Consent"

    def of(self, taskset: "Taskset") -> "type[Any] | RemoteRuntime":
        """What to make a host of, for this taskset."""
        from openenv_tasksets.server.declared_runtime import find_runtime

        return find_runtime(taskset.environment, url=self.url, token=self.token)


def read_choice(
    url: str | None,
    token_env: str | None,
    *,
    execution: Sequence[str] | None,
    secrets: Sequence[str] | None,
    hosts: Sequence[str] | None,
    images: Sequence[str] | None,
) -> RuntimeChoice:
    """The choice that options make. A URL that the user typed is also their word for its host."""
    from openenv_tasksets.consent import Consent
    from openenv_tasksets.loaders.errors import TasksetError
    from openenv_tasksets.server_url import host_of, read_server_url

    token = None
    if token_env is not None:
        token = os.environ.get(token_env)
        if not token:
            raise TasksetError(
                f"--runtime-token-env {token_env}: there is no such environment variable, or nothing in it"
            )
    named = {*(hosts or ())}
    if url is not None:
        named.add(host_of(read_server_url(url)))
    consent = Consent(frozenset(execution or ()), frozenset(secrets or ()), frozenset(named), frozenset(images or ()))
    return RuntimeChoice(url, token, consent)
