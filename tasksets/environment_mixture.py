"""A mixture across environments, on the client's side: which environment comes next, and which position there."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.loaders.mixing import Mixing, Weight
from openenv_tasksets.loaders.order import positions

FIELD = "environment"


class EnvironmentMixture:
    """Gives what to reset with at each position of a mixture: the environment's name, and a seed for it.

    Servers need not know of it: a seed is a position of each environment's own stream, and ``loaders.mixing``
    assigns positions to environments in exact proportions.

    Args:
        weights: How much of each environment, by name; each above 0.
        shuffle_seed: Another number mixes in another order.

    Raises:
        SelectionError: There is no environment, or a weight is none.

    >>> mixture = EnvironmentMixture({"math": 2, "code": 1})
    >>> [mixture.selectors(position) for position in range(3)]
    [{'environment': 'math', 'seed': 0}, {'environment': 'code', 'seed': 0}, {'environment': 'math', 'seed': 1}]
    """

    def __init__(self, weights: Mapping[str, Weight], *, shuffle_seed: int = 0) -> None:
        self._names = tuple(weights)
        identity = msgspec.json.encode(["environments", shuffle_seed, self._names]).decode()
        try:
            self._mixing = Mixing(list(weights.values()), identity)
        except ValueError as exc:
            raise SelectionError(str(exc)) from exc

    def selectors(self, position: int) -> dict[str, Any]:
        """``{"environment": name, "seed": position in its own stream}`` for a position in [0, 2**63).

        Raises:
            ValueError: ``position`` is out of range.
        """
        part, own = self._mixing.locate(position)
        return {FIELD: self._names[part], "seed": own}

    def stream(
        self, start: int = 0, *, stop: int | None = None, shard_index: int = 0, shard_count: int = 1
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Position and selectors, for the positions of a shard; resume by giving the next position as ``start``.

        Args:
            start: The first position to consider, in [0, 2**63).
            stop: The position to end before; None is endless.
            shard_index: Which shard, in [0, shard_count).
            shard_count: Of how many.

        Raises:
            ValueError: A number is out of range.
        """
        own = positions(start, shard_index=shard_index, shard_count=shard_count, stop=stop)
        return ((position, self.selectors(position)) for position in own)
