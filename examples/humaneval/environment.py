r"""An environment that runs code: the agent's completion, and the tests that came with the row.

A row, shortened::

    prompt: "def add(x: int, y: int):\n    '''Add two numbers x and y'''\n"
    entry_point: "add"
    test: "def check(candidate):\n    assert candidate(0, 1) == 1\n"
"""

import re
from dataclasses import dataclass

from openenv_tasksets.loaders.errors import EnvironmentFailed, ResetNeeded
from openenv_tasksets.sandbox import Limits, run_checks


@dataclass(frozen=True, slots=True)
class HumanEvalAction:
    """The function's body as it follows the prompt, or the whole function; a code fence is taken off."""

    completion: str


@dataclass(frozen=True, slots=True)
class HumanEvalObservation:
    """The function to complete; after the step how its tests ended, and the reward: 1 passed, 0 not."""

    prompt: str
    outcome: str | None = None
    reward: float | None = None
    done: bool = False


class HumanEval:
    """One function, one attempt."""

    executes_rows = True
    blocking = True

    def __init__(self, wall_seconds: float = 10.0, cpu_seconds: int = 5, memory_mb: int = 512) -> None:
        self._limits = Limits(wall_seconds, cpu_seconds, memory_mb * 2**20)
        self._task: tuple[str, str, str] | None = None

    def reset(self, prompt: str, entry_point: str, test: str) -> HumanEvalObservation:
        self._task = prompt, entry_point, test
        return HumanEvalObservation(prompt)

    def step(self, action: HumanEvalAction) -> HumanEvalObservation:
        if self._task is None:
            raise ResetNeeded("no function to complete: call reset() before step()")
        prompt, entry_point, test = self._task
        code = program(prompt, entry_point, action.completion)
        verdict = run_checks(code=code, function=entry_point, tests=test, setup=prompt, limits=self._limits)
        if verdict.reason == "judge error":
            raise EnvironmentFailed("the row's tests cannot be run")
        return HumanEvalObservation(prompt, verdict.reason, float(verdict.passed), done=True)

    @property
    def state(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        self._task = None


def program(prompt: str, entry_point: str, completion: str) -> str:
    """The code to run: a whole function as it is, a body continued from where the prompt ends."""
    fenced = re.search(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", completion, re.DOTALL)
    text = fenced[1] if fenced else completion
    whole = re.search(rf"^(?:async )?def {re.escape(entry_point)}\b", text, re.MULTILINE)
    return text if whole else prompt + text
