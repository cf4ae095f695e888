"""Where this machine keeps what can be made again: for this user only."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

VARIABLE = "OPENENV_TASKSETS_CACHE"


def default_cache() -> Path:
    """``OPENENV_TASKSETS_CACHE``, else ``openenv-tasksets`` in ``XDG_CACHE_HOME``, else in ``~/.cache``."""
    if own := os.environ.get(VARIABLE):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "openenv-tasksets"


def make_folder(path: Path) -> None:
    """Make a folder and what is above it; only the user may look into those that are made.

    Raises:
        OSError: It cannot be made.
    """
    if not path.is_dir():
        if path.parent != path:
            make_folder(path.parent)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the new one, whole.

    Raises:
        OSError: It cannot be written.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
