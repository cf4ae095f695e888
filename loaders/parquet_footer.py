"""The footers of Parquet files: read side by side, and checked to be those of one split."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from openenv_tasksets.loaders.arrow_shape import Conflict, Shape, merge, shape
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import ByteSource, ByteSources
from openenv_tasksets.loaders.parquet_reader import open_reader
from openenv_tasksets.loaders.spelling import listing

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# What pyarrow raises for damaged bytes, its own exceptions and Python's.
BROKEN = (pa.ArrowException, OSError, ValueError, KeyError)

_MAGIC = b"PAR1"
_TAIL_BYTES = 64 << 10
_THREADS = 16
# Up to here the threads cost more than they save, on a disk.
_FEW = 16


class Footer(msgspec.Struct, frozen=True):
    """What one file says of itself.

    Attributes:
        file: The file.
        metadata: Its footer.
        schema: Its columns as Arrow types; no name is there twice.
    """

    file: ByteSource
    metadata: "pq.FileMetaData"
    schema: pa.Schema


def read_footers(files: ByteSources) -> list[Footer]:
    """The footers of files that are one split.

    Raises:
        SourceError: A file is not Parquet, or two of them differ in their columns.
    """
    if len(files) <= _FEW and all(file.at_hand() for file in files):
        footers = [_read(file) for file in files]
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(_THREADS, len(files))) as pool:
            footers = list(pool.map(_read, files))
    _check_one_schema(footers)
    return footers


def group_sizes(footer: Footer) -> Iterator[int]:
    """The number of rows in each row group.

    Raises:
        SourceError: The footer contradicts itself.
    """
    metadata = footer.metadata
    counts = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(counts, default=0) < 0 or sum(counts) != metadata.num_rows:
        raise SourceError(f"{footer.file.name}: its Parquet footer is broken: it contradicts itself about the rows")
    return iter(counts)


def _read(file: ByteSource) -> Footer:
    try:
        metadata = open_reader(pa.BufferReader(_MAGIC + _tail(file))).metadata
    except BROKEN as exc:
        raise SourceError(f"{file.name}: its Parquet footer is broken: {exc}") from exc
    try:
        schema = metadata.schema.to_arrow_schema()
        names = schema.names
    except BROKEN as exc:
        raise SourceError(f"{file.name}: its columns cannot be read: {exc}") from exc
    if len(set(names)) < len(names):
        raise SourceError(f"{file.name}: column {min(n for n in names if names.count(n) > 1)!r} is there twice")
    return Footer(file, metadata, schema)


def _tail(file: ByteSource) -> bytes:
    """The footer with its length and magic: the end of the file, which is all that opening it takes."""
    tail = file.read(max(0, file.size - _TAIL_BYTES), file.size)
    if file.size < 12 or tail[-4:] != _MAGIC:
        raise SourceError(f"{file.name}: {_not_parquet(file)}")
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if length + len(_MAGIC) > file.size:
        raise SourceError(f"{file.name}: cut short: its footer is longer than the file")
    if length > len(tail):
        return file.read(file.size - length, file.size)
    return tail[-length:]


def _not_parquet(file: ByteSource) -> str:
    if not file.size:
        return "empty, not a Parquet file"
    head = file.read(0, min(64, file.size))
    if head.startswith(_MAGIC):
        return "cut short: a Parquet file whose end is missing"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself; run 'git lfs pull'"
    if head.startswith(b"PARE"):
        return "encrypted Parquet, which cannot be read"
    return "not a Parquet file"


def _check_one_schema(footers: Sequence[Footer]) -> None:
    """Refuse files whose rows would not look alike."""
    first = footers[0]
    shapes: dict[str, tuple[Shape, Footer]] = {field.name: (shape(field.type), first) for field in first.schema}
    for footer in footers[1:]:
        if footer.schema.equals(first.schema):
            continue
        for holder, lacker in ((first, footer), (footer, first)):
            for name in holder.schema.names:
                if name not in lacker.schema.names:
                    raise SourceError(
                        f"{lacker.file.name} has no column {name!r}, which {holder.file.name} has. "
                        f"{listing(lacker.schema.names)}"
                    )
        for field in footer.schema:
            known, witness = shapes[field.name]
            try:
                merged = merge(known, shape(field.type))
            except Conflict as exc:
                raise SourceError(
                    f"column {field.name!r} is {witness.schema.field(field.name).type} in "
                    f"{witness.file.name}, but {field.type} in {footer.file.name}"
                ) from exc
            shapes[field.name] = (merged, witness if merged == known else footer)
