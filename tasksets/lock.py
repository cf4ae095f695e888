"""A lock: what a taskset was made of at one moment, so that it can be told later whether it still is.

``taskset.lock`` is JSON for people and for version control; ``taskset.lock.tasks`` beside it has the content
hash of every task, so that a change of the files can be told task by task.

The hashes cover hidden values: with the task at hand, an answer of few possible values can be found by trying
them out. Keep ``taskset.lock.tasks`` where the answers may be kept. Nothing in ``taskset.lock`` itself is
made of the hidden values of a single task.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
from packaging.requirements import Requirement

from openenv_tasksets.declaration import EnvironmentDeclaration
from openenv_tasksets.declared_binding import digest
from openenv_tasksets.inventory import Inventory
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.row_files import RowFile
from openenv_tasksets.task_hash_file import Tasks, read_task_hashes, tasks_digest, write_task_hashes

LOCK_NAME = "taskset.lock"
LOCK_VERSION = 1

_AGAIN = "`tasksets lock` writes a new one"


class LockInvalid(TasksetError):
    """A lock that is missing, unreadable, or without the task hashes that belong to it."""


@dataclass(frozen=True, slots=True)
class RuntimePin:
    """What plays the tasks.

    Attributes:
        package: Name of the Python package.
        version: Its version where the lock was made; None where it was not installed.
        environment: Which environment of it, where that is declared.
        image: The container image.
        space_id: The Space.
        arguments: Digest of the constructor's arguments; None without any.
    """

    package: str | None = None
    version: str | None = None
    environment: str | None = None
    image: str | None = None
    space_id: str | None = None
    arguments: str | None = None


@dataclass(frozen=True, slots=True)
class LockedSplit:
    """One split.

    Attributes:
        name: Its name.
        rows: How many rows it has, and so tasks.
        tasks: Digest of the ids and content hashes of its tasks, in order.
        files: Its files, in the order of their rows.
    """

    name: str
    rows: int
    tasks: str
    files: tuple[RowFile, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all splits."""

    tasks: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a taskset was made of.

    Attributes:
        version: Of this format.
        environment: Id of the environment.
        config: The declared config of the dataset; None for its default one.
        reference: ``hf://datasets/…@{commit}`` of the declaration; None for one in a folder.
        dataset: The same for the rows, where they are in another repository.
        binding_hash: Digest of ``binding``.
        binding: See ``declared_binding``.
        runtime: What plays the tasks.
        totals: Sums over the splits.
        splits: The splits, in declared order.
    """

    version: int = LOCK_VERSION
    environment: str
    config: str | None
    reference: str | None
    dataset: str | None
    binding_hash: str
    binding: Mapping[str, Any]
    runtime: RuntimePin
    totals: Totals
    splits: tuple[LockedSplit, ...]


def make_lock(inventory: Inventory) -> tuple[Lock, dict[str, Tasks]]:
    """Read every row of a taskset, and say what it is made of.

    Returns:
        The lock, and the ids and hashes of the tasks of each split.

    Raises:
        HubError: The Hub does not give a file.
        SourceError: Files cannot be read.
        DeclarationError: The binding does not fit the columns.
        RowError: A row cannot become a task, or has the id of another one.
    """
    tasks = {name: inventory.read_split(name) for name in inventory.split_names}
    splits = tuple(
        LockedSplit(name, len(read), tasks_digest(read), _described(inventory, name, len(read)))
        for name, read in tasks.items()
    )
    files = [file for split in splits for file in split.files]
    binding = inventory.binding
    lock = Lock(
        environment=inventory.environment.id,
        config=inventory.environment.config_name,
        reference=None if inventory.reference is None else str(inventory.reference),
        dataset=None if inventory.dataset is None else str(inventory.dataset),
        binding_hash=digest(binding),
        binding=binding,
        runtime=runtime_pin(inventory.environment),
        totals=Totals(sum(split.rows for split in splits), len(files), sum(file.size for file in files)),
        splits=splits,
    )
    return lock, tasks


def runtime_pin(environment: EnvironmentDeclaration) -> RuntimePin:
    """What plays the environment's tasks, here and now."""
    runtime = environment.frameworks.openenv
    if runtime is None:
        return RuntimePin()
    package = None if runtime.package is None else Requirement(runtime.package).name
    return RuntimePin(
        package=package,
        version=None if package is None else _installed_version(package),
        environment=runtime.environment,
        image=runtime.image,
        space_id=runtime.space_id,
        arguments=digest(runtime.arguments) if runtime.arguments else None,
    )


