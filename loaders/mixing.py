"""Mixtures of streams: which part each position is of, in exact proportions, by arithmetic alone.

Permuted-block randomization, as clinical trials assign patients (M. Zelen, "The randomization and stratification
of patients to clinical trials", Journal of Chronic Diseases 27, 1974). Positions are cut into aligned blocks as
long as the sum of the weights; each block holds as many places of each part as the part's weight says, and which
ones they are is a keyed permutation of the block, anew in each. So after every whole block the proportions are
exact, in between no part is ahead or behind by more than a block's share, and no step through the positions (a
shard's, say) meets one part only. Nothing is stored but the block at hand: the blocks before a place and the places
before it in its own block give the part's own position, so each part is met in the order of its own positions.

Weights that are not whole numbers are made so first, exactly: 0.7 and 0.3 are 7 and 3.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from openenv_tasksets.loaders.order import MAX_POSITION, POSITIONS, Permutation, epoch_key
from openenv_tasksets.loaders.whole_number import whole, whole_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weight = int | float | Fraction | Decimal
MAX_BLOCK = 2**16
_MOST_PLACES = 2**20


class Mixing:
    """Assigns the positions of a mixture to its parts. Thread-safe; memory grows with the block, not with the parts.

    Args:
        weights: How much of each part, each above 0; a float means the decimal number that it is written as.
        identity: What the permutation of the blocks depends on, as text.

    Attributes:
        counts: The places of each part in a block: the weights as the smallest whole numbers.
        block: Their sum, the length of a block.

    Raises:
        ValueError: There are no weights, one is not above 0, or a block would be longer than 2**16 positions.
    """

    def __init__(self, weights: Sequence[Weight], identity: str) -> None:
        self.counts = whole_proportions(weights)
        self.block = sum(self.counts)
        self._ends = list(accumulate(self.counts))
        self._identity = identity
        # Replaced as a whole: threads see an old one or a new one.
        self._recent: _Block | None = None

    def locate(self, position: int) -> tuple[int, int]:
        """The part that a position in [0, 2**63) is of, and the position of the part's own that it stands for.

        Raises:
            TypeError: ``position`` is not an integer.
            ValueError: ``position`` is out of range.
        """
        number, place = divmod(whole("position", position, POSITIONS), self.block)
        block = self._block(number)
        part = int(block.parts[place])
        return part, number * self.counts[part] + int(block.ranks[place])

    def batch(self, positions: "Sequence[int] | NDArray[np.int64]") -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """The parts of many positions, and the parts' own positions.

        Raises:
            TypeError: A position is not an integer.
            ValueError: A position is not in [0, 2**63).
        """
        numbers, places = np.divmod(whole_array("position", positions, POSITIONS), self.block)
        parts, own = np.empty_like(places), np.empty_like(places)
        counts = np.array(self.counts, dtype=np.int64)
        distinct, which = np.unique(numbers, return_inverse=True)
        step = max(1, _MOST_PLACES // self.block)
        for start in range(0, len(distinct), step):
            blocks = [self._block(number) for number in distinct[start : start + step].tolist()]
            chosen = (which >= start) & (which < start + step)
            at = which[chosen] - start, places[chosen]
            parts[chosen] = np.stack([block.parts for block in blocks])[at]
            ranks = np.stack([block.ranks for block in blocks])[at]
            own[chosen] = numbers[chosen] * counts[parts[chosen]] + ranks
        return parts, own

    def first_past(self, part: int, stop: int) -> int:
        """The position that stands for the position ``stop`` of ``part``, before which there are all below it.

        It may be past the last of all positions.
        """
        number, rank = divmod(stop, self.counts[part])
        place = (self._block(min(number, MAX_POSITION)).parts == part).nonzero()[0][rank]
        return number * self.block + int(place)

    def _block(self, number: int) -> "_Block":
        block = self._recent
        if block is None or block.number != number:
            slots = Permutation(self.block, epoch_key(self._identity, number)).batch(range(self.block))
            parts = np.searchsorted(self._ends, slots, "right")
            ranks = np.empty_like(parts)
            for part, count in enumerate(self.counts):
                ranks[parts == part] = np.arange(count)
            block = self._recent = _Block(number, parts, ranks)
        return block


class _Block(NamedTuple):
    """One block: the part of each place, and which of the part's places in the block it is."""

    number: int
    parts: "NDArray[np.int64]"
    ranks: "NDArray[np.int64]"


def whole_proportions(weights: Sequence[Weight]) -> tuple[int, ...]:
    """Weights as the smallest whole numbers in the same proportions.

    Raises:
        ValueError: There are no weights, one is not above 0, or their sum is more than 2**16.

    >>> whole_proportions([0.5, 0.25, 0.25]), whole_proportions([300, 100])
    ((2, 1, 1), (3, 1))
    """
    if not weights:
        raise ValueError("a mixture needs at least one part")
    exact = [_exact(weight) for weight in weights]
    scale = math.lcm(*(weight.denominator for weight in exact))
    whole = [int(weight * scale) for weight in exact]
    counts = tuple(count // math.gcd(*whole) for count in whole)
    if sum(counts) > MAX_BLOCK:
        shown = ", ".join(map(str, weights))
        raise ValueError(
            f"weights {shown} are exact only over blocks of {sum(counts)} positions, and a block has at most "
            f"{MAX_BLOCK}; round them, as in 0.33 for 0.3333333"
        )
    return counts


def _exact(weight: Weight) -> Fraction:
    finite = isinstance(weight, int | float | Fraction | Decimal) and not isinstance(weight, bool)
    if not finite or not math.isfinite(weight) or weight <= 0:
        raise ValueError(f"a weight is a number above 0, not {weight!r}")
    return Fraction(str(weight))
