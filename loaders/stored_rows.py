"""Parquet rows with a row store before them: what it has is read from there, and the rest from the files.

Where there is a store, opening reads no footer and loads no Arrow. Where there is none, one is begun once more than a
few rows have been read, behind whoever reads.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from openenv_tasksets.loaders.cache_folder import replace_file
from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import ByteSource, ByteSources
from openenv_tasksets.loaders.packed_rows import AT_ONCE_ROWS, PackedRows
from openenv_tasksets.loaders.row_layout import VERSION, Layout, key_of
from openenv_tasksets.loaders.row_unpack import Unpacker
from openenv_tasksets.loaders.rows import Row, ValueRange
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.loaders.store import RowStore
from openenv_tasksets.loaders.stores import Stores

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from openenv_tasksets.loaders.parquet import ParquetRows
    from openenv_tasksets.loaders.store_builder import StoreBuilder

BUILD_AFTER_ROWS = 64
"""How many rows are read from Parquet before a store is begun."""

SMALL_BYTES = 16 << 20
"""What fits into the memory of one ``ParquetRows`` needs no store."""

_RUN_ROWS = 256
_LAYOUT = "layout.json"


class StoredRows:
    """Rows of Parquet files, with a store. Thread-safe; made by ``open``."""

    def __init__(self, split: "_Split", columns: Sequence[str]) -> None:
        self._split = split
        self._columns = tuple(columns)
        self._reads = 0
        self._gathered_to = -1
        self._builder: StoreBuilder | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        files: ByteSources,
        stores: Stores,
        *,
        build_after_rows: int = BUILD_AFTER_ROWS,
        small_bytes: int = SMALL_BYTES,
    ) -> "StoredRows":
        """Open the files of a split, or what is remembered of them.

        Args:
            files: In the order of the rows; at least one.
            stores: Where the store is, or is going to be.
            build_after_rows: How many rows are read from Parquet before a store is begun.
            small_bytes: Rows that take no more than this together get none.

        Raises:
            SourceError: A file is not Parquet, or two files differ in their columns.
            HubError: The footers cannot be had.
        """
        split = _Split(files, stores, build_after_rows, small_bytes)
        return cls(split, split.layout.columns)

    def __len__(self) -> int:
        return self._split.layout.starts[-1]

    def __getitem__(self, index: int, /) -> Row:
        group, place = self._split.layout.find(index)
        packed = self._store.row(group, place)
        if packed is not None and (row := self._unpacked(packed)) is not None:
            return row
        return self._from_parquet(group, [index])[0]

    def __iter__(self) -> Iterator[Row]:
        """The rows in order: from the store some at once, and decoded ahead of whoever asks where there is none."""
        return chain.from_iterable(self._walk() if self.is_ready() else self._walk_files())

    def _walk_files(self) -> Iterator[Iterable[Row]]:
        """The rows in order, some at a time, which are not all at hand."""
        from openenv_tasksets.loaders.order import Order
        from openenv_tasksets.loaders.stream import RowStream

        done = 0
        if all(map(_is_here, self._split.files)):
            from openenv_tasksets.loaders.parquet_walk import rows_in_order

            for count, rows in rows_in_order(self.parquet):
                yield rows
                done += count
        if done < len(self):
            yield (row for _, row in RowStream(self, Order(len(self), "sequential", ""), start=done, stop=len(self)))

    def _walk(self) -> Iterator[Iterable[Row]]:
        """The rows in order, some at a time, which are at hand."""
        for number, (_, size) in enumerate(self._split.layout.groups):
            start, place = self._split.layout.starts[number], 0
            while place < size:
                most = min(_RUN_ROWS, size - place)
                run = self._store.run(number, place, most)
                count = most if run is None else len(run[1]) - 1
                for first in range(0, count, AT_ONCE_ROWS):
                    last = min(first + AT_ONCE_ROWS, count)
                    indices = range(start + place + first, start + place + last)
                    yield self._at_once(run, first, last, indices) or map(self.__getitem__, indices)
                place += count

    def _at_once(self, run: tuple[bytes, list[int]] | None, first: int, last: int, indices: Sequence[int]) -> list[Row]:
        """Rows of a run of the store, or from memory; none where they are to be asked for one by one."""
        with suppress(Exception):  # Whatever Arrow raises for a value, and msgspec for what are not whole rows.
            if run is None:
                return self.read_many(indices)
            content, ends = run
            return self._unpacker.unpack_many(memoryview(content)[ends[first] : ends[last]], last - first)
        return []

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns shown, in the order of the first file or of ``project``."""
        return self._columns

    @property
    def files(self) -> ByteSources:
        """The files."""
        return self._split.files

    @property
    def fingerprint(self) -> str:
        """Digest of the files' content, whatever their names; the first use reads every local file once."""
        return self._split.files.fingerprint

    @property
    def block_starts(self) -> Sequence[int]:
        """The first row of each row group."""
        return self._split.layout.starts[:-1]

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows; those that follow each other are read together, and so are those of the store."""
        found: list[Row] = []
        while (start := len(found)) < len(indices):
            first = indices[start]
            group, place = self._split.layout.find(first)
            count = min(_RUN_ROWS, self._split.layout.groups[group][1] - place, len(indices) - start)
            count = _follow_each_other(indices, start, count)
            got: list[Row] = []
            if group in self._store:
                many = count > 1
                got = self._run(group, place, count) if many else self._scattered(indices[start : start + _RUN_ROWS])
            found += got or self._from_parquet(group, indices[start : start + count])
        return found

    def _run(self, group: int, place: int, count: int) -> list[Row]:
        """Rows of the store that follow each other, from the first one on; none where Parquet must be asked for it."""
        run = self._store.run(group, place, count)
        if run is not None:
            with suppress(Exception):  # Whatever Arrow raises for a value.
                content, ends = run
                return self._unpacker.unpack_many(content, len(ends) - 1)
        return self._one_by_one([self._store.row(group, number) for number in range(place, place + count)])

    def _scattered(self, indices: Sequence[int]) -> list[Row]:
        """As ``_run``, for rows anywhere."""
        starts = self._split.layout.starts
        if not 0 <= min(indices) <= max(indices) < starts[-1]:
            indices = indices[:1]  # The others are an error where it is their turn.
        packed = self._store.rows(starts, indices)
        with suppress(Exception):
            return self._unpacker.unpack_many(b"".join(packed), len(packed)) if packed else []
        return self._one_by_one(packed)

    def _one_by_one(self, packed: Sequence[bytes | None]) -> list[Row]:
        """The rows before the first that is not there, or has no form in Python."""
        found: list[Row] = []
        for each in packed:
            row = None if each is None else self._unpacked(each)
            if row is None:
                break
            found.append(row)
        return found

    def is_hot(self, index: int) -> bool:
        """Whether the row is in the store, or decoded."""
        group, _ = self._split.layout.find(index)
        if group in self._store:
            return True
        return self._split.is_open and self.parquet.is_hot(index)

    def is_ready(self) -> bool:
        """Whether the store has every row, or memory has."""
        self._store.refresh()
        return self._store.is_complete or (self._split.is_open and self.parquet.is_ready())

    def row_bytes(self) -> int:
        """About how many bytes a packed row takes."""
        return self.parquet.row_bytes()

    def prepare(self) -> Iterator[None]:
        """Build the store here and now, where it can be; decode what needs none."""
        builder = self.build()
        if builder is not None:
            yield from builder.help()
        if not self._store.is_complete:
            yield from self.parquet.prepare()

    def gather(self, indices: "NDArray[np.int64]", *, fetch: bool) -> PackedRows | None:
        """As ``BulkRows`` has it: from the store what it has, and the rest from the files."""
        self._store.refresh()
        if fetch or not self._goes_on(indices):
            self._count_reads(len(indices))
        if not len(self._store) or not len(indices):
            return self.parquet.gather(indices, fetch=fetch)
        from openenv_tasksets.loaders.stored_gather import gather

        return gather(self._store, self._split.layout.starts, self.parquet, indices, fetch=fetch)

    def project(self, columns: Sequence[str]) -> "StoredRows":
        """The same rows with only ``columns``; each choice of columns has a store of its own.

        Raises:
            SourceError: There is no such column.
        """
        for name in columns:
            if name not in self._columns:
                raise SourceError(f"no column {name!r}{nearest(name, self._columns)}")
        return StoredRows(self._split, columns)

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order, read from the files without the other columns.

        Raises:
            SourceError: There is no such column.
            SourceChanged: A file changed since it was opened.
        """
        return self.parquet.column(name)

    def column_ranges(self, name: str) -> "Sequence[ValueRange | None]":
        """What the footers say of a column's values in each row group."""
        return self.parquet.column_ranges(name)

    def column_block(self, name: str, block: int) -> "pa.ChunkedArray":
        """A column's values in one row group, read from the files without the other columns.

        Raises:
            SourceError: There is no such column.
            SourceChanged: A file changed since it was opened.
        """
        return self.parquet.column_block(name, block)

    def location(self, index: int) -> str:
        """File and row within it: ``main/test-00000.parquet, row 17``."""
        return self._split.layout.location(index)

    @cached_property
    def parquet(self) -> "ParquetRows":
        """The rows as the files have them, which are opened for it."""
        return self._split.parquet().project(self._columns)

    def build(self) -> "StoreBuilder | None":
        """Begin the store, and bring the files, unless there is nothing to do; what does it."""
        from openenv_tasksets.loaders.store_builder import StoreBuilder

        split = self._split
        with self._lock:
            if self._builder is None:
                wants_store = split.stores.limit_bytes > 0 and split.small_bytes < sum(
                    group.size for group in self.parquet.groups
                )
                if wants_store or not all(file.at_hand() for file in split.files):
                    if wants_store:
                        split.keep_layout()
                    store = self._store if wants_store else None
                    self._builder = StoreBuilder(self.parquet, store, split.stores)
                    self._builder.start()
            return self._builder

    @cached_property
    def _store(self) -> RowStore:
        folder = self._split.folder / key_of(self._columns)
        return RowStore(folder, [rows for _, rows in self._split.layout.groups])

    @cached_property
    def _unpacker(self) -> Unpacker:
        head = self._store.head()
        return Unpacker(self.parquet.form.types if head is None else head.types)

    def _stored(self, index: int) -> Row | None:
        packed = self._store.row(*self._split.layout.find(index))
        return None if packed is None else self._unpacked(packed)

    def _unpacked(self, packed: bytes | memoryview) -> Row | None:
        """The row; None where it has no form in Python, which Parquet says better."""
        try:
            return self._unpacker.unpack(packed)
        except Exception:  # noqa: BLE001 - whatever Arrow raises for a value
            return None

    def _goes_on(self, indices: "NDArray[np.int64]") -> bool:
        """Whether these rows follow those gathered before: a first walk over all decodes each row group once anyway."""
        before, self._gathered_to = self._gathered_to, int(indices[-1]) if len(indices) else self._gathered_to
        return bool(len(indices)) and before < indices[0] <= indices[-1] and all(map(_is_here, self._split.files))

    def _count_reads(self, count: int) -> None:
        before = self._reads
        self._reads += count
        if before < self._split.build_after_rows <= self._reads:
            self.build()

    def _from_parquet(self, group: int, indices: Sequence[int]) -> list[Row]:
        self._store.refresh()
        self._count_reads(len(indices))
        if self._builder is not None and self._builder.write_next(group):
            rows = [self._stored(index) for index in indices]
            if None not in rows:
                return [row for row in rows if row is not None]
        return self.parquet.read_many(indices)


