"""The differences between two lists of tasks, each known by id and content hash alone."""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from openenv_tasksets.task_hash_file import Tasks


@dataclass(frozen=True, slots=True, order=True)
class TaskName:
    """A task by the split it is in and its id."""

    split: str
    id: str

    def __str__(self) -> str:
        return f"{self.split}: {self.id}"


@dataclass(frozen=True, slots=True)
class Renaming:
    """A task that is the same, or has the same content, under another name.

    Attributes:
        before: Its name on the first side.
        after: Its name on the second.
        is_changed: Whether its content is another one too; only of a task that moved under the same id.
    """

    before: TaskName
    after: TaskName
    is_changed: bool = False

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}" + (" (changed)" if self.is_changed else "")


@dataclass(frozen=True, slots=True)
class TaskDiff:
    """The differences, each in the order of splits and rows; a task is in one of them at most.

    Attributes:
        added: Tasks with a new id and new content.
        removed: Tasks whose id and content are gone.
        changed: The same id in the same split, with other content.
        renamed: The same content under another id.
        moved: The same id in another split.
    """

    added: tuple[TaskName, ...] = ()
    removed: tuple[TaskName, ...] = ()
    changed: tuple[TaskName, ...] = ()
    renamed: tuple[Renaming, ...] = ()
    moved: tuple[Renaming, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is no difference."""
        return not (self.added or self.removed or self.changed or self.renamed or self.moved)


def compare(before: Mapping[str, Tasks], after: Mapping[str, Tasks]) -> TaskDiff:
    """The differences between ids and hashes by split, each in the order given."""
    changed: list[TaskName] = []
    gone: list[tuple[TaskName, bytes]] = []
    new = [
        (TaskName(split, task_id), hashed)
        for split, tasks in after.items()
        for task_id, hashed in tasks.items()
        if task_id not in before.get(split, ())
    ]
    for split, tasks in before.items():
        there = after.get(split, {})
        for task_id, hashed in tasks.items():
            if task_id not in there:
                gone.append((TaskName(split, task_id), hashed))
            elif there[task_id] != hashed:
                changed.append(TaskName(split, task_id))
    rank = {name: number for number, (name, _) in enumerate(gone)}
    # What agrees in more is found first: a task is matched once.
    same, gone, new = _matched(gone, new, lambda name, hashed: (name.id, hashed))
    moved, gone, new = _matched(gone, new, lambda name, _: name.id)
    within, gone, new = _matched(gone, new, lambda name, hashed: (name.split, hashed))
    across, gone, new = _matched(gone, new, lambda _, hashed: hashed)
    by_rank = partial(sorted, key=lambda renaming: rank[renaming.before])
    return TaskDiff(
        added=tuple(name for name, _ in new),
        removed=tuple(name for name, _ in gone),
        changed=tuple(changed),
        renamed=tuple(by_rank(Renaming(*pair) for pair in (*within, *across))),
        moved=tuple(by_rank([*(Renaming(*pair) for pair in same), *(Renaming(*pair, True) for pair in moved)])),
    )


_Hashed = tuple[TaskName, bytes]


def _matched(
    gone: Sequence[_Hashed], new: Sequence[_Hashed], key: Callable[[TaskName, bytes], Hashable]
) -> tuple[list[tuple[TaskName, TaskName]], list[_Hashed], list[_Hashed]]:
    """Pairs of the same key, first with first; and what is left of both."""
    waiting: defaultdict[Hashable, deque[TaskName]] = defaultdict(deque)
    for name, hashed in new:
        waiting[key(name, hashed)].append(name)
    pairs, left = [], []
    for name, hashed in gone:
        if found := waiting.get(key(name, hashed)):
            pairs.append((name, found.popleft()))
        else:
            left.append((name, hashed))
    taken = {after for _, after in pairs}
    return pairs, left, [(name, hashed) for name, hashed in new if name not in taken]
