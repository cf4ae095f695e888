"""For conftest.py files: a quiz of two splits, and an OpenEnv environment that does odd things on demand."""

import datetime
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import Field, field_validator

CANARY = "c4n4ry"
QUIZ_ROWS = {
    split: [{"question": f"{split} {n} + 1 = ?", "answer": f"{CANARY}-{n + 1}", "level": n % 3} for n in range(size)]
    for split, size in (("train", 20), ("test", 5))
}
QUIZ_TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"], "public": ["level"]}


@pytest.fixture(scope="session")
def quiz_taskset(make_taskset: Callable[..., Any]) -> Any:
    """Twenty tasks to train and five to test on; the answer is hidden and holds the canary."""
    return make_taskset(QUIZ_ROWS, QUIZ_TASK, splits=["train", "test"])


@pytest.fixture(scope="session")
def quiz_environment(openenv: SimpleNamespace) -> type[Any]:
    """An OpenEnv environment with pydantic models, which does odd things on demand."""

    class QuizAction(openenv.Action):
        answer: str = Field(min_length=1)
        do: str = "answer"

        @field_validator("answer")
        @classmethod
        def _not_poison(cls, answer: str) -> str:
            if answer == "poison":
                raise ValueError("poison is no answer")
            return answer

    class QuizObservation(openenv.Observation):
        question: str | None = None
        seen: str | None = None
        extra: Any = None

    class QuizState(openenv.State):
        mood: str | None = None

    rewards = {"nan": math.nan, "infinity": math.inf, "true": True, "int": 3, "none": None, "negative": -0.5}
    extras = {
        "date": datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
        "nested": {"a": [1, {"b": None}], "c": (1.5, math.nan)},
        "big": 2**70,
        "unicode": "\U0001f600 \u2028",
        "opaque": object(),
    }

    class QuizEnvironment(openenv.Environment[QuizAction, QuizObservation, QuizState]):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def __init__(self) -> None:
            super().__init__()
            self._answer: str | None = None
            self._state = QuizState()

        def reset(
            self,
            seed: int | None = None,
            episode_id: str | None = None,
            *,
            question: str,
            answer: str,
            mood: str | None = None,
        ) -> QuizObservation:
            self._answer = answer
            self._state = QuizState(episode_id=episode_id, mood=mood)
            return QuizObservation(question=question, extra=seed, metadata={"mood": mood} if mood else {})

        def step(self, action: QuizAction, timeout_s: float | None = None, **kwargs: Any) -> QuizObservation:
            self._state.step_count += 1
            if action.do == "raise":
                raise ValueError(f"the answer is {self._answer}")
            if action.do in rewards:
                return QuizObservation(seen=action.answer, reward=rewards[action.do])
            if action.do in extras:
                return QuizObservation(seen=action.answer, extra=extras[action.do])
            return QuizObservation(
                seen=action.answer,
                done=True,
                reward=float(action.answer == self._answer),
                metadata={"steps": self._state.step_count},
            )

        @property
        def state(self) -> QuizState:
            return self._state

    QuizEnvironment.models = (QuizAction, QuizObservation, QuizState)
    return QuizEnvironment
