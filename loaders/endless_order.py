"""The order of a split without end: position p is index p, and there is only one epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openenv_tasksets.loaders.rows import ENDLESS
from openenv_tasksets.loaders.whole_number import whole, whole_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_POSITIONS = range(ENDLESS)


@dataclass(frozen=True, slots=True)
class EndlessOrder:
    """The identity on [0, 2**63 - 1). Thread-safe.

    Attributes:
        identity: What the rows depend on, as text.
    """

    identity: str

    @property
    def size(self) -> int:
        """Positions in the one pass that there is."""
        return ENDLESS

    @property
    def stop(self) -> int:
        """The first position that there is not."""
        return ENDLESS

    def locate(self, position: int) -> tuple[int, int]:
        """Epoch 0, and the position as the index.

        Raises:
            TypeError: ``position`` is not an integer.
            ValueError: ``position`` is out of range.
        """
        return 0, whole("position", position, _POSITIONS)

    def batch(self, positions: "Sequence[int] | NDArray[np.int64]") -> "NDArray[np.int64]":
        """The positions themselves.

        Raises:
            TypeError: A position is not an integer.
            ValueError: A position is out of range, or ``positions`` is not one-dimensional.
        """
        return whole_array("position", positions, _POSITIONS)

    def window_end(self, position: int) -> int | None:  # noqa: ARG002 - the protocol's
        """None: any part will do."""
        return None
