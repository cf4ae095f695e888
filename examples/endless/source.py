"""A source of rows that never ends: index i is always the same puzzle, in every process.

A row, shortened::

    question: "State the final answer to the following arithmetic problem: 47 - 16 + 52 ="
    answer: "83"
    family: "chain_sum"
    difficulty: "easy"
    metadata: '{"num_terms": 3, "expression": "47 - 16 + 52", ...}'
"""

import hashlib
import json
from collections.abc import Sequence

from reasoning_gym import create_dataset

from tasksets_examples.reasoning.build import DIFFICULTIES, TIERS


class Puzzles:
    """Every family and tier in turn.

    Args:
        families: Names of ``TIERS``.
        seed: Text; another one gives other puzzles.
        size: How many rows there are; None is without end.
    """

    def __init__(self, families: Sequence[str], seed: str, size: int | None) -> None:
        self.size = size
        self._cells = []
        for tier, difficulty in enumerate(DIFFICULTIES):
            for family in families:
                digest = hashlib.blake2b(f"{seed}/{family}/{difficulty}".encode(), digest_size=7).digest()
                puzzles = create_dataset(family, seed=int.from_bytes(digest), size=2**62, **TIERS[family][tier])
                self._cells.append((family, difficulty, puzzles))

    def __len__(self) -> int:
        return self.size or 0

    def __getitem__(self, index: int) -> dict[str, str]:
        number, cell = divmod(index, len(self._cells))
        family, difficulty, puzzles = self._cells[cell]
        entry = puzzles[number]
        shown = {"question": entry["question"], "answer": entry["answer"], "family": family}
        return shown | {"difficulty": difficulty, "metadata": json.dumps(entry["metadata"])}


def puzzles(split: str, *, families: Sequence[str] = tuple(TIERS), seed: int = 0, test_size: int = 240) -> Puzzles:
    """The entry point: endless, but for the split ``test``."""
    return Puzzles(families, f"{seed}/{split}", test_size if split == "test" else None)
