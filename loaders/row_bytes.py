"""About how much memory rows take, from a few of them."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

_SAMPLES = 8


def rows_bytes(rows: Sequence[Any]) -> int:
    """About what some rows hold in memory: eight of them are measured, and count for all."""
    if not rows:
        return 0
    step = max(1, len(rows) // _SAMPLES)
    sample = rows[::step]
    return sum(map(_value_bytes, sample)) * len(rows) // len(sample)


def _value_bytes(value: Any) -> int:
    size = sys.getsizeof(value)
    if isinstance(value, Mapping):
        return size + sum(map(_value_bytes, value.values()))
    if isinstance(value, list | tuple):
        return size + sum(map(_value_bytes, value))
    return size
