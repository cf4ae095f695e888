"""A folder of sums: its declaration, and its rows in three files of Parquet."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FIRST_TRAIN_FILE = "data/train-00000-of-00002.parquet"
YAML = """\
spec_version: hf-rl-env-0.1
environments:
  - id: sums
    task:
      id: key
      reset:
        prompt: question
        answer: answer
      visible: [prompt]
      public: [level]
    frameworks:
      openenv: {min_version: ">=0.10.0", package: openenv-tasksets, environment: answer}
"""


def rows(split: str, count: int) -> list[dict[str, Any]]:
    """So many rows, whose ids begin with the split's name."""
    return [
        {"key": f"{split}/{i}", "question": f"{i}+{i}?", "answer": str(2 * i), "level": i % 2} for i in range(count)
    ]


def write_parquet(path: Path, values: list[dict[str, Any]]) -> None:
    """Write rows to a file, in a folder that there need not be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(values), path)


def write_sums(root: Path) -> Path:
    """Write them all to a folder; ten rows to train on and three to test with."""
    (root / "environment.yaml").write_text(YAML)
    write_parquet(root / "data/train-00000-of-00002.parquet", rows("train", 6))
    write_parquet(root / "data/train-00001-of-00002.parquet", rows("train2", 4))
    write_parquet(root / "data/test-00000-of-00001.parquet", rows("test", 3))
    return root
