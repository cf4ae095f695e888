"""Sequences of indices that are computed when asked, so that a view costs nothing at any size."""

import operator
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise, starmap
from typing import overload

from openenv_tasksets.loaders.order import Permutation
from openenv_tasksets.loaders.rows import BLOCK_ROWS


class Shuffled(Sequence[int]):
    """A keyed permutation as a sequence."""

    def __init__(self, size: int, key: bytes) -> None:
        self._permutation = Permutation(size, key)

    def __len__(self) -> int:
        return self._permutation.size

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        if isinstance(place, slice):
            return _Composed(self, range(len(self))[place])
        return self._permutation(range(len(self))[place])


class _Composed(Sequence[int]):
    """``outer[inner[place]]``, computed when asked."""

    def __init__(self, outer: Sequence[int], inner: Sequence[int]) -> None:
        self._outer = outer
        self._inner = inner

    def __len__(self) -> int:
        return len(self._inner)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        if isinstance(place, slice):
            return compose(self._outer, self._inner[place])
        return self._outer[self._inner[place]]


def compose(outer: Sequence[int], inner: Sequence[int]) -> Sequence[int]:
    """``[outer[i] for i in inner]`` without making it; ranges stay ranges."""
    if isinstance(outer, range) and isinstance(inner, range):
        step = outer.step * inner.step
        start = outer.start + outer.step * inner.start
        return range(start, start + step * len(inner), step)
    return _Composed(outer, inner)


def block_starts(served: Sequence[int], starts: Sequence[int]) -> Sequence[int]:
    """Where the rows' blocks start among the rows that are served.

    Args:
        served: The row of each index.
        starts: The first row of each block, ascending from 0.

    Returns:
        The first index of each block, ascending from 0; every thousandth where ``served`` does not ascend, since
        the blocks are then all over it.
    """
    ascends = served.step > 0 if isinstance(served, range) else all(starmap(operator.lt, pairwise(served)))
    if not ascends:
        return range(0, len(served), BLOCK_ROWS)
    return [bisect_left(served, start) for start in starts]
