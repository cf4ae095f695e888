"""Rows that code makes: a row source from an installed package, finite or endless."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.rows import ENDLESS, Row, SingleRows, check_columns, checked_row


class MadeRows(SingleRows):
    """Random access to rows that are made when they are asked for. As thread-safe as the source.

    Args:
        source: Gives the row of an index, ``source[index]``. It has ``len(source)`` rows; where its attribute
            ``size`` is None, it has no end, and its ``len`` is not asked.
        name: What messages call it.
        identity: What the rows depend on, as text.
        columns: The columns to show; None takes those of row 0, which every row must have.

    Raises:
        SourceError: It is no row source, or row 0 cannot be made.
    """

    def __init__(self, source: Any, name: str, identity: str, columns: Sequence[str] | None = None) -> None:
        self._source = source
        self._name = name
        self._identity = identity
        if not hasattr(source, "__getitem__"):
            raise SourceError(f"{name} gave {type(source).__name__}, which is no row source: it has no source[index]")
        size = getattr(source, "size", 0)
        if size is not None and not hasattr(source, "__len__"):
            raise SourceError(
                f"{name} gave a row source without a length; an endless one has the attribute size = None"
            )
        self._length = ENDLESS if size is None else len(source)
        self._columns: tuple[str, ...] | None = None
        if columns is None:
            columns = tuple(self._make(0)) if self._length else ()
        self._columns = tuple(columns)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int, /) -> Row:
        row = self._make(checked_row(index, self._length))
        missing = [name for name in self.columns if name not in row]
        if missing:
            raise SourceError(f"{self.location(index)}: has no {missing[0]!r}, which row 0 has")
        return {name: row[name] for name in self.columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns shown."""
        return self._columns or ()

    @property
    def fingerprint(self) -> str:
        """Digest of what the rows depend on; none of them is made."""
        return hashlib.blake2b(self._identity.encode(), digest_size=16).hexdigest()

    def project(self, columns: Sequence[str]) -> "MadeRows":
        """The same rows, showing only ``columns``.

        Raises:
            SourceError: There is no such column.
        """
        check_columns(columns, self.columns)
        return MadeRows(self._source, self._name, self._identity, columns)

    def location(self, index: int) -> str:
        """``source 'arithmetic', row 17``."""
        return f"{self._name}, row {index}"

    def _make(self, index: int) -> Mapping[str, Any]:
        try:
            row = self._source[index]
        except Exception as exc:
            # Its text may hold an answer: the type must do, and the log has the rest.
            raise SourceError(f"{self.location(index)}: cannot be made: {type(exc).__name__}") from exc
        if not isinstance(row, Mapping):
            raise SourceError(f"{self.location(index)}: is {type(row).__name__}, not a mapping of columns")
        return row
