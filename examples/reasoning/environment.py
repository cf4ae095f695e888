r"""reasoning-gym's tasks, scored by reasoning-gym.

A row, shortened::

    question: "State the final answer to the following arithmetic problem: 47 - 16 + 52 ="
    answer: "83"
    family: "chain_sum"
    metadata: {"num_terms": 3, "expression": "47 - 16 + 52", ...}
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from reasoning_gym.factory import get_score_answer_fn

from openenv_tasksets.loaders.errors import ResetNeeded

FAMILIES = (
    "chain_sum",
    "gcd",
    "base_conversion",
    "leg_counting",
    "caesar_cipher",
    "word_sorting",
    "shortest_path",
    "knights_knaves",
)
"""Those of the package whose scorers neither raise on odd replies nor ``eval`` the reply or the row: some do."""

MAX_ANSWER_LENGTH = 10_000
score_function = cache(get_score_answer_fn)


@dataclass(frozen=True, slots=True)
class ReasoningAction:
    """The reply; it is the answer as a whole."""

    answer: str


@dataclass(frozen=True, slots=True)
class ReasoningObservation:
    """The question; with the reward, in [0, 1], once it is answered."""

    prompt: str
    reward: float | None = None
    done: bool = False


class Reasoning:
    """One question, one reply. Scoring takes less than a millisecond and shares no state between threads."""

    blocking = False

    def __init__(self) -> None:
        self._entry: dict[str, Any] | None = None
        self._family = ""

    def reset(self, question: str, answer: str, family: str, metadata: dict[str, Any]) -> ReasoningObservation:
        if family not in FAMILIES:
            raise ValueError(f"family is one of {', '.join(FAMILIES)}")
        self._family = family
        self._entry = {"question": question, "answer": answer, "metadata": metadata}
        return ReasoningObservation(question)

    def step(self, action: ReasoningAction) -> ReasoningObservation:
        if self._entry is None:
            raise ResetNeeded("the question is answered: call reset() for another one")
        entry, self._entry = self._entry, None
        reward = 0.0
        if len(action.answer) <= MAX_ANSWER_LENGTH:
            reward = float(score_function(self._family)(action.answer, entry))
        return ReasoningObservation(entry["question"], reward, done=True)

    @property
    def state(self) -> dict[str, Any]:
        return {"family": self._family}

    def close(self) -> None:
        self._entry = None
