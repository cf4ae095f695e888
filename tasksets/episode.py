"""What a reset() selects: one pure function from a client's arguments to a task, a seed and the arguments."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from openenv_tasksets.environment import Accepts
from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.loaders.order import derive_seed
from openenv_tasksets.task import Task

SELECTORS = ("split", "index", "task_id", "seed")
LABEL = "episode_id"
MAX_POSITION = 2**63
MAX_SEED = 2**32
_LONGEST_TYPO = 16


class Selectable(Protocol):
    """What selection asks of a taskset."""

    def resolve_split(self, split: str | None) -> str:
        """The split's name, or the default one for None; raises SplitNotFound."""
        ...

    def task(self, split: str, index: int) -> Task:
        """The task; raises TaskNotFound."""
        ...

    def index_of(self, split: str, task_id: str) -> int:
        """The index of a task id; raises TaskNotFound."""
        ...

    def locate(self, split: str, position: int) -> tuple[int, int]:
        """Epoch and index of a position of the split's stream."""
        ...

    def columns(self, split: str) -> Iterable[str]:
        """The columns of the split's rows, bound or not."""
        ...


@dataclass(frozen=True, slots=True)
class Episode:
    """What a reset selected.

    Attributes:
        task: The task.
        position: Its place in the endless stream, in [0, 2**63); None where an index or id named it.
        seed: The environment's own seed, in [0, 2**32).
        episode_id: The client's label, or None.
        arguments: The keyword arguments for the environment's reset(), hidden ones included; not in the repr.
        ignored: Arguments of the client that went nowhere, sorted.
    """

    task: Task
    position: int | None
    seed: int
    episode_id: str | None
    arguments: Mapping[str, Any] = field(repr=False)
    ignored: tuple[str, ...]

    def state(self) -> dict[str, Any]:
        """What ``state`` adds for the trainer: its label if it gave one, the task's place and the public values."""
        label = {} if self.episode_id is None else {LABEL: self.episode_id}
        return {
            **label,
            "task_id": self.task.id,
            "split": self.task.split,
            "index": self.task.index,
            "position": self.position,
            "public": dict(self.task.public),
        }


def select(
    request: Mapping[str, Any],
    tasks: Selectable,
    accepted: Accepts,
    next_position: Callable[[str], int] | None,
    *,
    strict: bool = False,
) -> Episode:
    """Select a task and put together what the environment's reset() gets.

    ``index`` or ``task_id`` names the task (both must agree) and a ``seed`` beside them is the
    environment's; ``seed`` alone is a position in the split's stream; with none of them the next position
    is taken. Without ``split`` it is the taskset's default one. Selectors are consumed, never forwarded. The
    row's value goes before the client's for every bound argument.

    Args:
        request: The client's reset() arguments; None counts as absent.
        tasks: Where tasks are looked up.
        accepted: What the environment's reset() takes.
        next_position: Hands out the next unseeded position of a split; None refuses unseeded resets.
        strict: Refuse every argument that would be ignored.

    Raises:
        SelectionError: Malformed or contradictory selectors, an unseeded reset where that is refused, an
            argument that looks like a misspelled selector, or (``strict``) one that would be ignored.
        SplitNotFound: No such split.
        TaskNotFound: No such index or id.
    """
    given = {name: value for name, value in request.items() if value is not None}
    split = tasks.resolve_split(_text(given, "split"))
    index = _whole_number(given, "index", None)
    task_id = _text(given, "task_id")
    named = index is not None or task_id is not None
    seed = _whole_number(given, "seed", MAX_SEED if named else MAX_POSITION)
    episode_id = _text(given, LABEL)
    _check_others(given, tasks, split, accepted, strict)

    position, epoch = None, 0
    if task_id is not None:
        found = tasks.index_of(split, task_id)
        if index is not None and index != found:
            raise SelectionError(f"index {index} and task_id {task_id!r} disagree: that task has index {found}")
        index = found
    elif index is None:
        position = _unseeded(next_position, split) if seed is None else seed
        epoch, index = tasks.locate(split, position)
        seed = None
    task = tasks.task(split, index)
    bound = task.arguments()
    own_seed = derive_seed(task.id, epoch) if seed is None else seed
    arguments, ignored = _arguments(given, bound, accepted, own_seed, episode_id)
    if strict and ignored:
        raise SelectionError(
            f"reset() argument {ignored[0]!r} would be ignored, and this server is strict; "
            f"leave it out, or start without --strict-reset"
        )
    return Episode(task, position, _seed_of(arguments, own_seed), episode_id, arguments, ignored)


def _unseeded(next_position: Callable[[str], int] | None, split: str) -> int:
    if next_position is None:
        raise SelectionError(
            "this server refuses a reset() that names no task: give 'seed' (a position), 'index' or 'task_id'"
        )
    return next_position(split)


def _arguments(
    given: Mapping[str, Any], bound: Mapping[str, Any], accepted: Accepts, seed: int, episode_id: str | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    arguments: dict[str, Any] = {}
    ignored = []
    for name, value in given.items():
        if name in SELECTORS or name == LABEL:
            continue
        if name in bound or name not in accepted:
            ignored.append(name)
        else:
            arguments[name] = value
    if "seed" in accepted:
        arguments["seed"] = seed
    if LABEL in (accepted.required if episode_id is None else accepted):
        arguments[LABEL] = episode_id
    arguments.update(bound)
    return arguments, tuple(sorted(ignored))


def _seed_of(arguments: Mapping[str, Any], own_seed: int) -> int:
    seed = arguments.get("seed", own_seed)
    return seed if isinstance(seed, int) else own_seed


def _check_others(given: Mapping[str, Any], tasks: Selectable, split: str, accepted: Accepts, strict: bool) -> None:
    """Refuse what looks like a misspelled selector: silently another task would be worse than an error."""
    for name in given:
        if name in SELECTORS or name == LABEL or name in accepted.names or len(name) > _LONGEST_TYPO:
            continue
        close = difflib.get_close_matches(name.lower().replace("-", "_"), SELECTORS, n=1, cutoff=0.75)
        # Trainers pass whole rows: a column's name is no misspelling, however near.
        if close and (strict or name not in tasks.columns(split)):
            raise SelectionError(
                f"unknown reset() argument {name!r}; did you mean {close[0]!r}? Selectors are: {', '.join(SELECTORS)}"
            )


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise SelectionError(f"{name} is text, not {value!r:.60}")
    return value


def _whole_number(given: Mapping[str, Any], name: str, limit: int | None) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise SelectionError(f"{name} is a whole number, not {value!r:.60}")
    if limit is not None and not 0 <= value < limit:
        kind = "a position" if limit == MAX_POSITION else "the environment's seed (beside an index or task_id)"
        raise SelectionError(f"seed is {kind}, in [0, 2**{limit.bit_length() - 1}), not {value!r:.60}")
    return value
