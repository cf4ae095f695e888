"""The rows that every contender reads: made once for each size, the same on every machine."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from row_files import parquet_files

FILES = 16
GROUP_ROWS = 10_000
DECLARATION = """\
spec_version: hf-rl-env-0.1
environments:
  - id: chat
    splits: [train]
    task:
      id: id
      reset: {messages: messages, answer: answer, metadata: metadata}
      visible: [messages]
    frameworks:
      openenv: {package: openenv-tasksets, environment: answer}
"""
_MESSAGES = 3
_ROLES = ("system", "user", "assistant")
_WORDS = 4000
_BLOB_WORDS = 2_000_000


class RowMaker:
    """Makes batches of rows: an id, three chat messages, an answer, and a metadata struct with a list in it.

    Texts are slices of a long text of random words, so that they compress about as well as language does.
    """

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        lengths = self._random.integers(2, 10, _WORDS)
        words = ["".join(chr(97 + letter) for letter in self._random.integers(0, 26, n)) for n in lengths]
        # Word frequencies fall as Zipf says.
        weights = 1 / np.arange(1, _WORDS + 1)
        picks = self._random.choice(_WORDS, _BLOB_WORDS, p=weights / weights.sum())
        self._blob = np.frombuffer(" ".join(words[pick] for pick in picks).encode(), dtype=np.uint8)

    def texts(self, lengths: "np.ndarray") -> pa.Array:
        """Texts of these lengths, each the slice behind the one before, from a random place on."""
        offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
        np.cumsum(lengths, out=offsets[1:])
        start = int(self._random.integers(0, len(self._blob)))
        data = np.take(self._blob, np.arange(start, start + offsets[-1]), mode="wrap")
        return pa.StringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(data))

    def batch(self, first: int, count: int) -> pa.Table:
        """Rows ``first`` to ``first + count``."""
        random = self._random
        numbers = pa.array(np.arange(first, first + count)).cast(pa.string())
        ids = pc.binary_join_element_wise("task", pc.utf8_lpad(numbers, 9, "0"), "-")
        lengths = random.integers((30, 80, 60), (60, 320, 240), (count, _MESSAGES)).ravel()
        turns = pa.StructArray.from_arrays(
            [pa.array(np.tile(_ROLES, count)), self.texts(lengths)], names=["role", "content"]
        )
        messages = pa.ListArray.from_arrays(np.arange(0, count * _MESSAGES + 1, _MESSAGES, dtype=np.int32), turns)
        tags = pa.ListArray.from_arrays(
            np.arange(0, count * 2 + 1, 2, dtype=np.int32), self.texts(random.integers(4, 9, count * 2))
        )
        metadata = pa.StructArray.from_arrays(
            [
                pa.array(random.choice(["algebra", "geometry", "numbers", "chance"], count)),
                pa.array(random.integers(1, 6, count)),
                pa.array(random.random(count)),
                tags,
            ],
            names=["topic", "level", "score", "tags"],
        )
        answers = self.texts(random.integers(1, 12, count))
        return pa.table({"id": ids, "messages": messages, "answer": answers, "metadata": metadata})


def make(folder: Path, rows: int, files: int = FILES) -> None:
    """Write a taskset of so many rows, unless it is there."""
    if (folder / "environment.yaml").exists():
        return
    (folder / "data").mkdir(parents=True, exist_ok=True)
    maker = RowMaker()
    bounds = np.linspace(0, rows, files + 1).astype(int)
    for number, (first, last) in enumerate(itertools.pairwise(bounds)):
        path = folder / "data" / f"train-{number:05d}-of-{files:05d}.parquet"
        writer = None
        for start in range(first, last, GROUP_ROWS):
            table = maker.batch(start, min(GROUP_ROWS, last - start))
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    (folder / "environment.yaml").write_text(DECLARATION)


def make_of_links(folder: Path, made: Path, times: int) -> None:
    """The rows of another taskset several times, as links to its files, unless they are there."""
    if (folder / "environment.yaml").exists():
        return
    (folder / "data").mkdir(parents=True, exist_ok=True)
    files = [file for _ in range(times) for file in parquet_files(made)]
    for number, file in enumerate(files):
        (folder / "data" / f"train-{number:05d}-of-{len(files):05d}.parquet").hardlink_to(file)
    (folder / "environment.yaml").write_text(DECLARATION)


def python_rows(folder: Path) -> Iterator[dict[str, object]]:
    """Every row, as pyarrow gives it."""
    for file in parquet_files(folder):
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(1000):
                yield from batch.to_pylist()


def make_floor(folder: Path) -> None:
    """Write ``rows.json`` (a row a line) and ``offsets.npy`` beside the taskset, unless they are there."""
    import orjson

    if (folder / "offsets.npy").exists():
        return
    offsets = [0]
    with (folder / "rows.json").open("wb") as stream:
        for row in python_rows(folder):
            offsets.append(offsets[-1] + stream.write(orjson.dumps(row)))
    np.save(folder / "offsets.npy", np.array(offsets, dtype=np.uint64))


def describe(folder: Path) -> dict[str, float]:
    """Sizes, for the record."""
    files = parquet_files(folder)
    sample = [len(json.dumps(row)) for row, _ in zip(python_rows(folder), range(1000), strict=False)]
    return {
        "files": len(files),
        "parquet_mb": round(sum(Path(file).stat().st_size for file in files) / 1e6, 1),
        "json_bytes_a_row": round(sum(sample) / len(sample)),
    }
