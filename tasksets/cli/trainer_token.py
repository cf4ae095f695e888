"""Who may connect to ``tasksets serve``: the trainer's token, and addresses beyond this machine."""

import ipaddress
import os
from pathlib import Path

import typer


def read_token(variable: str | None, file: Path | None) -> str | None:
    """The trainer's token. A variable is taken out of the environment: nothing that runs here needs it."""
    from openenv_tasksets.loaders.errors import TasksetError

    if variable is not None and file is not None:
        raise typer.BadParameter("the token is in a variable or in a file", param_hint="--trainer-token-env")
    if variable is not None:
        token = os.environ.pop(variable, None)
        if token is None:
            raise TasksetError(f"--trainer-token-env {variable}: there is no such environment variable")
        return token
    if file is None:
        return None
    try:
        return file.read_text().strip()
    except (OSError, UnicodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise TasksetError(f"--trainer-token-file {file}: {reason}") from None


def check_address(host: str, consented: bool) -> None:
    """Refuse to let other machines connect without the user's word."""
    from openenv_tasksets.loaders.errors import ConsentNeeded

    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    if not here and not consented:
        raise ConsentNeeded(
            f"--host {host} lets other machines connect: the rows leave this one, and whoever can reach the port "
            "can read the tasks; ask for a token with --trainer-token-env, or say that you want it so with "
            "--allow-remote"
        )
