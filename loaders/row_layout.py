"""How the rows of a split lie in its files: known from the footers, and remembered without them."""

import hashlib
import operator
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from openenv_tasksets.loaders.cached_property import cached_property

VERSION = 2
"""Of the layout and of the stores beside it."""


class Layout(msgspec.Struct, frozen=True, dict=True):
    """The columns, files and row groups of a split.

    Attributes:
        columns: Names of all columns.
        files: Names of the files, as messages show them.
        groups: For each row group the number of its file, and how many rows it has.
        version: Of this format.
    """

    columns: tuple[str, ...]
    files: tuple[str, ...]
    groups: tuple[tuple[int, int], ...]
    version: int = VERSION

    @cached_property
    def starts(self) -> list[int]:
        """The first row of each row group, and behind them the number of rows."""
        return [0, *accumulate(rows for _, rows in self.groups)]

    def find(self, index: int) -> tuple[int, int]:
        """Row group of a row, and its place in there.

        Raises:
            IndexError: There is no such row.
        """
        row = operator.index(index)
        starts = self.starts
        if not 0 <= row < starts[-1]:
            raise IndexError(f"row {row} is not in [0, {starts[-1]})")
        group = bisect_right(starts, row) - 1
        return group, row - starts[group]

    def location(self, index: int) -> str:
        """File and row within it: ``main/test-00000.parquet, row 17``."""
        group, place = self.find(index)
        file = self.groups[group][0]
        while group and self.groups[group - 1][0] == file:
            group -= 1
            place += self.groups[group][1]
        return f"{self.files[file]}, row {place}"


def key_of(parts: Sequence[str]) -> str:
    """A short name for some texts."""
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()
