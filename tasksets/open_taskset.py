"""What a user names where a taskset is wanted: a folder of this machine, or a reference to the Hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.declaration_file import read_declaration
from openenv_tasksets.loaders.errors import RepositoryNotFound, SourceError
from openenv_tasksets.loaders.reference import PREFIX, DatasetReference
from openenv_tasksets.taskset import Taskset

if TYPE_CHECKING:
    from openenv_tasksets.loaders.hub import Hub

_PATH_STARTS = (".", "/", "~", "\\")
_FILE_ENDS = (".yaml", ".yml")


def is_reference(target: str | Path) -> bool:
    """Whether ``target`` means a repository on the Hub, and not a path.

    What exists here is a path, and so is what can only be one: ``./words``, ``/data/words``, ``words``,
    ``acme/environment.yaml``. ``namespace/name`` that does not exist here is a reference.
    """
    text = str(target)
    if isinstance(target, Path) or text.startswith(_PATH_STARTS):
        return False
    if "://" in text:
        return True
    return not Path(text).exists() and not text.endswith(_FILE_ENDS) and ("@" in text or 1 <= text.count("/") <= 2)


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared where a user named it.

    Attributes:
        declaration: The whole ``environment.yaml``.
        target: What to give to ``open_taskset``: the path, or the reference at its commit.
        environment: The one environment that the reference names, if it does.
    """

    declaration: Declaration
    target: str | Path
    environment: str | None


def read_declared(target: str | Path, *, hub: "Hub | None" = None) -> Declared:
    """Read a declaration by its folder or by its reference, which is resolved once, here.

    Raises:
        TasksetError: There is none, or it is wrong.
    """
    if not is_reference(target):
        return Declared(read_declaration(target), target, None)
    from openenv_tasksets.from_hub import read_declaration_from_hub
    from openenv_tasksets.loaders.hub import Hub

    reference = DatasetReference.parse(str(target))
    declaration, snapshot = read_declaration_from_hub(reference, hub or Hub())
    pinned = replace(reference, revision=snapshot.commit_hash, environment=None)
    return Declared(declaration, str(pinned), reference.environment)


def open_taskset(
    target: str | Path,
    *,
    environment: str | None = None,
    split: str | None = None,
    data_dir: str | Path | None = None,
    hub: "Hub | None" = None,
    shuffle_seed: int = 0,
    cache_limit: int | None = None,
) -> Taskset:
    """Open a taskset by its folder or by its reference.

    Args:
        target: As ``is_reference`` tells them apart.
        environment: Which environment of it; may be left out where there is one.
        split: The split to use where none is named; None takes ``train``, else the first.
        data_dir: For a folder: where the row files are, if not beside ``environment.yaml`` nor on the Hub.
        hub: The Hub; None takes the one of the environment's variables.
        shuffle_seed: Another number gives other shuffled orders.
        cache_limit: Bytes that all row stores may take together; see ``Taskset.from_path``.

    Raises:
        TasksetError: As ``Taskset.from_path`` and ``Taskset.from_hub`` do; or ``data_dir`` is given for a
            reference.
    """
    if not is_reference(target):
        return Taskset.from_path(
            target,
            environment=environment,
            split=split,
            data_dir=data_dir,
            hub=hub,
            shuffle_seed=shuffle_seed,
            cache_limit=cache_limit,
        )
    if data_dir is not None:
        raise SourceError(f"data_dir is for a taskset in a folder; {target} takes its rows from the Hub")
    try:
        return Taskset.from_hub(
            str(target),
            environment=environment,
            split=split,
            hub=hub,
            shuffle_seed=shuffle_seed,
            cache_limit=cache_limit,
        )
    except RepositoryNotFound as exc:
        if str(target).startswith(PREFIX):
            raise
        raise RepositoryNotFound(f"{exc.message}; nor is there a folder {str(target)!r}") from exc
