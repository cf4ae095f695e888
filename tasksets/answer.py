"""The shipped environment ``answer``: one prompt, one reply, right or wrong.

With it a dataset of questions and answers is a taskset without any code: the declaration binds a row's
columns to the arguments of ``Answer.reset`` and names the checker.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from openenv_tasksets.checkers import Key, check, exact_tolerance, find_checker
from openenv_tasksets.loaders.errors import ResetNeeded, RowRefused
from openenv_tasksets.patterns import compile_pattern

Prompt = str | list[dict[str, Any]]


class AnswerAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reply to a prompt.

    Attributes:
        answer: The reply as text, also where the answer is a number.
        metadata: Whatever the client adds; it has no effect.
    """

    answer: str
    metadata: dict[str, Any] = {}


class AnswerObservation(msgspec.Struct, frozen=True):
    """What the agent sees.

    Attributes:
        prompt: The question, as text or as chat messages; None after the reply.
        choices: The choices in order, where the task has some; None after the reply.
        done: Whether the episode is over, which it is after one reply.
        reward: 1.0 for a right reply, 0.0 for any other; None before the reply.
    """

    prompt: Prompt | None = None
    choices: list[str] | None = None
    done: bool = False
    reward: float | None = None


class AnswerState(msgspec.Struct, frozen=True):
    """How far the episode is.

    Attributes:
        step_count: Replies given since the last reset: 0 or 1.
    """

    step_count: int = 0


class Answer:
    """One prompt, one reply, reward 1.0 or 0.0.

    The expected answer appears in no observation, state, repr or error message.

    Args:
        checker: What makes a reply right; see ``checkers``.
        extract: Regular expression that finds the answer in a reply: its last match's first group, or all of
            it. A reply without a match earns 0.0. None takes the whole reply.
        tolerance: Largest absolute difference that checker ``number`` accepts where a row binds none; at
            least 0.

    Raises:
        ValueError: An argument is none of the above.
    """

    SUPPORTS_CONCURRENT_SESSIONS: ClassVar[bool] = True
    blocking: ClassVar[bool] = False
    step_tool: ClassVar[str] = "submit"

    def __init__(self, checker: str = "normalized", extract: str | None = None, tolerance: float = 0.0) -> None:
        exact_tolerance(tolerance)
        self._checker_name = checker
        self._checker = find_checker(checker)
        self._extract = None if extract is None else compile_pattern(extract)
        self._tolerance = tolerance
        self._reward: Callable[[str], float] | None = None
        self._steps = 0

    def reset(
        self,
        prompt: str | list[dict[str, Any]],
        answer: Any,
        choices: list[str] | None = None,
        tolerance: float | None = None,
    ) -> AnswerObservation:
        """Sets a task.

        Args:
            prompt: Text, or chat messages, each with a ``role`` and a ``content``; what else they hold is kept.
            answer: The expected answer, in the form that the checker takes.
            choices: Texts to choose from, shown beside the prompt and never put into it; None where there are
                none.
            tolerance: As for the constructor, for this task; None takes the constructor's.

        Raises:
            RowRefused: An argument is none of the above. The episode before it is over nevertheless.
        """
        self.close()
        try:
            return self._begin(prompt, answer, choices, tolerance)
        except ValueError as exc:
            # Neither these messages nor those of the checkers hold a hidden value.
            raise RowRefused(f"the row does not fit checker {self._checker_name!r}: {exc}") from None

    def _begin(self, prompt: Any, answer: Any, choices: list[str] | None, tolerance: float | None) -> AnswerObservation:
        prompt = _prompt(prompt)
        if choices is not None and not (isinstance(choices, list) and all(isinstance(text, str) for text in choices)):
            raise ValueError("choices must be a list of texts")
        key = Key(
            expected=answer,
            choices=None if choices is None else tuple(choices),
            tolerance=self._tolerance if tolerance is None else tolerance,
        )
        self._reward = check(self._checker, key, self._extract)
        return AnswerObservation(prompt=prompt, choices=None if choices is None else list(choices))

    def step(self, action: AnswerAction) -> AnswerObservation:
        """Takes the reply and ends the episode.

        Raises:
            ResetNeeded: There is no task, or its reply was given.
        """
        if self._reward is None:
            raise ResetNeeded("the episode is over after one reply: call reset() first")
        reward, self._reward = self._reward(action.answer), None
        self._steps += 1
        return AnswerObservation(done=True, reward=reward)

    @property
    def state(self) -> AnswerState:
        """How far the episode is."""
        return AnswerState(step_count=self._steps)

    def close(self) -> None:
        """Forgets the task."""
        self._reward = None
        self._steps = 0


def _prompt(prompt: Any) -> Prompt:
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list) or not prompt:
        raise ValueError(f"prompt must be text or a list of chat messages, not {type(prompt).__name__}")
    for number, message in enumerate(prompt):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str) or "content" not in message:
            raise ValueError(f"message {number} of the prompt must be a mapping with a text 'role' and a 'content'")
    return [dict(message) for message in prompt]
