"""Rows as Arrow tables, whose values come back from Parquet as they were; or the reason why they would not."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.files import ByteSource, SourceFile, SourceFiles
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.stored_rows import StoredRows

BATCH_ROWS = 250
_READ_ROWS = 1000
_READ_BYTES = 8 << 20
_BUFFER_BYTES = 1 << 20
# What pyarrow raises for a value that a type cannot hold.
_UNFIT = (pa.ArrowException, OverflowError, TypeError, ValueError)
_AS_JSON = "store JSON text and name the column in task.json"
_REMEDY = f"make the values one type, or {_AS_JSON}"


@dataclass(frozen=True, slots=True)
class ArrowRows:
    """Rows with the types that hold all of them.

    Attributes:
        rows: The rows.
        picks: Which of them, in this order; None means all.
        keep_nulls: Whether a struct field that is null differs from one that is not there.
        schema: A type for every column.
    """

    rows: Rows
    picks: Sequence[int] | None
    keep_nulls: bool
    schema: pa.Schema

    @classmethod
    def of(cls, rows: Rows, picks: Sequence[int] | None = None, *, keep_nulls: bool = False) -> "ArrowRows":
        """Find the types; reads every row once, unless they are Parquet.

        Raises:
            SourceError: A column holds values of types that do not go together.
        """
        if is_parquet(rows):
            return cls(rows, picks, keep_nulls, _schema_of_files(files_of(rows), rows.columns))
        unknown = pa.schema([(name, pa.null()) for name in rows.columns])
        found = cls(rows, picks, keep_nulls, unknown)
        schema = unknown
        for start, batch in found._batches():
            arrays = [_inferred(batch, name, found._where(start)) for name in rows.columns]
            schema = _unified(schema, pa.schema(zip(rows.columns, (array.type for array in arrays), strict=True)))
        if not rows.columns and len(found):
            raise SourceError("rows without any column cannot be stored as Parquet")
        for field in schema:
            if _has_empty_struct(field.type):
                raise SourceError(
                    f"{rows.location(0)} and all others: column {field.name!r} holds objects without any field, which "
                    f"cannot be stored as Parquet; leave it out, or {_AS_JSON}"
                )
        return cls(rows, picks, keep_nulls, schema)

    def __len__(self) -> int:
        return len(self.rows) if self.picks is None else len(self.picks)

    def tables(self) -> Iterator[pa.Table]:
        """The rows in order, some at a time.

        Raises:
            SourceError: A value would not come back as it is; the message holds no value.
            SourceChanged: A file changed since it was opened.
        """
        if is_parquet(self.rows) and self.picks is None:
            yield from _tables_of_files(files_of(self.rows), self.schema)
            return
        for start, batch in self._batches():
            arrays = [self._array(batch, field, start) for field in self.schema]
            yield pa.Table.from_arrays(arrays, schema=self.schema)

    def _array(self, batch: Sequence[Any], field: pa.Field, start: int) -> pa.Array:
        values = [row.get(field.name) for row in batch]
        where = f"{self._where(start)}: column {field.name!r}"
        try:
            array = pa.array(values, type=field.type)
            # Arrow takes times beyond a day, which Python has none of.
            backs = array.to_pylist()
        except _UNFIT as exc:
            raise SourceError(f"{where}: not every value is {field.type}; {_REMEDY}") from exc
        for place, (value, back) in enumerate(zip(values, backs, strict=True)):
            if not is_same(value, back, keep_nulls=self.keep_nulls):
                raise SourceError(
                    f"{self._location(start + place)}: column {field.name!r}: a value of type {type(value).__name__} "
                    f"would come back from Parquet's {field.type} as another; {_REMEDY}"
                )
        return array

    def _batches(self) -> Iterator[tuple[int, list[Any]]]:
        for start in range(0, len(self), BATCH_ROWS):
            places = range(start, min(start + BATCH_ROWS, len(self)))
            yield start, [self.rows[self._row(place)] for place in places]

    def _row(self, place: int) -> int:
        return place if self.picks is None else self.picks[place]

    def _location(self, place: int) -> str:
        return self.rows.location(self._row(place))

    def _where(self, start: int) -> str:
        return f"{self._location(start)} and those after it"


def is_parquet(rows: Rows) -> bool:
    """Whether the rows are those of Parquet files."""
    return isinstance(rows, ParquetRows | StoredRows)


def files_of(rows: Rows) -> Sequence[SourceFile] | None:
    """The files that hold the rows, on this machine; None for rows in memory.

    Raises:
        HubError: They are on the Hub, which does not give one.
    """
    if isinstance(rows, ParquetRows | StoredRows):
        return [_at_hand(file) for file in rows.files]
    files: SourceFiles | None = getattr(rows, "_files", None)
    return None if files is None else list(files)


def _at_hand(file: ByteSource) -> SourceFile:
    if isinstance(file, SourceFile):
        return file
    file.bring()
    path = file.at_hand()
    if path is None:
        raise SourceChanged(f"{file.name}: gone from the Hub's cache; open the taskset again")
    return msgspec.structs.replace(SourceFile.at(path.parent, path.name), name=file.name)


def is_same(value: Any, back: Any, *, keep_nulls: bool = False) -> bool:
    """Whether two values are equal and of one type, at every depth.

    Args:
        value: What was stored.
        back: What came back.
        keep_nulls: Whether a struct field that is null differs from one that is not there.
    """
    if type(value) is not type(back):
        return False
    if isinstance(value, dict):
        if keep_nulls and value.keys() != back.keys():
            return False
        names = value.keys() | back.keys()
        return all(is_same(value.get(name), back.get(name), keep_nulls=keep_nulls) for name in names)
    if isinstance(value, list):
        return len(value) == len(back) and all(
            is_same(one, other, keep_nulls=keep_nulls) for one, other in zip(value, back, strict=True)
        )
    if isinstance(value, datetime | time):
        return bool(value == back and value.utcoffset() == back.utcoffset())
    if isinstance(value, float):
        return value == back or (math.isnan(value) and math.isnan(back))
    return bool(value == back)


def _inferred(batch: Sequence[Any], name: str, where: str) -> pa.Array:
    values = [row.get(name) for row in batch]
    try:
        return pa.array(values)
    except OverflowError:
        # Arrow never guesses that an integer is unsigned.
        kind = pa.uint64()
    except _UNFIT as exc:
        raise SourceError(f"{where}: column {name!r} holds values of several types; {_REMEDY}") from exc
    try:
        return pa.array(values, type=kind)
    except _UNFIT as exc:
        raise SourceError(f"{where}: column {name!r} holds integers beyond 64 bits; store them as text") from exc


def _unified(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    fields = []
    for left, right in zip(one, other, strict=True):
        if {left.type, right.type} == {pa.int64(), pa.uint64()}:
            # Merged, they would be int64, too small for what made the other one unsigned.
            fields.append(pa.field(left.name, pa.uint64()))
            continue
        try:
            fields.append(pa.unify_schemas([pa.schema([left]), pa.schema([right])], promote_options="permissive")[0])
        except pa.ArrowException as exc:
            raise SourceError(
                f"column {left.name!r} holds {left.type} in some rows and {right.type} in others; {_REMEDY}"
            ) from exc
    return pa.schema(fields)


def _has_empty_struct(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind) and not kind.num_fields:
        return True
    return any(_has_empty_struct(kind.field(place).type) for place in range(kind.num_fields))


def _schema_of_files(files: Sequence[SourceFile] | None, columns: Sequence[str]) -> pa.Schema:
    schemas = [pq.read_schema(file.path) for file in files or ()]
    first = schemas[0]
    if any(schema.remove_metadata() != first.remove_metadata() for schema in schemas):
        ordered = [pa.schema([schema.field(name) for name in first.names]) for schema in schemas]
        try:
            merged = pa.unify_schemas(ordered, promote_options="permissive")
        except pa.ArrowException as exc:
            raise SourceError(f"the files of a split have columns of types that do not go together: {exc}") from exc
        first = merged.with_metadata(first.metadata)
    return pa.schema([first.field(name) for name in columns], metadata=first.metadata)


def _tables_of_files(files: Sequence[SourceFile] | None, schema: pa.Schema) -> Iterator[pa.Table]:
    for file in files or ():
        file.check()
        # A whole row group of somebody else's file may not fit into memory: pages are read as they are needed.
        with pq.ParquetFile(file.path, pre_buffer=False, buffer_size=_BUFFER_BYTES) as opened:
            for batch in opened.iter_batches(_rows_at_a_time(opened.metadata), columns=schema.names):
                table = pa.Table.from_batches([batch]).select(schema.names)
                yield table.cast(schema).replace_schema_metadata(schema.metadata)
        file.check()


def _rows_at_a_time(footer: pq.FileMetaData) -> int:
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    row_bytes = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
    return max(1, min(_READ_ROWS, _READ_BYTES // max(1, row_bytes)))
