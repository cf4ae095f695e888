"""A mixture of tasksets of one environment: itself a taskset, whose streams hold the parts in exact proportions."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, NoReturn

from openenv_tasksets.declaration import Limits
from openenv_tasksets.loaders.errors import SelectionError, TaskNotFound
from openenv_tasksets.loaders.mixing import Weight, whole_proportions
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.mixed_split import SEPARATOR, MixedSplit
from openenv_tasksets.split import Split
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.view import TaskView

Exhaustion = Literal["repeat", "stop"]
Part = Taskset | tuple[Taskset, Weight]


class Mixture(Taskset):
    """It has the splits that all parts have, and runs as the first part does.

    ``loaders.mixing`` says how positions are assigned to parts, and whose algorithm it is.

    Args:
        parts: ``{name: (taskset, weight)}``; without a weight it is 1. A list names its parts 0, 1 and so on. The
            name begins the ids of the part's tasks: ``math/train-17``.
        exhaustion: ``repeat``: a part that was met as a whole is met again, shuffled anew. ``stop``: the stream
            ends where the first part would begin again.
        shuffle_seed: Another number mixes in another order.

    Attributes:
        parts: The parts by name.
        counts: How many of each block's positions are of each part.

    Raises:
        SelectionError: There is no part, a name or weight is none, the parts run in different environments or
            have no split in common.
    """

    def __init__(
        self, parts: Mapping[str, Part] | Sequence[Part], *, exhaustion: Exhaustion = "repeat", shuffle_seed: int = 0
    ) -> None:
        if not isinstance(parts, Mapping):
            parts = {str(number): part for number, part in enumerate(parts)}
        if exhaustion not in ("repeat", "stop"):
            raise SelectionError(f"unknown exhaustion {exhaustion!r}; allowed: repeat, stop")
        pairs = {name: part if isinstance(part, tuple) else (part, 1) for name, part in parts.items()}
        self.parts = {name: part for name, (part, _) in pairs.items()}
        try:
            self.counts = whole_proportions([weight for _, weight in pairs.values()])
        except ValueError as exc:
            raise SelectionError(str(exc)) from exc
        _check_names(self.parts)
        _check_one_environment(self.parts)
        self._repeats = exhaustion == "repeat"
        first = next(iter(self.parts.values()))
        splits = tuple(each for each in first.splits if all(each.name in part for part in self.parts.values()))
        if not splits:
            raise SelectionError(f"the parts have no split in common: {_listed(self.parts)}")
        super().__init__(
            first.declaration,
            first.environment,
            splits,
            {each.name: partial(_no_files, each.name) for each in splits},
            shuffle_seed=shuffle_seed,
        )

    def split(self, name: str | None = None) -> Split:
        """The split of this name of all parts, opened; None means the default one.

        Raises:
            SplitNotFound: No such split.
            TasksetError: As the parts' own.
        """
        name = self.resolve_split(name)
        with self._lock:
            if name not in self._opened:
                self._opened[name] = MixedSplit(
                    name,
                    {part: taskset.split(name) for part, taskset in self.parts.items()},
                    self.counts,
                    repeats=self._repeats,
                    shuffle_seed=self._shuffle_seed,
                )
            return self._opened[name]

    def locate(self, split: str, position: int) -> tuple[int, int]:
        """The epoch of the part that a position is of, and the index.

        Raises:
            TaskNotFound: A part is empty, or the stream has ended before this position.
        """
        stop = self.split(split).order.stop
        if position >= stop:
            raise TaskNotFound(
                f"the mixture of split {split!r} has {stop} positions, and no position {position}: it stops with the "
                "first part that is exhausted (exhaustion='repeat' goes on)"
            )
        return super().locate(split, position)

    def with_view(self, view: TaskView) -> NoReturn:
        """Refused: a narrowed mixture would not have the proportions any more.

        Raises:
            SelectionError: Always; it says what to do.
        """
        raise SelectionError(
            f"a mixture cannot be narrowed to {view!r}: narrow its parts, as in "
            "Mixture({'math': math.with_view(math['train'].where(level=3)), ...})"
        )


def _no_files(name: str) -> Rows:
    raise SelectionError(f"split {name!r} is of a mixture, which has no files of its own: push or lock its parts")


def _check_names(parts: Mapping[str, Taskset]) -> None:
    for name in parts:
        if not name or SEPARATOR in name:
            raise SelectionError(f"a part's name is text without {SEPARATOR!r}, since it begins its ids; not {name!r}")


def _check_one_environment(parts: Mapping[str, Taskset]) -> None:
    """Refuse parts that one server could not run alike."""
    names = list(parts)
    for number, part in enumerate(parts.values()):
        for what, of in _RUNS_BY.items():
            first = of(next(iter(parts.values())))
            if of(part) != first:
                raise SelectionError(
                    f"parts {names[0]!r} and {names[number]!r} differ in {what}; a mixture is of one environment: mix "
                    "others on the client's side, with EnvironmentMixture and EnvironmentRouter"
                )


def _limits(part: Taskset) -> Limits:
    return Limits() if part.environment.task is None else part.environment.task.limits


_RUNS_BY: dict[str, Callable[[Taskset], object]] = {
    "frameworks.openenv": lambda part: part.environment.frameworks.openenv,
    "task.limits": _limits,
    "reward": lambda part: part.environment.reward,
}


def _listed(parts: Mapping[str, Taskset]) -> str:
    return "; ".join(f"{name!r} has {', '.join(part)}" for name, part in parts.items())
