"""The ways to read the rows: each opens them, and walks or picks them, as its library is meant to be used."""

import itertools
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from row_files import parquet_files

SEED = 42


class Contender(Protocol):
    """Rows of a folder, open. What one cannot do, it does not have."""

    def first(self) -> Any:
        """The first row as a dict."""
        ...

    def dicts(self) -> Iterator[Any]:
        """Every row as a dict, in order."""
        ...


class Ours:
    """``Taskset``'s rows of the bound columns."""

    @staticmethod
    def warm_up() -> None:
        """Import what building needs."""
        import openenv_tasksets.loaders.store_builder  # noqa: F401

    def __init__(self, folder: Path) -> None:
        from openenv_tasksets.taskset import Taskset

        self._taskset = Taskset.from_path(folder)
        self._split = self._taskset.split("train")

    def first(self) -> Any:
        return self._split.rows[0]

    def dicts(self) -> Iterator[Any]:
        return iter(self._split.rows)

    def build(self) -> None:
        """Build the row store, which is otherwise done behind the first reads."""
        # Behind readers it gives way to everybody; measured, it shall not give way to the machine's other work.
        os.setpriority = lambda *_: None
        builder = self._split.rows.build()
        if builder is not None and not builder.wait():
            raise SystemExit("the store was not built")

    def json(self) -> Iterator[bytes]:
        return iter(self._split.json)

    def shuffled(self, start: int = 0) -> Iterator[Any]:
        from openenv_tasksets.loaders.stream import RowStream

        return (row for _, row in RowStream(self._split.rows, self._split.order, start=start))

    def row(self, index: int) -> Any:
        return self._split.rows[index]

    def __len__(self) -> int:
        return len(self._split)


class HfMap:
    """``datasets`` map-style with its defaults, converted once into its cache."""

    @staticmethod
    def warm_up() -> None:
        """Import it."""
        import datasets  # noqa: F401

    def build(self) -> None:
        """Opening has done it."""

    def __init__(self, folder: Path) -> None:
        import datasets

        datasets.disable_progress_bars()
        self._dataset = datasets.load_dataset("parquet", data_files=parquet_files(folder), split="train")

    def first(self) -> Any:
        return self._dataset[0]

    def dicts(self) -> Iterator[Any]:
        return iter(self._dataset)

    def json(self) -> Iterator[bytes]:
        import orjson

        return map(orjson.dumps, self._dataset)

    def shuffled(self, start: int = 0) -> Iterator[Any]:
        shuffled = self._dataset.shuffle(SEED)
        return iter(shuffled.select(range(start, len(shuffled))) if start else shuffled)

    def row(self, index: int) -> Any:
        return self._dataset[index]

    def __len__(self) -> int:
        return len(self._dataset)


class HfTuned(HfMap):
    """The same, walked in Arrow batches of a thousand rows."""

    def dicts(self) -> Iterator[Any]:
        for table in self._dataset.with_format("arrow").iter(1000):
            yield from table.to_pylist()


class HfStream:
    """``datasets`` streaming."""

    def __init__(self, folder: Path) -> None:
        import datasets

        self._dataset = datasets.load_dataset(
            "parquet", data_files=parquet_files(folder), split="train", streaming=True
        )

    def first(self) -> Any:
        return next(iter(self._dataset))

    def dicts(self) -> Iterator[Any]:
        return iter(self._dataset)


class Arrow:
    """pyarrow alone."""

    def __init__(self, folder: Path) -> None:
        self._files = parquet_files(folder)

    def first(self) -> Any:
        return next(self.dicts())

    def dicts(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        for file in self._files:
            for batch in pq.ParquetFile(file).iter_batches(1000):
                yield from batch.to_pylist()

    def json(self) -> Iterator[bytes]:
        import orjson

        return map(orjson.dumps, self.dicts())


class Floor:
    """JSON rows with an offset index, memory-mapped: as near to nothing as a row that must be decoded comes."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        with (folder / "rows.json").open("rb") as stream:
            self._rows = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._offsets = np.load(folder / "offsets.npy", mmap_mode="r")

    def first(self) -> Any:
        return self.row(0)

    def dicts(self) -> Iterator[Any]:
        import msgspec

        return map(msgspec.json.decode, self.json())

    def json(self) -> Iterator[bytes]:
        for first in range(0, len(self), 1000):
            bounds = self._offsets[first : first + 1001].tolist()
            for start, end in itertools.pairwise(bounds):
                yield self._rows[start:end]

    def shuffled(self, start: int = 0) -> Iterator[Any]:
        import numpy as np

        order = np.random.default_rng(SEED).permutation(len(self))
        return (self.row(int(index)) for index in order[start:])

    def row(self, index: int) -> Any:
        import msgspec

        start, end = self._offsets[index : index + 2].tolist()
        return msgspec.json.decode(self._rows[start:end])

    def __len__(self) -> int:
        return len(self._offsets) - 1


CONTENDERS: dict[str, Callable[[Path], Any]] = {
    "ours": Ours,
    "ours, stored": Ours,
    "datasets": HfMap,
    "datasets, tuned": HfTuned,
    "datasets, streaming": HfStream,
    "pyarrow": Arrow,
    "floor": Floor,
}
"""What is compared; "stored" has its row store built beforehand."""
