"""The rows of the soak, and what an independent reader of them expects of a server."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from soak_environment import KINDS

COUNT = 997
GRACE_SECONDS = 3.0
_DECLARED = """
  - id: {name}
    config_name: main
    splits: [train]
    task:
      id: name
      reset: {{question: question, answer: answer}}
      visible: [question]
    frameworks: {{openenv: {{min_version: ">=0.10.0", package: openenv-tasksets}}}}
"""


def write(folder: Path) -> None:
    """A taskset of Parquet files, with an environment of each kind."""
    (folder / "main").mkdir(parents=True)
    table = pa.table(
        {
            "name": [f"task {n}" for n in range(COUNT)],
            "question": [f"what is {n} * {n}?" for n in range(COUNT)],
            "answer": [f"{n * n} c4n4ry" for n in range(COUNT)],
        }
    )
    pq.write_table(table, folder / "main" / "train-00000-of-00001.parquet", row_group_size=100)
    declared = "".join(_DECLARED.format(name=name) for name in KINDS)
    (folder / "environment.yaml").write_text(f"spec_version: hf-rl-env-0.1\nenvironments:{declared}")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: main/train-*.parquet\n---\n"
    )


class Expected:
    """The rows as pyarrow reads them, and the positions that were given out."""

    def __init__(self, folder: Path) -> None:
        self.rows = pq.read_table(folder / "main" / "train-00000-of-00001.parquet").to_pylist()
        self._positions: dict[str, set[int]] = {name: set() for name in KINDS}
        self._tasks: dict[str, set[tuple[int, int]]] = {name: set() for name in KINDS}

    def check(self, kind: str, question: str, state: dict) -> str:
        """What a session says of its task after a reset; the answer to it.

        Raises:
            AssertionError: The task is not what the rows say, or was given out before.
        """
        row = self.rows[state["index"]]
        assert (question, state["task_id"]) == (row["question"], row["name"]), (question, state)
        position = state["position"]
        if position is not None:
            assert position not in self._positions[kind], f"position {position} twice"
            self._positions[kind].add(position)
            place = (position // len(self.rows), state["index"])
            assert place not in self._tasks[kind], f"task {place[1]} twice in epoch {place[0]}"
            self._tasks[kind].add(place)
        return row["answer"]

    @property
    def drawn(self) -> int:
        """How many positions were given out."""
        return sum(map(len, self._positions.values()))
