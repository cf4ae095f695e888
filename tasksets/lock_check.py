"""Whether a taskset is still what a lock says, and if not, what of it is not."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from openenv_tasksets.declared_binding import changed_fields
from openenv_tasksets.inventory import Inventory
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.lock import Lock, LockedSplit, read_lock, read_tasks, runtime_pin
from openenv_tasksets.row_files import RowFile, unit_keys
from openenv_tasksets.task_diff import compare
from openenv_tasksets.task_hash_file import Tasks

DriftKind = Literal["commit", "environment", "binding", "runtime", "split", "file", "rows", "task"]

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as locked.

    Attributes:
        kind: What kind of thing.
        what: Which one: a field path, ``split: path`` of a file, ``split: id`` of a task, a package.
        change: How it differs, mostly ``locked -> found``; never with a hidden value.
    """

    kind: DriftKind
    what: str
    change: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}: {self.change}"


class LockDrift(TasksetError):
    """A taskset is not what its lock says.

    Attributes:
        lock: The lock's file.
        drifts: All that is not as locked; never empty.
    """

    def __init__(self, lock: Path, drifts: tuple[Drift, ...]) -> None:
        self.lock = lock
        self.drifts = drifts
        lines = [f"  {drift}" for drift in drifts[:_MOST_SHOWN]]
        if len(drifts) > _MOST_SHOWN:
            lines.append(f"  and {len(drifts) - _MOST_SHOWN:,} more")
        count = "1 thing is" if len(drifts) == 1 else f"{len(drifts):,} things are"
        advice = "open the locked commit, or write a new lock with `tasksets lock`"
        super().__init__("\n".join([f"{lock}: {count} not as locked; {advice}", *lines]))


def check_lock(inventory: Inventory, lock: Lock, tasks: Mapping[str, Tasks] | None = None) -> tuple[Drift, ...]:
    """What of a taskset is not as locked; empty where all is.

    Commit, binding, runtime and the files' hashes are compared; no row file on the Hub is fetched for it. The
    commits are compared where both sides have one, and so are the versions of the runtime's package.

    Args:
        inventory: The taskset.
        lock: What it should be.
        tasks: The lock's task hashes: then every row is read, bound and compared too.

    Raises:
        TasksetError: ``tasks`` are given, and a file cannot be read or a row cannot become a task.
    """
    drifts = [*_commits(inventory, lock), *_declared(inventory, lock), *_runtime(inventory, lock)]
    drifts += _splits(inventory, lock)
    if tasks is not None:
        drifts += _tasks(inventory, lock, tasks)
    return tuple(drifts)


def refuse_drift(inventory: Inventory, path: str | Path, *, deep: bool = False) -> None:
    """Make sure that a taskset is what the lock at ``path`` says.

    Args:
        inventory: The taskset.
        path: The lock's file.
        deep: Also read and compare every task.

    Raises:
        LockDrift: It is not; the message says what of it.
        LockInvalid: The lock is missing or cannot be read.
        TasksetError: As ``check_lock``.
    """
    lock = read_lock(Path(path))
    drifts = check_lock(inventory, lock, read_tasks(Path(path), lock) if deep else None)
    if drifts:
        raise LockDrift(Path(path), drifts)


def _commits(inventory: Inventory, lock: Lock) -> Iterator[Drift]:
    found = {"of the declaration": inventory.reference, "of the rows": inventory.dataset}
    locked = {"of the declaration": lock.reference, "of the rows": lock.dataset}
    for what, reference in found.items():
        before = locked[what]
        if reference is not None and before is not None and str(reference) != before:
            yield Drift("commit", what, f"{before} -> {reference}")


def _declared(inventory: Inventory, lock: Lock) -> Iterator[Drift]:
    if inventory.environment.id != lock.environment:
        yield Drift("environment", "id", f"{lock.environment} -> {inventory.environment.id}")
    for path, change in changed_fields(lock.binding, inventory.binding):
        yield Drift("binding", path, change)


def _runtime(inventory: Inventory, lock: Lock) -> Iterator[Drift]:
    before, after = asdict(lock.runtime), asdict(runtime_pin(inventory.environment))
    for name, old in before.items():
        new = after[name]
        # The version of a package that is not installed is not known, and nothing here runs it.
        if old == new or (name == "version" and (None in (old, new) or before["package"] != after["package"])):
            continue
        if name == "arguments":
            yield Drift("runtime", name, "changed; their values are not shown")
        elif name == "version":
            yield Drift("runtime", f"{before['package']} (installed version)", f"{old} -> {new}")
        else:
            yield Drift("runtime", name, f"{old or 'absent'} -> {new or 'absent'}")


def _splits(inventory: Inventory, lock: Lock) -> Iterator[Drift]:
    locked = {split.name: split for split in lock.splits}
    for name in dict.fromkeys([*locked, *inventory.split_names]):
        if name not in locked:
            yield Drift("split", name, "added")
        elif name not in inventory.files:
            yield Drift("split", name, "removed")
        else:
            yield from _files(name, locked[name].files, inventory.files[name])


def _files(split: str, before: tuple[RowFile, ...], after: tuple[RowFile, ...]) -> Iterator[Drift]:
    if len(before) == len(after) and all(map(_are_alike, before, after)):
        return
    old, new = ({file.path: file for file in files} for files in (before, after))
    drifts = []
    for path in dict.fromkeys([*old, *new]):
        what = f"{split}: {path}"
        if path not in new:
            drifts.append(Drift("file", what, "removed"))
        elif path not in old:
            drifts.append(Drift("file", what, "added"))
        elif not _are_alike(old[path], new[path]):
            drifts.append(Drift("file", what, f"{_described(old[path])} -> {_described(new[path])}"))
    yield from drifts or [Drift("file", split, "the same files in another order")]


def _are_alike(one: RowFile, other: RowFile) -> bool:
    return not unit_keys((one,)).isdisjoint(unit_keys((other,)))


def _described(file: RowFile) -> str:
    kind, value = ("sha256", file.sha256) if file.sha256 else ("git", file.git_sha1)
    return f"{file.size:,} bytes, {kind} {(value or '')[:12]}"


def _tasks(inventory: Inventory, lock: Lock, tasks: Mapping[str, Tasks]) -> Iterator[Drift]:
    shared = [split for split in lock.splits if split.name in inventory.files]
    found = {split.name: inventory.read_split(split.name) for split in shared}
    for split in shared:
        yield from _rows(split, len(found[split.name]))
    differences = compare({split.name: tasks[split.name] for split in shared}, found)
    for change in ("added", "removed", "changed"):
        yield from (Drift("task", str(name), change) for name in getattr(differences, change))
    for change in ("renamed", "moved"):
        yield from (
            Drift("task", str(each.before), f"{change} -> {each.after}") for each in getattr(differences, change)
        )


def _rows(split: LockedSplit, found: int) -> Iterator[Drift]:
    if split.rows != found:
        yield Drift("rows", split.name, f"{split.rows:,} -> {found:,}")
