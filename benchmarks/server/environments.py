"""The single-step environment of the benchmark, in the forms that a server may meet, and the rows that it plays."""

from pathlib import Path
from typing import Any

import msgspec

PROMPT_BYTES = 400
ROWS = 10_000


def rows() -> list[dict[str, Any]]:
    """Ten thousand sums with a prompt of 400 bytes."""
    return [{"question": f"What is {n} + 1? ".ljust(PROMPT_BYTES, "."), "answer": str(n + 1)} for n in range(ROWS)]


def declaration() -> Any:
    """The sums, bound to the arguments of a reset()."""
    from openenv_tasksets.declaration import Declaration

    return Declaration.from_dict(
        {
            "spec_version": "hf-rl-env-0.1",
            "environments": [
                {
                    "id": "sums",
                    "task": {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]},
                    "frameworks": {"openenv": {"min_version": ">=0.10.0", "package": "openenv-tasksets"}},
                }
            ],
        }
    )


def write_folder(folder: Path, count: int) -> None:
    """A taskset of so many rows in a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    from openenv_tasksets.declaration_file import write_declaration

    some = rows()
    table = pyarrow.Table.from_pylist([some[n % ROWS] for n in range(count)])
    pyarrow.parquet.write_table(table, folder / "train.parquet")
    write_declaration(declaration(), folder)


class SumAction(msgspec.Struct):
    """An answer."""

    answer: str


class SumObservation(msgspec.Struct):
    """A question, or what became of an answer."""

    question: str = ""
    done: bool = False
    reward: float | None = None


class PlainSums:
    """An environment that never heard of OpenEnv and neither waits nor computes for long."""

    blocking = False

    def reset(self, question: str, answer: str) -> SumObservation:
        """Ask."""
        self._answer = answer
        return SumObservation(question=question)

    def step(self, action: SumAction) -> SumObservation:
        """Judge."""
        return SumObservation(done=True, reward=float(action.answer == self._answer))

    @property
    def state(self) -> dict[str, Any]:
        """Nothing of its own."""
        return {}

    def close(self) -> None:
        """There is nothing to give back."""


def openenv_sums() -> tuple[type[Any], type[Any], type[Any]]:
    """An OpenEnv environment as its documentation writes them, with its action and its observation."""
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class SumAction(Action):
        answer: str

    class SumObservation(Observation):
        question: str = ""

    class Sums(Environment[SumAction, SumObservation, State]):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def __init__(self) -> None:
            super().__init__()
            self._state = State()

        def reset(
            self,
            seed: int | None = None,  # noqa: ARG002
            episode_id: str | None = None,
            question: str = "",
            answer: str = "",
        ) -> SumObservation:
            self._answer = answer
            self._state = State(episode_id=episode_id)
            return SumObservation(question=question)

        def step(self, action: SumAction, timeout_s: float | None = None, **_: Any) -> SumObservation:  # noqa: ARG002
            return SumObservation(done=True, reward=float(action.answer == self._answer))

        @property
        def state(self) -> State:
            return self._state

    return Sums, SumAction, SumObservation
