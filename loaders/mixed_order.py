"""The order of a mixture: each position is one of a part, and means what the part's own order says."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from openenv_tasksets.loaders.mixing import Mixing
from openenv_tasksets.loaders.order import MAX_POSITION, POSITIONS, Ordering
from openenv_tasksets.loaders.whole_number import whole, whole_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MixedOrder:
    """Mixes the orders of several parts, whose indices follow each other. Thread-safe.

    Args:
        orders: The parts' own orders.
        sizes: How many indices each part has.
        mixing: Which part each position is of.
        repeats: Whether a part that was met once is met again, in its next epoch, and the mixture goes on; else
            it ends where the first part would begin again, having met all of it.
        identity: What all this depends on, as text.

    Attributes:
        size: Positions in one pass. Where parts repeat: whole blocks in which each part is met at least once.
        stop: The first position that there is not.
    """

    def __init__(
        self, orders: Sequence[Ordering], sizes: Sequence[int], mixing: Mixing, *, repeats: bool, identity: str
    ) -> None:
        self._orders = tuple(orders)
        self._starts = [0, *accumulate(sizes)]
        self._mixing = mixing
        self.identity = identity
        # A part that ends by itself cannot go on.
        ends = [order.stop if repeats else min(order.stop, order.size) for order in orders]
        past = (mixing.first_past(part, end) for part, end in enumerate(ends) if end <= MAX_POSITION)
        self.stop = min([MAX_POSITION + 1, *past])
        blocks = max(-(-order.size // count) for order, count in zip(orders, mixing.counts, strict=True))
        self.size = min(self.stop, blocks * mixing.block)

    def locate(self, position: int) -> tuple[int, int]:
        """The epoch of the part that a position in [0, stop) is of, and the index.

        Raises:
            TypeError: ``position`` is not an integer.
            ValueError: ``position`` is out of range.
        """
        part, own = self._mixing.locate(self._checked(position))
        epoch, index = self._orders[part].locate(own)
        return epoch, self._starts[part] + index

    def batch(self, positions: "Sequence[int] | NDArray[np.int64]") -> "NDArray[np.int64]":
        """The indices at many positions, in their order.

        Raises:
            TypeError: A position is not an integer.
            ValueError: A position is not in [0, stop).
        """
        import numpy as np

        checked = whole_array("position", positions, POSITIONS[: self.stop])
        parts, own = self._mixing.batch(checked)
        indices = np.empty_like(own)
        for part in np.unique(parts).tolist():
            chosen = parts == part
            indices[chosen] = self._starts[part] + self._orders[part].batch(own[chosen])
        return indices

    def window_end(self, position: int) -> None:  # noqa: ARG002 - the protocol's
        """None: any part of it may be read at once."""
        return

    def _checked(self, position: int) -> int:
        return whole("position", position, POSITIONS[: self.stop])
