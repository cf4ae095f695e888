"""Rows of the formats that ``datasets`` reads for us; it is imported when the first of them is opened."""

import glob
import logging
import operator
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.rows import BLOCK_ROWS, Row
from openenv_tasksets.loaders.spelling import nearest

if TYPE_CHECKING:
    import datasets

_SEPARATORS = {"csv": ",", "tsv": "\t"}
_LOG = logging.getLogger("datasets.packaged_modules.csv.csv")
_LOCK = threading.Lock()


class DatasetRows:
    """Random access to the rows of CSV or TSV files that make one split.

    Types are inferred as the Dataset Viewer shows them: "007" is 7, "True" is True, a whole number beside a
    blank is a float, and a blank, "NA" or "null" is None. Where the spelling matters (ids, answers), use
    Parquet or JSON lines, or turn the values into text when binding them.

    ``datasets`` converts the files once into its own cache (``HF_HOME``, ``HF_DATASETS_CACHE``) and rows come
    from there, so a change of the files shows only when they are opened again. Thread-safe.
    """

    def __init__(self, files: SourceFiles, dataset: "datasets.Dataset", length: int) -> None:
        self._files = files
        self._dataset = dataset
        # Without columns, a `Dataset` has no rows either.
        self._length = length

    @classmethod
    def open(cls, root: Path, files: Sequence[str], format: str) -> "DatasetRows":  # noqa: A002
        """Convert ``files``, or find them converted.

        Args:
            root: The folder that the names are relative to.
            files: Paths below it, in the order of the rows.
            format: ``csv`` or ``tsv``.

        Raises:
            SourceError: A file is missing, malformed, without rows, or not UTF-8; or a column changes its
                type on the way.
        """
        sources = SourceFiles(root, files)
        with _quiet():
            dataset = _convert(sources, _SEPARATORS[format])
        for file in sources:
            file.check()
        return cls(sources, dataset, len(dataset))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int, /) -> Row:
        place = self._checked(index)
        row: dict[str, Any] = self._dataset[place] if self.columns else {}
        return row

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, as the first line has them."""
        return tuple(self._dataset.column_names)

    @property
    def fingerprint(self) -> str:
        """Digest of the files' content, whatever their names; the first use reads every file once."""
        return self._files.fingerprint

    @property
    def block_starts(self) -> Sequence[int]:
        """Every thousandth row: all cost the same."""
        return range(0, len(self), BLOCK_ROWS)

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows, converted together."""
        places = [self._checked(index) for index in indices]
        if not self.columns or not places:
            return [{} for _ in places]
        table: dict[str, list[Any]] = self._dataset[places]
        return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]

    def is_hot(self, index: int) -> bool:  # noqa: ARG002 - the protocol's
        """False: the rows are in a file of ``datasets``."""
        return False

    def project(self, columns: Sequence[str]) -> "DatasetRows":
        """The same rows with only ``columns``; nothing is converted again.

        Raises:
            SourceError: There is no such column.
        """
        for name in columns:
            self._check_column(name)
        return DatasetRows(self._files, self._dataset.select_columns(list(columns)), self._length)

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order.

        Raises:
            SourceError: There is no such column.
        """
        self._check_column(name)
        batches = self._dataset.select_columns([name]).iter(BLOCK_ROWS)
        return (value for batch in batches for value in batch[name])

    def location(self, index: int) -> str:
        """``test.csv, row 17``; of several files, all their names and the row of the split."""
        row = self._checked(index)
        return f"{', '.join(file.name for file in self._files)}, row {row}"

    def _checked(self, index: int) -> int:
        row = operator.index(index)
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is not in [0, {len(self)})")
        return row

    def _check_column(self, name: str) -> None:
        if name not in self.columns:
            raise SourceError(f"no column {name!r}{nearest(name, self.columns)}")


def _convert(files: SourceFiles, separator: str) -> "datasets.Dataset":
    try:
        return _load([str(file.path) for file in files], separator)
    except Exception as exc:  # noqa: BLE001 - whatever a bad file makes pandas, pyarrow or datasets raise
        cause = exc.__cause__ or exc
    # The message names no file: find it, by reading them one at a time.
    for file in files:
        try:
            _load([str(file.path)], separator)
        except Exception as exc:
            raise SourceError(f"{file.name}: {_reason(exc.__cause__ or exc)}") from exc
    names = ", ".join(file.name for file in files)
    raise SourceError(f"{names}: their columns or types differ; each can be read, but not together") from cause


def _load(paths: Sequence[str], separator: str) -> "datasets.Dataset":
    from datasets import Dataset

    return Dataset.from_csv([glob.escape(path) for path in paths], sep=separator)


def _reason(cause: BaseException) -> str:
    """What is wrong, without values: Arrow's messages quote them."""
    from pandas.errors import EmptyDataError, ParserError  # type: ignore[import-untyped]

    if isinstance(cause, ParserError):
        return f"malformed: {str(cause).strip()}"
    if isinstance(cause, EmptyDataError):
        return "empty"
    if isinstance(cause, UnicodeDecodeError):
        return f"not UTF-8: {cause.reason}"
    if "corresponds to no data" in str(cause):
        return "has no rows"
    return "a column does not keep the type of its first 10,000 rows; convert the file to JSON lines or Parquet"


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars where nobody watches a terminal, and no log of failures beside the error that we raise."""
    import datasets

    thread = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    # The bars and the log are the whole process's: of two who share them, the first to end would turn them on.
    with _LOCK:
        hides_bars = not sys.stderr.isatty() and not datasets.are_progress_bars_disabled()
        if hides_bars:
            datasets.disable_progress_bars()
        _LOG.addFilter(is_of_others)
        try:
            yield
        finally:
            _LOG.removeFilter(is_of_others)
            if hides_bars:
                datasets.enable_progress_bars()
