"""Which position comes next, for a reset() that names no task."""

import threading

from openenv_tasksets.loaders.errors import SelectionError


class PositionCounter:
    """Counts the positions handed out, for each split apart. Thread-safe.

    Args:
        start: The first position of every split, in [0, 2**63).

    Raises:
        SelectionError: ``start`` is no position.
    """

    def __init__(self, start: int = 0) -> None:
        if not 0 <= start < 2**63:
            raise SelectionError(f"the start position is in [0, 2**63), not {start}")
        self._start = start
        self._handed_out: dict[str, int] = {}
        self._lock = threading.Lock()

    def next(self, split: str) -> int:
        """The next position of ``split``; none is handed out twice."""
        with self._lock:
            position = self._start + self._handed_out.get(split, 0)
            self._handed_out[split] = self._handed_out.get(split, 0) + 1
            return position
