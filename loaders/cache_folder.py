"""Where this library keeps what it can make again: a folder that only its user can read."""

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of file, made where there is none, with mode 0700.

    Args:
        kind: Its name.

    Raises:
        OSError: It cannot be made.
    """
    home = os.environ.get("XDG_CACHE_HOME")
    root = (Path(home) if home else Path.home() / ".cache") / "openenv-tasksets"
    folder = root / kind
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder
