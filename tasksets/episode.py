"""What a reset() selects: one pure function from a client's arguments to a task, a seed and the arguments."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from openenv_tasksets.environment import Accepts
from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.loaders.order import derive_seed
from openenv_tasksets.task import Task

SELECTORS = ("split", "index", "task_id", "seed")
LABEL = "episode_id"
MAX_POSITION = 2**63
MAX_SEED = 2**32
MAX_LABEL = 255
_LONGEST_TYPO = 16
_PLACE = frozenset(SELECTORS)
_TAKEN = _PLACE | {LABEL}


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


class Episode(msgspec.Struct, frozen=True):
    """What a reset selected; its text is without the arguments.

    Attributes:
        task: The task.
        position: Its place in the endless stream, in [0, 2**63); None where an index or id named it.
        epoch: The pass over the split that the position is in; 0 without one.
        episode_id: The client's label, or None.
        arguments: The keyword arguments for the environment's reset(), hidden ones included.
        ignored: Arguments of the client that went nowhere, sorted.
        given_seed: The environment's own seed where the client gave it beside an index; None elsewhere.
    """

    task: Task
    position: int | None
    epoch: int
    episode_id: str | None
    arguments: Mapping[str, Any]
    ignored: tuple[str, ...]
    given_seed: int | None = None

    def __repr__(self) -> str:
        return f"Episode(task={self.task!r}, position={self.position!r}, episode_id={self.episode_id!r})"

    @property
    def seed(self) -> int:
        """The environment's own seed, in [0, 2**32)."""
        seed = self.arguments.get("seed")
        return seed if isinstance(seed, int) else _own_seed(self.given_seed, self.task.id, self.epoch)

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


class Choice(msgspec.Struct, frozen=True):
    """Which task a reset()'s arguments name, before its row is read.

    Attributes:
        split: Its split.
        index: Its index there, not yet checked.
        position: As in ``Episode``.
        epoch: As in ``Episode``.
        given: The client's arguments that are not None.
        given_seed: As in ``Episode``.
    """

    split: str
    index: int
    position: int | None
    epoch: int
    given: Mapping[str, Any]
    given_seed: int | None


def select(
    request: Mapping[str, Any],
    tasks: Selectable,
    accepted: Accepts,
    next_position: Callable[[str], int] | None,
    *,
    strict: bool = False,
) -> Episode:
    """Select a task and put together what the environment's reset() gets: ``choose``, then ``read``."""
    return read(choose(request, tasks, accepted, next_position, strict=strict), tasks, accepted, strict=strict)


def choose(
    request: Mapping[str, Any],
    tasks: Selectable,
    accepted: Accepts,
    next_position: Callable[[str], int] | None,
    *,
    strict: bool = False,
) -> Choice:
    """Which task is meant; a row is only read to look up a ``task_id`` for the first time.

    ``index`` or ``task_id`` names the task (both must agree) and a ``seed`` beside them is the
    environment's; ``seed`` alone is a position in the split's stream; with none of them the next position
    is taken. Without ``split`` it is the taskset's default one.

    Args:
        request: The client's reset() arguments; None counts as absent.
        tasks: Where tasks are looked up.
        accepted: What the environment's reset() takes.
        next_position: Hands out the next unseeded position of a split; None refuses unseeded resets.
        strict: Refuse every argument that would be ignored.

    Raises:
        SelectionError: Malformed or contradictory selectors, an unseeded reset where that is refused, or an
            argument that looks like a misspelled selector.
        SplitNotFound: No such split.
        TaskNotFound: No such id.
    """
    if len(request) == 1 and type(seed := request.get("seed")) is int and 0 <= seed < MAX_POSITION:
        # What nearly every reset() is.
        return _at(seed, tasks.resolve_split(None), tasks, request)
    given = {name: value for name, value in request.items() if value is not None}
    if not given:
        split = tasks.resolve_split(None)
        return _at(_unseeded(next_position, split), split, tasks, given)
    split = tasks.resolve_split(_text(given, "split"))
    index = _whole_number(given, "index", None)
    task_id = _text(given, "task_id")
    named = index is not None or task_id is not None
    seed = _whole_number(given, "seed", MAX_SEED if named else MAX_POSITION)
    if not given.keys() <= _PLACE:
        _check_label(given)
        _check_others(given, tasks, split, accepted, strict)
    if task_id is not None:
        found = tasks.index_of(split, task_id)
        if index is not None and index != found:
            raise SelectionError(f"index {index} and task_id {task_id!r} disagree: that task has index {found}")
        index = found
    if index is not None:
        return Choice(split, index, None, 0, given, seed)
    return _at(_unseeded(next_position, split) if seed is None else seed, split, tasks, given)


def read(choice: Choice, tasks: Selectable, accepted: Accepts, *, strict: bool = False) -> Episode:
    """Read the row of a choice and put together what the environment's reset() gets.

    Selectors are consumed, never forwarded. The row's value goes before the client's for every bound argument.

    Args:
        choice: What ``choose`` gave.
        tasks: As there.
        accepted: As there.
        strict: As there.

    Raises:
        SelectionError: An argument would be ignored, and ``strict``.
        TaskNotFound: No such index.
        RowError: The row cannot become a task.
    """
    given = choice.given
    task = tasks.task(choice.split, choice.index)
    bound = task.arguments()
    label = given.get(LABEL)
    arguments: dict[str, Any] = {}
    ignored: list[str] = []
    for name, value in given.items():
        if name in _TAKEN:
            continue
        if name in bound or name not in accepted:
            ignored.append(name)
        else:
            arguments[name] = value
    if strict and ignored:
        raise SelectionError(
            f"reset() argument {min(ignored)!r} would be ignored, and this server is strict; "
            f"leave it out, or start without --strict-reset"
        )
    if "seed" in accepted and "seed" not in bound:
        arguments["seed"] = _own_seed(choice.given_seed, task.id, choice.epoch)
    if LABEL in (accepted.required if label is None else accepted):
        arguments[LABEL] = label
    arguments = {**arguments, **bound} if arguments else bound
    left_out = tuple(sorted(ignored)) if ignored else ()
    return Episode(task, choice.position, choice.epoch, label, arguments, left_out, choice.given_seed)


def _at(position: int, split: str, tasks: Selectable, given: Mapping[str, Any]) -> Choice:
    epoch, index = tasks.locate(split, position)
    return Choice(split, index, position, epoch, given, None)


def _unseeded(next_position: Callable[[str], int] | None, split: str) -> int:
    if next_position is None:
        raise SelectionError(
            "this server refuses a reset() that names no task: give 'seed' (a position), 'index' or 'task_id'"
        )
    return next_position(split)


def _own_seed(given: int | None, task_id: str, epoch: int) -> int:
    return derive_seed(task_id, epoch) if given is None else given


def _check_others(given: Mapping[str, Any], tasks: Selectable, split: str, accepted: Accepts, strict: bool) -> None:
    """Refuse what looks like a misspelled selector: silently another task would be worse than an error."""
    for name in given:
        if name in _TAKEN or name in accepted.names or len(name) > _LONGEST_TYPO:
            continue
        close = difflib.get_close_matches(name.lower().replace("-", "_"), SELECTORS, n=1, cutoff=0.75)
        # Trainers pass whole rows: a column's name is no misspelling, however near.
        if close and (strict or name not in tasks.columns(split)):
            raise SelectionError(
                f"unknown reset() argument {name!r}; did you mean {close[0]!r}? Selectors are: {', '.join(SELECTORS)}"
            )


def _check_label(given: Mapping[str, Any]) -> None:
    label = _text(given, LABEL)
    if label is not None and len(label) > MAX_LABEL:
        raise SelectionError(f"{LABEL} is text of at most {MAX_LABEL} characters, not of {len(label)}")


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
