"""Rows of a split in JSON lines, changed in their file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def rewrite(root: Path, split: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Read the rows of a split, let ``change`` change them, and write them again."""
    file = root / f"{split}.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    change(rows)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
