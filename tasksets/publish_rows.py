"""The rows of one split on their way to a repository: which files will hold them, and under which paths.

- Rows that the repository holds already, byte by byte, stay in the files that they are in.
- Files that ``dataset.data_files`` names are taken as they are, under their own paths.
- Parquet files that suit random access are taken as they are, under the paths that ``datasets`` gives.
- All else is written as Parquet.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from openenv_tasksets.card_text import CardSplit
from openenv_tasksets.loaders.arrow_rows import ArrowRows, files_of, is_parquet
from openenv_tasksets.loaders.card import SPLIT_NAME
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFile
from openenv_tasksets.loaders.hub_commit import Change
from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.parquet_writer import described, write_parquet
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.secret_scan import MOST_FINDINGS, Finding, SecretFound, scan_row, scan_table
from openenv_tasksets.split import Split

KEPT_FILE_BYTES = 600_000_000
KEPT_GROUP_BYTES = 32 << 20
"""A Parquet file up to this size, with row groups of at most that many bytes of values, is taken as it is."""

_CONFIG_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")


@dataclass(frozen=True, slots=True)
class SplitPlace:
    """Where a split goes.

    Attributes:
        config_name: Its config.
        there: Every file of the repository, by path.
        now: The files that hold this split there now, in the order of the rows.
        patterns: Those of ``dataset.data_files``, or of the card for ``now``; None where there are none.
        is_declared: Whether the patterns are those of ``dataset.data_files``.
    """

    config_name: str
    there: Mapping[str, HubFile]
    now: Sequence[str]
    patterns: tuple[str, ...] | None
    is_declared: bool


@dataclass(frozen=True, slots=True)
class PlacedSplit:
    """A split and the files that hold it.

    Attributes:
        card: What the card says of it.
        paths: Where its rows are, in their order.
        changes: What must be at these paths, and what must go; none where nothing changes.
    """

    card: CardSplit
    paths: tuple[str, ...]
    changes: tuple[Change, ...]


class RowPublisher:
    """Prepares splits, looking for secrets on the way.

    Args:
        scratch: An empty folder for the files that are written.
        keep_secrets: Do not look for them.
    """

    def __init__(self, scratch: Path, *, keep_secrets: bool = False) -> None:
        self._scratch = scratch
        self._keep_secrets = keep_secrets
        self.findings: list[Finding] = []

    def place(self, split: Split, rows: Rows, place: SplitPlace, *, keep_nulls: bool) -> PlacedSplit:
        """Find or write the files of a split.

        Args:
            split: The split as it is served.
            rows: All columns of all of its rows.
            place: Where it goes.
            keep_nulls: Whether its tasks keep struct fields that are null.

        Raises:
            SourceError: Its rows have no form in Parquet, or its name none on the Hub.
            SecretFound: Twenty things that look like a secret.
        """
        if not SPLIT_NAME.fullmatch(split.name):
            raise SourceError(
                f"split {split.name!r} cannot be published: the Hub allows letters, digits, '_' and '.' in the name"
            )
        picks = [split.row_of(index) for index in range(len(split))] if split.filter_identity else None
        files = files_of(rows) if picks is None else None
        if files is not None and _is_there(files, place):
            return _unmoved(files, len(rows), place, split.name)
        if place.is_declared:
            return self._as_declared(split.name, rows, files, place)
        if not _CONFIG_NAME.fullmatch(place.config_name):
            raise SourceError(
                f"config {place.config_name!r} cannot name a folder; use letters, digits, '.', '_' and '-'"
            )
        arrow = ArrowRows.of(rows, picks, keep_nulls=keep_nulls)
        if files is not None and is_parquet(rows) and all(_suits(file) for file in files):
            self._look_through(arrow, split.name)
            sources = [file.path for file in files]
        else:
            sources = self._written(arrow, split.name)
        folder = "data" if place.config_name == "default" else place.config_name
        stem = f"{folder}/{split.name}-"
        paths = tuple(f"{stem}{number:05d}-of-{len(sources):05d}.parquet" for number in range(len(sources)))
        ours = re.compile(re.escape(stem) + r"[0-9]{5}-of-[0-9]{5}\.parquet")
        stale = [path for path in place.there if ours.fullmatch(path) and path not in paths]
        changes = [*map(Change, paths, sources), *(Change(path, None) for path in stale)]
        card = _card(
            split.name, (f"{stem}*-of-{len(sources):05d}.parquet",), sources, len(rows if picks is None else picks)
        )
        return PlacedSplit(card, paths, tuple(changes))

    def _as_declared(self, name: str, rows: Rows, files: Sequence[SourceFile] | None, place: SplitPlace) -> PlacedSplit:
        if files is None:
            raise SourceError(
                f"split {name!r}: dataset.data_files says which files hold it, but what is to be pushed is in none "
                "of them (rows in memory, or a part of a split); take data_files out of the declaration"
            )
        if is_parquet(rows):
            self._look_through(ArrowRows.of(rows), name)
        elif not self._keep_secrets:
            for index in range(len(rows)):
                self._found(scan_row(rows[index], name, index))
        paths = tuple(file.name for file in files)
        sources = [file.path for file in files]
        card = _card(name, place.patterns or paths, sources, len(rows))
        return PlacedSplit(card, paths, tuple(map(Change, paths, sources)))

    def _written(self, arrow: ArrowRows, name: str) -> list[Path]:
        folder = self._scratch / str(len(list(self._scratch.iterdir())))
        folder.mkdir()
        try:
            written = write_parquet(folder, arrow.schema, self._scanned(arrow, name))
        except pa.ArrowException as exc:
            raise SourceError(f"split {name!r}: a column has a type that Parquet does not know: {exc}") from exc
        except OSError as exc:
            raise SourceError(
                f"split {name!r}: its files cannot be written to {self._scratch.parent}: {exc.strerror or exc}; "
                "TMPDIR names another folder"
            ) from exc
        # The names are those that progress bars show.
        stem = f"{name}-{{:05d}}-of-{len(written):05d}.parquet"
        return [file.path.rename(folder / stem.format(number)) for number, file in enumerate(written)]

    def _look_through(self, arrow: ArrowRows, name: str) -> None:
        if not self._keep_secrets:
            for _ in self._scanned(arrow, name):
                pass

    def _scanned(self, arrow: ArrowRows, name: str) -> Iterator[pa.Table]:
        """The tables, each looked through for secrets."""
        row = 0
        with tqdm(total=len(arrow), desc=f"{name}: preparing", unit=" rows", delay=1, disable=None) as bar:
            for table in arrow.tables():
                if not self._keep_secrets:
                    self._found(scan_table(table, name, row))
                yield table
                row += table.num_rows
                bar.update(table.num_rows)

    def _found(self, findings: Iterator[Finding]) -> None:
        for finding in findings:
            self.findings.append(finding)
            if len(self.findings) == MOST_FINDINGS:
                raise SecretFound(self.findings)


def _is_there(files: Sequence[SourceFile], place: SplitPlace) -> bool:
    """Whether the repository holds this split already, in the same files in the same order."""
    return len(files) == len(place.now) and all(
        place.there[path].size == file.size and place.there[path].is_at(file.path)
        for file, path in zip(files, place.now, strict=True)
    )


def _unmoved(files: Sequence[SourceFile], rows: int, place: SplitPlace, name: str) -> PlacedSplit:
    card = _card(name, place.patterns or tuple(place.now), [file.path for file in files], rows)
    return PlacedSplit(card, tuple(place.now), ())


def _card(name: str, patterns: tuple[str, ...], files: Sequence[Path], rows: int) -> CardSplit:
    file_bytes = sum(path.stat().st_size for path in files)
    is_parquet = all(path.suffix == ".parquet" for path in files)
    value_bytes = sum(described(path).value_bytes for path in files) if is_parquet else file_bytes
    return CardSplit(name, patterns, rows, value_bytes, file_bytes)


def _suits(file: SourceFile) -> bool:
    if file.size > KEPT_FILE_BYTES:
        return False
    footer = pq.read_metadata(file.path)
    return all(footer.row_group(number).total_byte_size <= KEPT_GROUP_BYTES for number in range(footer.num_row_groups))
