"""A small taskset as files: for folders, and for repositories on the loopback Hub."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ENVIRONMENT = """\
spec_version: hf-rl-env-0.1
environments:
  - id: spelling
    task:
      id: key
      reset: {prompt: question, answer: answer, bonus: {value: 4711}}
      visible: [prompt]
      public: [key, topic]
      gold: {answer: answer}
    frameworks:
      openenv: {min_version: ">=0.10.0", package: openenv-tasksets, environment: answer, arguments: {checker: exact}}
"""
WITHOUT_IDS = ENVIRONMENT.replace("      id: key\n", "").replace("[key, topic]", "[topic]")
"""The same, with ids made of split and row."""

Row = dict[str, Any]


def row(key: str, answer: str | None = None) -> Row:
    """A row whose content is made of its answer, and that of its key."""
    answer = f"secret {key}" if answer is None else answer
    return {"key": key, "question": f"About {answer[::-1]}?", "answer": answer, "topic": "words", "notes": "unbound"}


def parquet(rows: Sequence[Row]) -> bytes:
    """A Parquet file."""
    sink = io.BytesIO()
    schema = pa.schema([(name, pa.string()) for name in row("")])
    pq.write_table(pa.Table.from_pylist(list(rows), schema), sink)
    return sink.getvalue()


def shards(split: str, files: Sequence[Sequence[Row]]) -> dict[str, bytes]:
    """The Parquet files of one split, named as the Hub's convention has it."""
    names = (f"data/{split}-{number:05}-of-{len(files):05}.parquet" for number in range(len(files)))
    return dict(zip(names, map(parquet, files), strict=True))


FILES = {
    "environment.yaml": ENVIRONMENT.encode(),
    **shards("train", [[row("k1"), row("k2")], [row("k3")]]),
    **shards("test", [[row("k4")]]),
}
"""A whole one: three tasks in two files, and one."""


def numbered(count: int) -> list[Row]:
    """Rows for memory."""
    return [{"q": f"q{number}", "id": f"t{number}"} for number in range(count)]


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a new folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root
