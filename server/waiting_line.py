"""A line in which those who will be done soon go before those who take their time, without keeping them for ever."""

from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")

SLOW_SHARE = 4
"""One in so many is taken from those who take their time, where both wait."""


class WaitingLine(Generic[Item]):
    """Two lines, each in the order of coming. Thread-safe."""

    def __init__(self) -> None:
        self._quick: deque[Item] = deque()
        self._slow: deque[Item] = deque()
        self._taken = 0

    def __len__(self) -> int:
        return len(self._quick) + len(self._slow)

    def append(self, item: Item, *, quick: bool) -> None:
        """Come to the end of a line."""
        (self._quick if quick else self._slow).append(item)

    def pop(self) -> Item:
        """Take who is next.

        Raises:
            IndexError: Nobody waits.
        """
        self._taken += 1
        first, then = (self._slow, self._quick) if self._taken % SLOW_SHARE == 0 else (self._quick, self._slow)
        try:
            return first.popleft()
        except IndexError:
            return then.popleft()
