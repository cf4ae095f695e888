"""Which position comes next, for a reset() that names no task."""

import threading

from openenv_tasksets.loaders.errors import SelectionError


class PositionCounter:
    """Counts the positions handed out, for each split apart. Thread-safe.

    Shard i of c hands out the positions whose remainder by c is i, from the first one at or after ``start``: the
    shards of one stream may all have the same start, and together miss nothing and repeat nothing.

    Args:
        start: No earlier position is handed out; in [0, 2**63).
        shard_index: In [0, shard_count).
        shard_count: How many counters share the stream, >= 1.

    Raises:
        SelectionError: ``start`` is no position, or there is no such shard.
    """

    def __init__(self, start: int = 0, shard_index: int = 0, shard_count: int = 1) -> None:
        if not 0 <= start < 2**63:
            raise SelectionError(f"the start position is in [0, 2**63), not {start}")
        if not 0 <= shard_index < shard_count:
            raise SelectionError(f"shard {shard_index}/{shard_count} does not exist: of c shards, the first is 0/c")
        self.first = start + (shard_index - start) % shard_count
        self._step = shard_count
        self._coming: dict[str, int] = {}
        self._lock = threading.Lock()

    def next(self, split: str) -> int:
        """The next position of ``split``; none is handed out twice."""
        with self._lock:
            position = self._coming.get(split, self.first)
            self._coming[split] = position + self._step
        return position

    def coming(self, split: str) -> int:
        """The position that ``next`` would give, without taking it."""
        return self._coming.get(split, self.first)
