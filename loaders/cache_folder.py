"""Where this machine keeps what can be made again: for this user only."""

import os
import re
from contextlib import suppress
from pathlib import Path

from openenv_tasksets.loaders.errors import SourceError

VARIABLE = "OPENENV_TASKSETS_CACHE"
LIMIT_VARIABLE = "OPENENV_TASKSETS_CACHE_LIMIT"

_SIZE = r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?(?:([KMGTkmgt])(?:i?[Bb])?|[Bb])?"


def default_cache() -> Path:
    """``OPENENV_TASKSETS_CACHE``, else ``openenv-tasksets`` in ``XDG_CACHE_HOME``, else in ``~/.cache``."""
    if own := os.environ.get(VARIABLE):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "openenv-tasksets"


def limit_from_environment() -> int | None:
    """What ``OPENENV_TASKSETS_CACHE_LIMIT`` says, in bytes; None where it is not set.

    Raises:
        SourceError: It is not a size.
    """
    text = os.environ.get(LIMIT_VARIABLE)
    if not text:
        return None
    try:
        return parse_size(text)
    except ValueError as exc:
        raise SourceError(f"{LIMIT_VARIABLE}: {exc}") from exc


def parse_size(text: str) -> int:
    """Bytes of ``500M``, ``20 GiB`` or ``0``: K, M, G and T are powers of 1,024.

    Raises:
        ValueError: It is not a size.
    """
    found = re.fullmatch(_SIZE, text.strip(), re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is not a size such as 500M, 20G or 0")
    return int(float(found[1]) * 1024 ** "_KMGT".index((found[2] or "_").upper()))


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
    temporary = path.with_name(f".{os.urandom(8).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
