"""A folder's files, and the row source that reads them: one line for each format."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.file_pattern import checked_path
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.layout import file_format
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.stores import Stores

_CARD = "README.md"


def list_files(root: Path) -> list[str]:
    """Paths of the regular files below ``root``, relative, with forward slashes, sorted.

    Hidden files and folders and ``__pycache__`` are left out; links to folders are not followed.

    Raises:
        SourceError: ``root`` is not a folder.
    """
    if not root.is_dir():
        raise SourceError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}")
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        for name in names:
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file():
                found.append(path.relative_to(root).as_posix())
    return sorted(found)


def read_card(root: Path) -> str | None:
    """Text of the folder's README.md, or None where there is none.

    Raises:
        SourceError: It leads outside the folder, cannot be read, or is not UTF-8.
    """
    if not (root / _CARD).is_file():
        return None
    _check_inside(root, _CARD)
    try:
        return (root / _CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise SourceError(f"{_CARD}: cannot be read: {exc}") from exc


def open_rows(root: Path, files: Sequence[str], stores: Stores | None = None) -> Rows:
    """The rows of one split.

    Args:
        root: The folder that holds the files.
        files: Their paths below it, in the order of the rows; all of one format, at least one.
        stores: Where the row store of Parquet files is; None reads them without.

    Raises:
        SourceError: A path leaves the folder, formats differ, or a file is missing or broken.
    """
    if not files:
        raise SourceError("a split needs at least one file")
    names = [checked_path(name) for name in files]
    formats = {file_format(name) for name in names}
    kind = next(iter(formats))
    if len(formats) > 1 or kind is None:
        raise SourceError(f"cannot be read as the rows of one split: {', '.join(names[:20])}")
    for name in names:
        _check_inside(root, name)
    if kind == "parquet" and stores is not None:
        from openenv_tasksets.loaders.stored_rows import StoredRows

        return StoredRows.open(SourceFiles(root, names), stores)
    return LOADERS[kind](root, names)


def _check_inside(root: Path, name: str) -> None:
    """Refuse a link that would make a downloaded folder read the user's other files."""
    home = root.resolve()
    target = (root / name).resolve()
    # A snapshot in the Hub's cache is made of links to the blobs of its repository, or of the whole cache.
    in_cache = home.parent.name == "snapshots" and len(home.parents) > 2
    allowed = [home, *(home.parents[n] / "blobs" for n in (1, 2) if in_cache)]
    if not any(target.is_relative_to(folder) for folder in allowed):
        raise SourceError(f"{name}: is a link that leads outside the folder")


def _parquet(root: Path, names: Sequence[str]) -> Rows:
    from openenv_tasksets.loaders.parquet import ParquetRows

    return ParquetRows.open(root, names)


def _json(root: Path, names: Sequence[str]) -> Rows:
    from openenv_tasksets.loaders.json_lines import JsonRows

    return JsonRows.open(root, names)


def _csv(root: Path, names: Sequence[str]) -> Rows:
    from openenv_tasksets.loaders.hf_datasets import DatasetRows

    return DatasetRows.open(root, names, "csv")


def _tsv(root: Path, names: Sequence[str]) -> Rows:
    from openenv_tasksets.loaders.hf_datasets import DatasetRows

    return DatasetRows.open(root, names, "tsv")


LOADERS: dict[str, Callable[[Path, Sequence[str]], Rows]] = {
    "parquet": _parquet,
    "json": _json,
    "csv": _csv,
    "tsv": _tsv,
}
"""Format of a file, as ``file_format`` names it, to what reads it."""
