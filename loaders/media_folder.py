"""Folders of images or sounds, with the meaning that ``datasets`` gives them; nothing is decoded.

``datasets`` itself would copy nothing but names, and for sounds it needs a decoder to do so.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFile, SourceFiles
from openenv_tasksets.loaders.layout import METADATA_NAMES
from openenv_tasksets.loaders.rows import Row, Rows, SingleRows, check_columns, checked_row

LABEL = "label"


@dataclass(frozen=True, slots=True)
class _Described:
    """A metadata file: its rows, and the folder that the names in it are relative to."""

    folder: str
    rows: Rows


class MediaRows(SingleRows):
    """Random access to the images or sounds that make one split. Thread-safe; each is read when its row is.

    A file is a row with the column ``image`` (or ``audio``): a struct of ``bytes`` and ``path``, as it is in the
    Parquet files of the Hub. Where the files are in several folders of one depth, ``label`` is the folder's name.
    Where ``metadata.csv``, ``.jsonl`` or ``.parquet`` is among them, its rows are the rows: ``file_name`` becomes
    ``image``, ``x_file_name`` ``x``, ``file_names`` the list ``images``, and ``x_file_names`` the list ``x``.

    Args:
        kind: ``image`` or ``audio``.
        files: All files of the split.
        media: Those that are images or sounds, by path.
        described: The metadata, opened; empty where there is none.
        columns: The columns to show.
    """

    def __init__(
        self,
        kind: str,
        files: SourceFiles,
        media: Mapping[str, SourceFile],
        described: Sequence[_Described],
        columns: Sequence[str],
    ) -> None:
        self._kind = kind
        self._files = files
        self._media = media
        self._paths = tuple(media)
        self._described = tuple(described)
        self._starts = [0, *accumulate(len(each.rows) for each in described)]
        self._columns = tuple(columns)

    @classmethod
    def open(
        cls, root: Path, files: Sequence[str], kind: str, open_metadata: Callable[[Path, Sequence[str]], Rows]
    ) -> "MediaRows":
        """Open a split's files; of them only the metadata is read.

        Args:
            root: The folder that the names are relative to.
            files: Paths below it, in the order of the rows.
            kind: ``image`` or ``audio``.
            open_metadata: Opens files of rows.

        Raises:
            SourceError: A file is missing, or the metadata cannot be read, names no files, or differs in columns.
        """
        sources = SourceFiles(root, files)
        is_metadata = {file.name: file.name.rpartition("/")[2] in METADATA_NAMES for file in sources}
        media = {file.name: file for file in sources if not is_metadata[file.name]}
        names = [name for name, found in is_metadata.items() if found]
        described = [_Described(name.rpartition("/")[0], open_metadata(root, [name])) for name in names]
        for name, each in zip(names, described, strict=True):
            if set(each.rows.columns) != set(described[0].rows.columns):
                raise SourceError(f"{names[0]} and {name}: their columns differ")
        if not described:
            return cls(kind, sources, media, (), _columns_of(kind, media))
        columns = described[0].rows.columns
        shown = [_media_name(name, kind) or name for name in columns]
        if shown == list(columns):
            raise SourceError(f"{names[0]}: no column names the {kind} files; one must be called file_name")
        for name in shown:
            if shown.count(name) > 1:
                raise SourceError(f"{names[0]}: two columns would be called {name!r}; rename one of them")
        return cls(kind, sources, media, described, shown)

    def __len__(self) -> int:
        return self._starts[-1] if self._described else len(self._paths)

    def __getitem__(self, index: int, /) -> Row:
        row = checked_row(index, len(self))
        if self._described:
            each, place = self._find(row)
            return self._with_media(each.rows[place], each.folder)
        path = self._paths[row]
        made: dict[str, Callable[[], Any]] = {
            self._kind: lambda: _content(self._media[path]),
            LABEL: lambda: path.split("/")[-2],
        }
        return {name: made[name]() for name in self._columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns shown."""
        return self._columns

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the content and the names, which decide order and labels; the first use reads every file."""
        names = "\0".join(file.name for file in self._files)
        return hashlib.blake2b(f"{self._files.fingerprint}\0{names}".encode(), digest_size=16).hexdigest()

    def project(self, columns: Sequence[str]) -> "MediaRows":
        """The same rows with only ``columns``; without the media, no image or sound is read.

        Raises:
            SourceError: There is no such column.
        """
        check_columns(columns, self._columns)
        described = []
        for each in self._described:
            behind = {_media_name(name, self._kind) or name: name for name in each.rows.columns}
            described.append(_Described(each.folder, each.rows.project([behind[name] for name in columns])))
        return MediaRows(self._kind, self._files, self._media, described, columns)

    def location(self, index: int) -> str:
        """``cat/1.png``, or the row of the metadata."""
        row = checked_row(index, len(self))
        if not self._described:
            return self._paths[row]
        each, place = self._find(row)
        return each.rows.location(place)

    def _find(self, row: int) -> tuple[_Described, int]:
        part = bisect_right(self._starts, row) - 1
        return self._described[part], row - self._starts[part]

    def _with_media(self, row: Mapping[str, Any], folder: str) -> dict[str, Any]:
        made = {}
        for name, value in row.items():
            media_name = _media_name(name, self._kind)
            if media_name is not None:
                made[media_name] = self._read(value, folder)
            elif isinstance(value, dict):
                made[name] = self._with_media(value, folder)
            elif isinstance(value, list):
                made[name] = [self._with_media(each, folder) if isinstance(each, dict) else each for each in value]
            else:
                made[name] = value
        return made

    def _read(self, value: Any, folder: str) -> Any:
        if value is None:
            return None
        if isinstance(value, list):
            return [self._read(each, folder) for each in value]
        path = f"{folder}/{value}" if folder else str(value)
        file = self._media.get(path)
        if file is None:
            raise SourceError(f"{path}: metadata names it, but there is no such {self._kind} file in this split")
        return _content(file)


def _columns_of(kind: str, paths: Iterable[str]) -> tuple[str, ...]:
    """With a label where ``datasets`` finds one: the files are in several folders of one depth."""
    folders = {tuple(path.split("/")[-2:-1]) for path in paths}
    depths = {path.count("/") for path in paths}
    return (kind, LABEL) if len(folders) > 1 and len(depths) == 1 else (kind,)


def _content(file: SourceFile) -> dict[str, Any]:
    return {"bytes": file.read(0, file.size), "path": file.name.rpartition("/")[2]}


def _media_name(name: str, kind: str) -> str | None:
    """The column that a column of file names becomes; None for any other."""
    if name in ("file_name", "file_names"):
        return kind if name == "file_name" else f"{kind}s"
    for ending in ("_file_name", "_file_names"):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return None
