"""An environment for a process of its own, which imports it by name."""

import os
from typing import Any

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State


class Answer(Action):
    """An answer."""

    answer: str


class Question(Observation):
    """A question, and who asked it."""

    question: str = ""
    pid: int = 0


class OwnProcess(Environment[Answer, Question, State]):
    """Says which process it runs in."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    blocking = "process"
    models = (Answer, Question, State)

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, question: str = "", answer: str = ""
    ) -> Question:
        """Ask."""
        self._answer = answer
        return Question(question=question, pid=os.getpid())

    def step(self, action: Answer, timeout_s: float | None = None, **kwargs: Any) -> Question:
        """Judge."""
        return Question(reward=float(action.answer == self._answer), done=True, pid=os.getpid())

    @property
    def state(self) -> State:
        """Nothing of its own."""
        return State()
