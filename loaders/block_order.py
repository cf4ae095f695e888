"""An order for far data: blocks are shuffled, and rows only among a few blocks, so that each is fetched once.

An epoch's blocks (Parquet row groups, say) come in an order of its own, which is cut into windows of a few
blocks. Within a window all rows are shuffled. A reader that reads window by window fetches each block once an
epoch and holds one window; two rows of one window are near each other, rows of two windows never mix.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from openenv_tasksets.loaders.order import MAX_POSITION, POSITIONS, SIZES, Permutation, epoch_key
from openenv_tasksets.loaders.whole_number import whole, whole_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_BLOCKS = 8
"""Blocks in a window. Part of every identity: another number is another order."""


class _Epoch(NamedTuple):
    """One epoch's blocks: ``blocks[slot]`` holds the places from ``starts[slot]`` to ``starts[slot + 1]``."""

    number: int
    key: bytes
    blocks: "NDArray[np.int64]"
    starts: "NDArray[np.int64]"


class BlockOrder:
    """The endless stream of a split, block by block: each index once an epoch. Thread-safe.

    A single position costs a few dozen microseconds; memory and an epoch's first position grow with the
    number of blocks.

    Args:
        size: Number of tasks in the split, in [1, 2**40].
        block_starts: The first index of each block, ascending from 0.
        identity: What the shuffle depends on, as text; streams with other identities are unrelated.
        window: How many blocks are shuffled together, >= 1.

    Raises:
        TypeError: ``size`` is not an integer.
        ValueError: ``size`` or ``window`` is out of range, or ``block_starts`` are not such a list.
    """

    def __init__(self, size: int, block_starts: Sequence[int], identity: str, window: int = WINDOW_BLOCKS) -> None:
        self.size = whole("size", size, SIZES)
        self.identity = identity
        if window < 1:
            raise ValueError(f"window is {window}; expected 1 or more")
        bounds = np.array([*block_starts, self.size], dtype=np.int64)
        if len(bounds) < 2 or bounds[0] or (np.diff(bounds) < 0).any():
            raise ValueError(f"block starts must ascend from 0 to at most {self.size}, the size")
        held = np.diff(bounds) > 0
        self._starts = bounds[:-1][held]
        self._sizes = np.diff(bounds)[held]
        self._window = window
        # Replaced as a whole: threads see an old value or a new one, never half of each.
        self._recent: _Epoch | None = None
        self._recent_window: tuple[int, int, Permutation] | None = None

    @property
    def stop(self) -> int:
        """2**63: it is endless."""
        return MAX_POSITION + 1

    def locate(self, position: int) -> tuple[int, int]:
        """Epoch and index of a position in [0, 2**63).

        Raises:
            TypeError: ``position`` is not an integer.
            ValueError: ``position`` is out of range.
        """
        number, place = divmod(whole("position", position, POSITIONS), self.size)
        epoch = self._epoch(number)
        window = self._window_of(epoch, place)
        first, _ = self._bounds(epoch, window)
        recent = self._recent_window
        if recent is None or recent[:2] != (number, window):
            recent = (number, window, self._permutation(epoch, window))
            self._recent_window = recent
        mixed = first + recent[2](place - first)
        slot = int(epoch.starts.searchsorted(mixed, "right")) - 1
        return number, int(self._starts[epoch.blocks[slot]] + mixed - epoch.starts[slot])

    def index(self, position: int) -> int:
        """The index at a position in [0, 2**63); raises as ``locate`` does."""
        return self.locate(position)[1]

    def batch(self, positions: "Sequence[int] | NDArray[np.int64]") -> "NDArray[np.int64]":
        """The indices at many positions, of one epoch or several, in any order.

        Raises:
            TypeError: A position is not an integer.
            ValueError: A position is not in [0, 2**63), or ``positions`` is not one-dimensional.
        """
        numbers, places = np.divmod(whole_array("position", positions, POSITIONS), self.size)
        indices = np.empty_like(places)
        for number in np.unique(numbers).tolist():
            chosen = numbers == number
            indices[chosen] = self._batch_of_epoch(self._epoch(number), places[chosen])
        return indices

    def window_end(self, position: int) -> int:
        """The first position of the next window."""
        number, place = divmod(whole("position", position, POSITIONS), self.size)
        epoch = self._epoch(number)
        _, last = self._bounds(epoch, self._window_of(epoch, place))
        return number * self.size + last

    def _batch_of_epoch(self, epoch: _Epoch, places: "NDArray[np.int64]") -> "NDArray[np.int64]":
        windows = (epoch.starts.searchsorted(places, "right") - 1) // self._window
        mixed = np.empty_like(places)
        for window in np.unique(windows).tolist():
            chosen = windows == window
            first, _ = self._bounds(epoch, window)
            mixed[chosen] = first + self._permutation(epoch, window).batch(places[chosen] - first)
        slots = epoch.starts.searchsorted(mixed, "right") - 1
        found: NDArray[np.int64] = self._starts[epoch.blocks[slots]] + mixed - epoch.starts[slots]
        return found

    def _epoch(self, number: int) -> _Epoch:
        epoch = self._recent
        if epoch is None or epoch.number != number:
            key = epoch_key(self.identity, number)
            blocks = Permutation(len(self._sizes), key + b"blocks").batch(range(len(self._sizes)))
            starts = np.concatenate([[0], np.cumsum(self._sizes[blocks])])
            epoch = self._recent = _Epoch(number, key, blocks, starts)
        return epoch

    def _window_of(self, epoch: _Epoch, place: int) -> int:
        return (int(epoch.starts.searchsorted(place, "right")) - 1) // self._window

    def _bounds(self, epoch: _Epoch, window: int) -> tuple[int, int]:
        """The first place of a window, and the first one past it."""
        slot = window * self._window
        return int(epoch.starts[slot]), int(epoch.starts[min(slot + self._window, len(epoch.blocks))])

    def _permutation(self, epoch: _Epoch, window: int) -> Permutation:
        first, last = self._bounds(epoch, window)
        return Permutation(last - first, epoch.key + b"window" + window.to_bytes(8, "little"))
