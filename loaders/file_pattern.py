"""Globs over a listing of paths, with the meaning that ``datasets`` gives them.

``*`` and ``?`` stay within one path segment, ``[…]`` is a set of characters, and ``**`` as a whole segment
spans any number of folders. Hidden files and folders (``.name``) and special folders (``__name__``) are left
out unless the pattern names them.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from openenv_tasksets.loaders.errors import SourceError

_METADATA_NAMES = frozenset({"config.json", "dataset_dict.json", "dataset_info.json", "dataset_infos.json"})


def has_magic(pattern: str) -> bool:
    """Whether the pattern can match more than the one path that it spells."""
    return any(character in pattern for character in "*?[")


def checked_path(path: str) -> str:
    """A relative path in its plain form, without ``./`` and doubled slashes.

    Raises:
        SourceError: It is empty, absolute, a URL, or climbs with ``..``.
    """
    if "://" in path or "::" in path:
        raise SourceError(f"{path!r}: is a URL; data files are paths below the taskset's folder")
    plain = PurePosixPath(path)
    if plain.is_absolute() or ".." in plain.parts or not plain.parts or "\0" in path:
        raise SourceError(f"{path!r}: must be a path below the taskset's folder, without '..'")
    return str(plain)


def select(pattern: str, paths: Iterable[str]) -> list[str]:
    """The paths that ``pattern`` matches, sorted.

    Raises:
        SourceError: The pattern leaves the folder, or has ``**`` beside other characters in a segment.
    """
    parts = checked_path(pattern).split("/")
    for part in parts:
        if "**" in part and part != "**":
            raise SourceError(f"{pattern!r}: '**' must stand alone between slashes, as in 'data/**/*.parquet'")
    return sorted(path for path in paths if _is_requested(path, parts) and _matches(path.split("/"), parts))


def is_plain_data(path: str) -> bool:
    """Whether a pattern that asks for nothing special, such as ``**``, would give this path."""
    return _is_requested(path, ["**"])


def _is_requested(path: str, pattern: Sequence[str]) -> bool:
    parts = path.split("/")
    return (
        _count(parts, ".") == _count(pattern, ".")
        and _count(parts[:-1], "__") == _count(pattern[:-1], "__")
        and (parts[-1] not in _METADATA_NAMES or parts[-1] == pattern[-1])
    )


def _count(parts: Sequence[str], prefix: str) -> int:
    return sum(part.startswith(prefix) for part in parts)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Match segment by segment, all open alternatives at once, so that no pattern takes long."""
    last = len(pattern) - 1
    reached = _past_stars({0}, pattern)
    for part in parts:
        stepped: set[int] = set()
        for at in reached:
            if at <= last and pattern[at] == "**":
                stepped.update((at, last + 1) if at == last else (at,))
            elif at <= last and fnmatchcase(part, pattern[at]):
                stepped.add(at + 1)
        reached = _past_stars(stepped, pattern)
    return last + 1 in reached


def _past_stars(reached: set[int], pattern: Sequence[str]) -> set[int]:
    """Also the places behind each ``**`` that may stand for no folder at all."""
    last = len(pattern) - 1
    grown = set(reached)
    for at in range(last):
        if at in grown and pattern[at] == "**":
            grown.add(at + 1)
    return grown
