"""What a run reports: one record an episode as JSONL, and a summary in which errors are not zeros."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from openenv_tasksets.loaders.errors import TasksetError

Status = Literal["ok", "truncated", "environment_error", "policy_error", "time_exceeded"]
Label = str | int | float | None
EpisodeKey = tuple[str, int, int]

_HEADINGS = (
    "episodes",
    "mean\nreward",
    "success",
    "trun-\ncated",
    "env.\nerrors",
    "policy\nerrors",
    "time\nerrors",
)
_TIERS = ("easy", "medium", "hard")
_MOST_ERRORS = 5


@dataclass(frozen=True, slots=True)
class EpisodeFailure:
    """What ended an episode early: the error's type and its message, which holds no hidden value."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One episode, as a line of the output.

    Attributes:
        task_id: The task's id.
        split: Its split.
        index: Its index in the split as it is served.
        repeat: Which attempt at the task, from 0.
        episode_id: The label that the environment and a server's log know the episode by.
        status: ``ok`` when the environment ended it, ``truncated`` when a limit did; the others are errors.
        reward: Sum of the rewards; None where the environment gave none.
        last_reward: The last reward that was given.
        steps: Actions taken.
        seconds: From before reset() to the end.
        difficulty: The task's public difficulty, or None.
        group: The task's public group, or None.
        done: Whether the environment said that the episode is over.
        truncated_by: The limit that ended it: ``max_steps`` or ``episode_seconds`` of the environment's, or
            ``client_max_steps``.
        error: What went wrong; None unless the status is an error.
        taskset: Which taskset and split were played; None before the record is in a file.
    """

    task_id: str
    split: str
    index: int
    repeat: int
    episode_id: str
    status: Status
    reward: float | None
    last_reward: float | None
    steps: int
    seconds: float
    difficulty: Label = None
    group: Label = None
    done: bool = False
    truncated_by: str | None = None
    error: EpisodeFailure | None = None
    taskset: str | None = None

    @property
    def key(self) -> EpisodeKey:
        """Which episode of a run this is: split, index and repeat."""
        return self.split, self.index, self.repeat

    @property
    def failed(self) -> bool:
        """Whether an error ended it, so that its reward says nothing about the policy."""
        return self.error is not None

    def to_json(self) -> bytes:
        """One line of JSON with its newline."""
        return msgspec.json.encode(self) + b"\n"


class RecordFile:
    """A JSONL file of records, each written through to the operating system as soon as it is there.

    Args:
        path: The file.
        taskset: What is played, as ``Target.identity`` has it; every record says so.
        resume: Continue a file that exists; its records are in ``found``. A last line that an interruption cut
            short is removed.

    Raises:
        TasksetError: The file exists and ``resume`` is False, it holds something else than records of this
            taskset, or it cannot be written.
    """

    def __init__(self, path: Path, taskset: str, *, resume: bool = False) -> None:
        self._path = path
        self._taskset = taskset
        with _failures(path):
            exists = path.exists()
            if exists and not resume:
                raise TasksetError(f"{path} exists; continue it with --resume, or name another file")
            self.found, end = _read_records(path) if exists else ((), 0)
            _refuse_others(self.found, taskset, path)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
            self._is_empty = not exists
            os.ftruncate(self._descriptor, end)
            os.lseek(self._descriptor, end, os.SEEK_SET)

    def write(self, record: EpisodeRecord) -> None:
        """Append one record.

        Raises:
            TasksetError: It cannot be written.
        """
        line = replace(record, taskset=self._taskset).to_json()
        with _failures(self._path):
            while line:
                line = line[os.write(self._descriptor, line) :]
        self._is_empty = False

    def close(self) -> None:
        """Close the file; a new one without a record is removed, so that the run can be tried again."""
        os.close(self._descriptor)
        if self._is_empty:
            self._path.unlink(missing_ok=True)


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise TasksetError(f"{path}: cannot be written: {exc.strerror}") from exc


def _refuse_others(records: Iterable[EpisodeRecord], taskset: str, path: Path) -> None:
    for number, record in enumerate(records, start=1):
        if record.taskset is None:
            raise TasksetError(
                f"{path}:{number}: the record does not say which taskset was played, so it cannot be resumed; "
                "name another file and play all episodes"
            )
        if record.taskset != taskset:
            raise TasksetError(
                f"{path}:{number} is of another taskset, or its rows have changed: the record is of "
                f"{record.taskset}, this run of {taskset}; name another file"
            )


def _read_records(path: Path) -> tuple[tuple[EpisodeRecord, ...], int]:
    """The records of a file, and where the last whole line ends."""
    decoder = msgspec.json.Decoder(EpisodeRecord)
    records, end = [], 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            break
        try:
            records.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeError) as exc:
            raise TasksetError(f"{path}:{number}: not a record of an episode, so it cannot be resumed: {exc}") from exc
        end += len(line)
    return tuple(records), end


@dataclass(slots=True)
class Tally:
    """Counts of some episodes. Rates are over the ``scored`` ones: those that no error ended."""

    episodes: int = 0
    scored: int = 0
    reward_sum: float = 0.0
    successes: int = 0
    truncated: int = 0
    environment_errors: int = 0
    policy_errors: int = 0
    time_exceeded: int = 0

    def add(self, record: EpisodeRecord, success_threshold: float) -> None:
        """Count one episode; one that was given no reward has earned 0."""
        self.episodes += 1
        if record.failed:
            self.environment_errors += record.status == "environment_error"
            self.policy_errors += record.status == "policy_error"
            self.time_exceeded += record.status == "time_exceeded"
            return
        reward = record.reward or 0.0
        self.scored += 1
        self.reward_sum += reward
        self.successes += reward >= success_threshold
        self.truncated += record.status == "truncated"

    @property
    def mean_reward(self) -> float | None:
        """None where no episode could be scored."""
        return self.reward_sum / self.scored if self.scored else None

    @property
    def success_rate(self) -> float | None:
        """None where no episode could be scored."""
        return self.successes / self.scored if self.scored else None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        counts = asdict(self)
        del counts["reward_sum"]
        return {**counts, "mean_reward": self.mean_reward, "success_rate": self.success_rate}


@dataclass(slots=True)
class Summary:
    """A run in numbers: all of it, by difficulty and by group.

    Attributes:
        success_threshold: The reward from which an episode is a success.
    """

    success_threshold: float = 1.0
    total: Tally = field(default_factory=Tally)
    by_difficulty: dict[Label, Tally] = field(default_factory=dict)
    by_group: dict[Label, Tally] = field(default_factory=dict)
    _errors: dict[EpisodeFailure, int] = field(default_factory=dict)

    def add(self, record: EpisodeRecord) -> None:
        """Count one episode."""
        self.total.add(record, self.success_threshold)
        self.by_difficulty.setdefault(record.difficulty, Tally()).add(record, self.success_threshold)
        self.by_group.setdefault(record.group, Tally()).add(record, self.success_threshold)
        # Every row may have an error of its own: only those that are told are kept.
        if record.error is not None and (record.error in self._errors or len(self._errors) < _MOST_ERRORS):
            self._errors[record.error] = self._errors.get(record.error, 0) + 1

    @property
    def failures(self) -> int:
        """Episodes that an error ended."""
        return self.total.episodes - self.total.scored

    def error_lines(self) -> Iterator[str]:
        """Why episodes failed: the first few distinct errors with their counts, and how many had others."""
        for error, count in self._errors.items():
            yield f"{count:,} x {error.type}: {error.message}"
        if more := self.failures - sum(self._errors.values()):
            yield f"and {more:,} more with other errors"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; a label that is null is the key ``null``."""
        return {
            "success_threshold": self.success_threshold,
            "total": self.total.as_dict(),
            "by_difficulty": {_text(label): tally.as_dict() for label, tally in _ordered(self.by_difficulty)},
            "by_group": {_text(label): tally.as_dict() for label, tally in _ordered(self.by_group)},
        }

    def print(self, console: Console) -> None:
        """Print one table; a breakdown in which every label is absent is left out."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, header_style="bold")
        table.add_column("", no_wrap=True)
        for heading in _HEADINGS:
            table.add_column(heading, justify="right")
        for name, tallies in (("difficulty", self.by_difficulty), ("group", self.by_group)):
            if set(tallies) - {None}:
                table.add_row(f"by {name}", style="bold")
                for label, tally in _ordered(tallies):
                    table.add_row(f"  {_text(label)}", *_cells(tally))
                table.add_section()
        table.add_row("all", *_cells(self.total), style="bold")
        console.print(table)
        console.print(f"success: reward >= {self.success_threshold:g}; means and rates leave out errors")


def _cells(tally: Tally) -> Iterator[str]:
    yield str(tally.episodes)
    yield "-" if tally.mean_reward is None else f"{tally.mean_reward:.3f}"
    yield "-" if tally.success_rate is None else f"{tally.success_rate:.1%}"
    for count in (tally.truncated, tally.environment_errors, tally.policy_errors, tally.time_exceeded):
        yield str(count)


def _ordered(tallies: dict[Label, Tally]) -> Iterable[tuple[Label, Tally]]:
    """Numbers by size, then the usual tiers, then names; the absent label last."""

    def rank(item: tuple[Label, Tally]) -> tuple[int, float, str]:
        label = item[0]
        if label is None:
            return 3, 0, ""
        if isinstance(label, int | float):
            return 0, label, ""
        return (1, _TIERS.index(label), "") if label in _TIERS else (2, 0, label)

    return sorted(tallies.items(), key=rank)


def _text(label: Label) -> str:
    return "null" if label is None else str(label)
