"""Rows of JSON files, one object a line or one array of objects, exactly as the JSON says.

They do not go through ``datasets``, which reads JSON by Arrow's types and its own guesses: the text
"2020-01-01" comes back as a datetime, the text "42" as the number 42 where a column is mixed, and a large
integer as a float. Like there, ``NaN`` and ``Infinity`` are numbers: JSON has no such words, but Python writes them.
"""

import gzip
import io
import json
import math
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFile, SourceFiles
from openenv_tasksets.loaders.rows import Row, SingleRows, check_columns, checked_row

_BOM = b"\xef\xbb\xbf"
_DECODER = msgspec.json.Decoder(dict[str, Any])
_MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_NOT_FINITE = (b"NaN", b"Infinity")


@dataclass(frozen=True, slots=True)
class _Part:
    """One file: where each of its rows starts and ends, and its text where that is not the file itself."""

    file: SourceFile
    text: bytes | None
    starts: "array[int]" = field(default_factory=lambda: array("Q"))
    ends: "array[int]" = field(default_factory=lambda: array("Q"))

    def row(self, place: int) -> dict[str, Any]:
        start, end = self.starts[place], self.ends[place]
        text = self.file.read(start, end) if self.text is None else self.text[start:end]
        return _decode(text)


class JsonRows(SingleRows):
    """Random access to the rows of JSON files that make one split.

    Opening reads every file once: each row is checked, its place noted. Then a row is one small read.
    Every row has every column; a key that a row lacks is None, and keys inside values stay as they are.
    Compressed files and arrays are held in memory, as text. Thread-safe; nothing stays open between calls.
    """

    def __init__(self, files: SourceFiles, parts: Sequence[_Part], columns: Sequence[str]) -> None:
        self._files = files
        self._parts = tuple(parts)
        self._columns = tuple(columns)
        self._starts = [0, *accumulate(len(part.starts) for part in parts)]

    @classmethod
    def open(cls, root: Path, files: Sequence[str], columns: Sequence[str] | None = None) -> "JsonRows":
        """Check and index ``files``.

        Args:
            root: The folder that the names are relative to.
            files: Paths below it, in the order of the rows.
            columns: The columns to show, in this order; None shows all.

        Raises:
            SourceError: A file is missing, or a line is not a JSON object (the message names it), or a named
                column does not exist.
        """
        sources = SourceFiles(root, files)
        names: dict[str, None] = {}
        rows = cls(sources, [_index(file, names) for file in sources], list(names))
        return rows if columns is None else rows.project(columns)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int, /) -> Row:
        part, place = self._find(index)
        row = self._parts[part].row(place)
        return {name: row.get(name) for name in self._columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns shown: every key of every row, in the order in which they turn up."""
        return self._columns

    @property
    def fingerprint(self) -> str:
        """Digest of the files' content, whatever their names; the first use reads every file once."""
        return self._files.fingerprint

    def is_hot(self, index: int) -> bool:
        """Whether the row is in memory, rather than in a file."""
        part, _ = self._find(index)
        return self._parts[part].text is not None

    def project(self, columns: Sequence[str]) -> "JsonRows":
        """The same rows with only ``columns``; the files are not indexed again.

        Raises:
            SourceError: There is no such column.
        """
        check_columns(columns, self._columns)
        return JsonRows(self._files, self._parts, columns)

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order; None where a row lacks it.

        Raises:
            SourceError: There is no such column.
            SourceChanged: A file changed since it was opened.
        """
        check_columns([name], self._columns)
        return (part.row(place).get(name) for part in self._parts for place in range(len(part.starts)))

    def location(self, index: int) -> str:
        """File and row within it: ``train.jsonl, row 17``."""
        part, place = self._find(index)
        return f"{self._parts[part].file.name}, row {place}"

    def _find(self, index: int) -> tuple[int, int]:
        row = checked_row(index, len(self))
        part = bisect_right(self._starts, row) - 1
        return part, row - self._starts[part]


def _index(file: SourceFile, names: dict[str, None]) -> _Part:
    """Note where the rows of one file are, and add their keys to ``names``."""
    try:
        with file.path.open("rb") as stream:
            part = _index_stream(stream, file, names)
    except (OSError, EOFError, zlib.error) as exc:
        raise SourceError(f"{file.name}: cannot be read: {exc}") from exc
    file.check()
    return part


def _index_stream(stream: BinaryIO, file: SourceFile, names: dict[str, None]) -> _Part:
    text = None
    if file.name.endswith(".gz"):
        text = gzip.decompress(stream.read())
        stream = io.BytesIO(text)
    is_array = _starts_array(stream.read(4096))
    stream.seek(0)
    if is_array:
        return _index_array(stream.read(), file, names)
    return _index_lines(_Part(file, text), stream, names)


def _starts_array(head: bytes) -> bool:
    return head.removeprefix(_BOM).lstrip().startswith(b"[")


def _index_lines(part: _Part, lines: Iterable[bytes], names: dict[str, None]) -> _Part:
    offset = 0
    for number, line in enumerate(lines, start=1):
        start = offset
        offset += len(line)
        if number == 1 and line.startswith(_BOM):
            start += len(_BOM)
            line = line[len(_BOM) :]
        if line.isspace() or not line:
            continue
        try:
            row = _decode(line)
        except _MALFORMED as exc:
            raise SourceError(f"{part.file.name}: line {number} is not a JSON object: {exc}") from exc
        part.starts.append(start)
        part.ends.append(offset)
        if row.keys() - names.keys():
            names.update(dict.fromkeys(row))
    return part


def _index_array(text: bytes, file: SourceFile, names: dict[str, None]) -> _Part:
    text = text.removeprefix(_BOM)
    try:
        pieces = list(map(bytes, msgspec.json.decode(text, type=list[msgspec.Raw])))
    except _MALFORMED as exc:
        items = _not_finite(text)
        if not isinstance(items, list):
            raise SourceError(f"{file.name}: not a JSON array: {exc}") from exc
        pieces = [json.dumps(item).encode() for item in items]
    part = _Part(file, b"".join(pieces))
    ends = list(accumulate(len(piece) for piece in pieces))
    for number, (piece, end) in enumerate(zip(pieces, ends, strict=True)):
        try:
            row = _decode(piece)
        except _MALFORMED as exc:
            raise SourceError(f"{file.name}: item {number} is not a JSON object: {exc}") from exc
        part.starts.append(end - len(piece))
        part.ends.append(end)
        names.update(dict.fromkeys(row))
    return part


def _decode(text: bytes) -> dict[str, Any]:
    """A row.

    Raises:
        MsgspecError, UnicodeDecodeError, RecursionError: It is not a JSON object.
    """
    try:
        row: dict[str, Any] = _DECODER.decode(text)
    except _MALFORMED:
        found = _not_finite(text)
        if not isinstance(found, dict):
            raise
        return found
    return row


def _not_finite(text: bytes) -> Any:
    """JSON with NaN or infinity among its numbers, as Python reads it; None where it is something else."""
    if not any(word in text for word in _NOT_FINITE):
        return None
    words: list[str] = []

    def number(word: str) -> float:
        words.append(word)
        return float(word)

    with suppress(ValueError, RecursionError):
        found = json.loads(text.decode(), parse_constant=number, parse_float=_finite)
        # Python also reads halves of characters, which nobody can write again.
        msgspec.json.encode(found)
        return found if words else None
    return None


def _finite(digits: str) -> float:
    """A number.

    Raises:
        ValueError: It is too large for one.
    """
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is out of range")
    return number
