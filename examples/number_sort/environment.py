"""The environment that comes with LearnLens, in this library's form.

A row::

    level: "easy"
    seed: 3
"""

from dataclasses import dataclass
from typing import Any

from learnlens.envs.number_sort.environment import NumberSortEnvironment


@dataclass(frozen=True, slots=True)
class SortedNumbers:
    """The numbers in the order that was asked for."""

    values: list[int]


class NumberSort:
    """LearnLens's class takes the level when it is made, has a method as its ``state``, and no ``close()``."""

    blocking = False

    def __init__(self) -> None:
        self._environment: NumberSortEnvironment | None = None

    def reset(self, level: str, seed: int) -> dict[str, Any]:
        self._environment = NumberSortEnvironment(level)
        return dict(self._environment.reset(seed))

    def step(self, action: SortedNumbers) -> dict[str, Any]:
        result = self._made().step({"values": action.values})
        return {**result["observation"], "reward": result["reward"], "done": result["done"]}

    @property
    def state(self) -> dict[str, Any]:
        return {} if self._environment is None else dict(self._environment.state())

    def close(self) -> None:
        self._environment = None

    def _made(self) -> NumberSortEnvironment:
        assert self._environment is not None  # the server lets no step() come before reset()
        return self._environment
