"""OpenEnv environments that do one thing, for tests that run on every server."""

from types import SimpleNamespace
from typing import Any


def one_question(openenv: SimpleNamespace, name: str = "OneQuestion", **members: Any) -> type[Any]:
    """An OpenEnv environment with one question to answer, and ``members`` added or replaced.

    Args:
        openenv: The fixture.
        name: The class's name.
        members: Methods and attributes of the class.
    """

    class Answer(openenv.Action):
        answer: str = ""

    class Question(openenv.Observation):
        question: str | None = None

    class OneQuestion(openenv.Environment[Answer, Question, openenv.State]):
        SUPPORTS_CONCURRENT_SESSIONS = True
        models = (Answer, Question, openenv.State)

        def __init__(self) -> None:
            super().__init__()
            self._state = openenv.State()
            self._answer: str | None = None

        def reset(
            self, seed: int | None = None, episode_id: str | None = None, question: str = "", answer: str = ""
        ) -> Question:
            self._answer = answer
            self._state = openenv.State(episode_id=episode_id)
            return Question(question=question)

        def step(self, action: Answer, timeout_s: float | None = None, **kwargs: Any) -> Question:
            self._state.step_count += 1
            return Question(reward=float(action.answer == self._answer))

        @property
        def state(self) -> Any:
            return self._state

    return type(name, (OneQuestion,), members)