def write_lock(path: Path, lock: Lock, tasks: Mapping[str, Tasks]) -> None:
    """Write the lock, and the task hashes beside it. Each file is the old one or the new one, whole.

    Both are written out before the first takes its place. Where the process dies between that and the second,
    the old lock says of the new hashes that they are not its own.

    Raises:
        LockInvalid: They cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(lock), indent=2) + b"\n"
    suffix = secrets.token_hex(8)
    temporaries = {place: place.with_name(f".{place.name}.{suffix}") for place in (tasks_path(path), path)}
    try:
        with temporaries[tasks_path(path)].open("xb") as stream:
            write_task_hashes(stream, tasks)
            _sync(stream)
        with temporaries[path].open("xb") as stream:
            stream.write(text)
            _sync(stream)
        for place, temporary in temporaries.items():
            os.replace(temporary, place)
    except OSError as exc:
        raise LockInvalid(f"{path}: cannot be written: {exc.strerror or exc}") from exc
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def read_lock(path: Path) -> Lock:
    """Read a lock, without its task hashes.

    Raises:
        LockInvalid: There is none, or it is not one that this version of the library reads.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as exc:
        raise LockInvalid(f"{path}: there is no such file; {_AGAIN}") from exc
    except OSError as exc:
        raise LockInvalid(f"{path}: cannot be read: {exc.strerror}") from exc
    try:
        found = msgspec.json.decode(data, type=dict[str, Any]).get("version")
        if found != LOCK_VERSION:
            raise LockInvalid(f"{path}: is of version {found!r}, and this library reads {LOCK_VERSION}; {_AGAIN}")
        lock = msgspec.json.decode(data, type=Lock)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise LockInvalid(f"{path}: is not a lock: {exc}; {_AGAIN}") from exc
    if lock.binding_hash != digest(lock.binding):
        raise LockInvalid(f"{path}: was edited: its binding does not have its binding_hash; {_AGAIN}")
    return lock


def read_tasks(path: Path, lock: Lock) -> dict[str, Tasks]:
    """The task hashes that belong to the lock at ``path``, by split.

    Raises:
        LockInvalid: They are missing, unreadable, or those of another lock.
    """
    beside = tasks_path(path)
    try:
        read = read_task_hashes(beside)
    except FileNotFoundError as exc:
        raise LockInvalid(
            f"{beside}: there is no such file; it belongs to {path}, and has the hashes of its tasks; {_AGAIN}"
        ) from exc
    except (OSError, ValueError, pa.ArrowException) as exc:
        raise LockInvalid(f"{beside}: cannot be read: {exc}; {_AGAIN}") from exc
    tasks = {split.name: read.pop(split.name, {}) for split in lock.splits}
    if read or any(tasks_digest(tasks[split.name]) != split.tasks for split in lock.splits):
        raise LockInvalid(f"{beside}: has the task hashes of another lock than {path}; {_AGAIN}")
    return tasks


def tasks_path(path: Path) -> Path:
    """Where the task hashes of the lock at ``path`` are."""
    return path.with_name(f"{path.name}.tasks")


def _described(inventory: Inventory, split: str, rows: int) -> tuple[RowFile, ...]:
    """The files of a split with all that is locked of them; with rows where a file can be read alone."""
    parts = inventory.units(split)
    files = []
    for unit in parts:
        known = [inventory.source.with_sha256(file) for file in unit]
        if len(unit) == 1:
            known = [replace(known[0], rows=rows if len(parts) == 1 else inventory.count(split, unit))]
        files += known
    return tuple(files)


def _installed_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
