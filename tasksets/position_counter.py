"""Which position comes next, for a reset() that names no task."""

from itertools import count

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
        self._coming: dict[str, count[int]] = {}

    def next(self, split: str) -> int:
        """The next position of ``split``; none is handed out twice."""
        coming = self._coming.get(split)
        if coming is None:
            # Which of two threads' counters stays is decided once.
            coming = self._coming.setdefault(split, count(self._start))
        return next(coming)
