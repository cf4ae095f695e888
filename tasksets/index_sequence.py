"""Sequences of indices that are computed when asked, so that a view costs nothing at any size."""

from collections.abc import Sequence
from typing import overload

from openenv_tasksets.loaders.order import Permutation


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
