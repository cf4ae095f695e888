"""Files that ``datasets`` reads for us, as its own memory-mapped dataset; it is imported when the first is opened.

The files are converted once into its cache (``HF_HOME``, ``HF_DATASETS_CACHE``), and rows come from there: the
user's own files are never mapped.
"""

import glob
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFiles

if TYPE_CHECKING:
    import datasets

_SEPARATORS = {"csv": ",", "tsv": "\t"}
_LOGS = [
    logging.getLogger(f"datasets.packaged_modules.{module}.{module}")
    for module in ("arrow", "csv", "text", "webdataset")
]
_LOCK = threading.Lock()


def convert(files: SourceFiles, kind: str) -> "datasets.Dataset":
    """Convert the files of one split, or find them converted.

    Args:
        files: In the order of the rows.
        kind: Their format, one of those that ``load.LOADERS`` leaves to ``datasets``.

    Raises:
        SourceError: A file is malformed, empty, not UTF-8, or does not go with the others.
        SourceChanged: A file changed meanwhile.
    """
    with _quiet():
        dataset = _convert(files, kind)
    for file in files:
        file.check()
    return dataset


def _convert(files: SourceFiles, kind: str) -> "datasets.Dataset":
    try:
        return _load([str(file.path) for file in files], kind)
    except Exception as exc:  # noqa: BLE001 - whatever a bad file makes pandas, pyarrow or datasets raise
        cause = exc.__cause__ or exc
    # The message names no file: find it, by reading them one at a time.
    for file in files:
        try:
            _load([str(file.path)], kind)
        except Exception as exc:
            raise SourceError(f"{file.name}: {_reason(exc.__cause__ or exc, kind)}") from exc
    names = ", ".join(file.name for file in files)
    raise SourceError(f"{names}: their columns or types differ; each can be read, but not together") from cause


def _load(paths: Sequence[str], kind: str) -> "datasets.Dataset":
    from datasets import Dataset, load_dataset

    plain = [glob.escape(path) for path in paths]
    if kind == "webdataset":
        from openenv_tasksets.loaders.hf_archive import archive_rows

        return archive_rows(plain)
    if kind in _SEPARATORS:
        return Dataset.from_csv(plain, sep=_SEPARATORS[kind])
    return load_dataset(kind, data_files={"train": plain}, split="train")


def _reason(cause: BaseException, kind: str) -> str:
    """What is wrong, without values: Arrow's messages quote them."""
    from datasets.arrow_writer import SchemaInferenceError
    from pandas.errors import EmptyDataError, ParserError  # type: ignore[import-untyped]

    if isinstance(cause, ParserError):
        return f"malformed: {str(cause).strip()}"
    if isinstance(cause, EmptyDataError):
        return "empty"
    if isinstance(cause, UnicodeDecodeError):
        return f"not UTF-8: {cause.reason}"
    if "corresponds to no data" in str(cause) or isinstance(cause, SchemaInferenceError):
        return "has no rows"
    return _REASONS[kind].format(type=type(cause).__name__)


_TYPE_CHANGES = "a column does not keep the type of its first 10,000 rows; convert the file to JSON lines or Parquet"
_REASONS = {
    "csv": _TYPE_CHANGES,
    "tsv": _TYPE_CHANGES,
    "text": "cannot be read as lines of text ({type})",
    "arrow": "is neither an Arrow stream nor an Arrow file ({type})",
    "webdataset": (
        "cannot be read as a WebDataset archive ({type}): a tar file whose members share a name before the first dot "
        "if they are of one row, and have the same extensions in every row"
    ),
}


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars where nobody watches a terminal, and no log of failures beside the error that we raise."""
    import datasets

    thread = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    # The bars and the logs are the whole process's: of two who share them, the first to end would turn them on.
    with _LOCK:
        hides_bars = not sys.stderr.isatty() and not datasets.are_progress_bars_disabled()
        if hides_bars:
            datasets.disable_progress_bars()
        for log in _LOGS:
            log.addFilter(is_of_others)
        try:
            yield
        finally:
            for log in _LOGS:
                log.removeFilter(is_of_others)
            if hides_bars:
                datasets.enable_progress_bars()
