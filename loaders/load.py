"""A folder's files, and the row source that reads them: one line for each format."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.file_pattern import checked_path
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.layout import split_format
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
    start = len(os.path.join(root, ""))
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        paths = [os.path.join(folder, name) for name in names if not name.startswith(".")]
        found += [path[start:].replace(os.sep, "/") for path in paths if os.path.isfile(path)]
    return sorted(found)


def read_card(root: Path) -> str | None:
    """Text of the folder's README.md, or None where there is none.

    Raises:
        SourceError: It leads outside the folder, cannot be read, or is not UTF-8.
    """
    if not (root / _CARD).is_file():
        return None
    _check_inside(root, [_CARD])
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
    kind = split_format(names)
    if kind is None:
        raise SourceError(f"cannot be read as the rows of one split: {', '.join(names[:20])}")
    _check_inside(root, names)
    if kind == "parquet" and stores is not None:
        from openenv_tasksets.loaders.stored_rows import StoredRows

        return StoredRows.open(SourceFiles(root, names), stores)
    return LOADERS[kind](root, names)


def _check_inside(root: Path, names: Sequence[str]) -> None:
    """Refuse a link that would make a downloaded folder read the user's other files."""
    home = root.resolve()
    # A snapshot in the Hub's cache is made of links to the blobs of its repository, or of the whole cache.
    in_cache = home.parent.name == "snapshots" and len(home.parents) > 2
    allowed = [home, *(home.parents[n] / "blobs" for n in (1, 2) if in_cache)]
    checked: set[Path] = set()
    for name in names:
        path = root / name
        # What is no link is where its folder is.
        place = path if path.is_symlink() else path.parent
        if place not in checked:
            target = place.resolve()
            if not any(target.is_relative_to(folder) for folder in allowed):
                raise SourceError(f"{name}: is a link that leads outside the folder")
            checked.add(place)


def _parquet(root: Path, names: Sequence[str]) -> Rows:
    from openenv_tasksets.loaders.parquet import ParquetRows

    return ParquetRows.open(root, names)


def _json(root: Path, names: Sequence[str]) -> Rows:
    from openenv_tasksets.loaders.json_lines import JsonRows

    return JsonRows.open(root, names)


def _by_datasets(kind: str) -> Callable[[Path, Sequence[str]], Rows]:
    def open_files(root: Path, names: Sequence[str]) -> Rows:
        from openenv_tasksets.loaders.hf_datasets import DatasetRows

        return DatasetRows.open(root, names, kind)

    return open_files


def _media(kind: str) -> Callable[[Path, Sequence[str]], Rows]:
    def open_files(root: Path, names: Sequence[str]) -> Rows:
        from openenv_tasksets.loaders.media_folder import MediaRows

        return MediaRows.open(root, names, kind, open_rows)

    return open_files


LOADERS: dict[str, Callable[[Path, Sequence[str]], Rows]] = {
    "parquet": _parquet,
    "json": _json,
    **{kind: _by_datasets(kind) for kind in ("csv", "tsv", "text", "arrow", "webdataset")},
    **{kind: _media(kind) for kind in ("image", "audio")},
}
"""Format of a split's files, as ``split_format`` names it, to what reads them."""