class _Split:
    """What all choices of columns share."""

    def __init__(self, files: ByteSources, stores: Stores, build_after_rows: int, small_bytes: int) -> None:
        self.files = files
        self.stores = stores
        self.build_after_rows = build_after_rows
        self.small_bytes = small_bytes
        self.folder = stores.folder / key_of([str(VERSION), *(file.identity for file in files)])
        self._parquet: ParquetRows | None = None
        self._lock = threading.Lock()
        self.layout = self._remembered() or self._read()

    @property
    def is_open(self) -> bool:
        return self._parquet is not None

    def parquet(self) -> "ParquetRows":
        from openenv_tasksets.loaders.parquet import ParquetRows

        with self._lock:
            if self._parquet is None:
                self._parquet = ParquetRows.of(self.files)
            return self._parquet

    def keep_layout(self) -> None:
        # Without it, the next process reads the footers.
        with suppress(OSError):
            replace_file(self.folder / _LAYOUT, msgspec.json.encode(self.layout))

    def _remembered(self) -> Layout | None:
        try:
            layout = msgspec.json.decode((self.folder / _LAYOUT).read_bytes(), type=Layout)
        except (OSError, msgspec.DecodeError):
            return None
        return layout if layout.version == VERSION else None

    def _read(self) -> Layout:
        rows = self.parquet()
        numbers = {id(file): number for number, file in enumerate(self.files)}
        return Layout(
            columns=rows.columns,
            files=tuple(file.name for file in self.files),
            groups=tuple((numbers[id(group.file)], group.rows) for group in rows.groups),
        )


def _is_here(file: ByteSource) -> bool:
    return file.at_hand() is not None


def _follow_each_other(indices: Sequence[int], start: int, most: int) -> int:
    """How many indices from ``start`` on, one at least, are each the one before and one."""
    first = indices[start]
    if most < 2 or indices[start + 1] != first + 1:
        return 1
    return next((number for number in range(2, most) if indices[start + number] != first + number), most)
