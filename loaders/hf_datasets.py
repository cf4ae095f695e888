"""Rows that ``datasets`` reads for us: its own formats, and datasets that are in memory already."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.hf_conversion import convert
from openenv_tasksets.loaders.hf_values import Finish, MediaFiles, finisher
from openenv_tasksets.loaders.rows import BLOCK_ROWS, Row, SingleRows, check_columns, checked_row, digest_rows

if TYPE_CHECKING:
    import datasets

_MOST_NAMED = 3


class DatasetRows(SingleRows):
    """Random access to the rows of a ``datasets.Dataset``.

    Values are what Arrow's ``to_pylist`` gives, so nothing is decoded: an image or a sound is a struct of
    ``bytes`` and ``path``, whatever the dataset keeps of it, and no decoder need be installed.

    Of CSV and TSV, types are inferred as the Dataset Viewer shows them: "007" is 7, "True" is True, a whole number
    beside a blank is a float, and a blank, "NA" or "null" is None. Where the spelling matters (ids, answers), use
    Parquet or JSON lines, or turn the values into text when binding them. Of text files each line is a row with
    the column ``text``.

    Files are converted once, so a change of them shows only when they are opened again. Thread-safe.
    """

    def __init__(self, dataset: "datasets.Dataset", length: int, files: SourceFiles | None, media: MediaFiles) -> None:
        self._dataset = dataset
        # Without columns, a `Dataset` has no rows either.
        self._length = length
        self._files = files
        self._media = media
        finishers = {name: finisher(feature, media) for name, feature in dataset.features.items()}
        self._finishers: Mapping[str, Finish] = {name: each for name, each in finishers.items() if each is not None}

    @classmethod
    def open(cls, root: Path, files: Sequence[str], format: str) -> "DatasetRows":  # noqa: A002
        """Convert ``files``, or find them converted.

        Args:
            root: The folder that the names are relative to.
            files: Paths below it, in the order of the rows.
            format: One of those that ``load.LOADERS`` leaves to ``datasets``.

        Raises:
            SourceError: A file is missing, malformed, without rows, or not UTF-8; or a column changes its
                type on the way.
        """
        sources = SourceFiles(root, files)
        dataset = convert(sources, format)
        return cls(dataset.with_format("arrow"), len(dataset), sources, MediaFiles(sources))

    @classmethod
    def of(cls, dataset: "datasets.Dataset") -> "DatasetRows":
        """The rows of a dataset that is open already; its format and transform, if any, are not applied.

        Raises:
            SourceError: It is something else, such as a stream, which has no random access.
        """
        from datasets import Dataset

        if not isinstance(dataset, Dataset):
            raise SourceError(
                f"expected a datasets.Dataset, not {type(dataset).__name__}; a stream has no random access: "
                "load it without streaming=True, or make a list of its rows"
            )
        return cls(dataset.with_format("arrow"), len(dataset), None, MediaFiles(None))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int, /) -> Row:
        return self.read_many([index])[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in the dataset's order."""
        return tuple(self._dataset.column_names)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the content, whatever the files' names; the first use reads every file or row once."""
        if self._files is None:
            return digest_rows(row for start in self.block_starts for row in self._block(start))
        return self._files.fingerprint

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows, converted together."""
        places = [checked_row(index, len(self)) for index in indices]
        if not self.columns or not places:
            return [{} for _ in places]
        return self._rows_of(self._dataset[places])

    def project(self, columns: Sequence[str]) -> "DatasetRows":
        """The same rows with only ``columns``; nothing is converted again.

        Raises:
            SourceError: There is no such column.
        """
        check_columns(columns, self.columns)
        selected = self._dataset.select_columns(list(columns))
        return DatasetRows(selected, self._length, self._files, self._media)

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order.

        Raises:
            SourceError: There is no such column.
        """
        rows = self.project([name])
        return (row[name] for start in rows.block_starts for row in rows._block(start))

    def location(self, index: int) -> str:
        """``test.csv, row 17``; of several files, their names and the row of the split."""
        row = checked_row(index, len(self))
        if self._files is None:
            return f"dataset in memory, row {row}"
        names = ", ".join(file.name for file in self._files[:_MOST_NAMED])
        more = len(self._files) - _MOST_NAMED
        return f"{names}{f' and {more} more' if more > 0 else ''}, row {row}"

    def _block(self, start: int) -> list[Row]:
        return self._rows_of(self._dataset[start : start + BLOCK_ROWS])

    def _rows_of(self, table: Any) -> list[Row]:
        rows: list[dict[str, Any]] = table.to_pylist()
        for name, finish in self._finishers.items():
            for row in rows:
                row[name] = finish(row[name])
        return list(rows)
