"""What a taskset is made of before a row is read: one environment's binding, and the files of each split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from openenv_tasksets.binding import RowPlace
from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration, SplitDeclaration
from openenv_tasksets.declaration_file import read_declaration
from openenv_tasksets.declared_binding import binding_dump
from openenv_tasksets.declared_splits import check_has_files, declared_splits
from openenv_tasksets.from_hub import HubTaskset, read_from_hub, rows_snapshot, with_choices
from openenv_tasksets.loaders.errors import RowError, SourceError
from openenv_tasksets.loaders.layout import split_files
from openenv_tasksets.loaders.load import list_files, read_card
from openenv_tasksets.loaders.reference import ResolvedReference
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.snapshot import Snapshot
from openenv_tasksets.open_taskset import is_reference
from openenv_tasksets.row_files import FolderFiles, HubFiles, RowFile, RowFiles, Unit, units
from openenv_tasksets.split import Split
from openenv_tasksets.task_hash import id_names, task_hash
from openenv_tasksets.taskset import Taskset

if TYPE_CHECKING:
    from openenv_tasksets.loaders.hub import Hub


@dataclass(frozen=True, slots=True)
class Inventory:
    """One environment of a taskset, by its parts.

    Attributes:
        declaration: The whole ``environment.yaml``.
        environment: The one environment of it.
        splits: Its splits, in declared order.
        files: The files of each split, in the order of their rows.
        source: Where the files are.
        reference: The repository and commit of the declaration; None for a folder.
        dataset: The repository and commit of the rows where that is another one.
    """

    declaration: Declaration
    environment: EnvironmentDeclaration
    splits: tuple[SplitDeclaration, ...]
    files: Mapping[str, tuple[RowFile, ...]]
    source: RowFiles
    reference: ResolvedReference | None = None
    dataset: ResolvedReference | None = None

    @property
    def binding(self) -> dict[str, Any]:
        """What the declaration says of rows and tasks; see ``declared_binding``."""
        return binding_dump(self.environment)

    @property
    def is_far(self) -> bool:
        """Whether files must be fetched to be read."""
        return self.source.is_far

    @property
    def split_names(self) -> tuple[str, ...]:
        """Names of the splits, in declared order."""
        return tuple(split.name for split in self.splits)

    def units(self, split: str) -> tuple[Unit, ...]:
        """The parts of a split that can be read without the others; none where there is no such split."""
        return units(self.files[split]) if split in self.files else ()

    def count(self, split: str, number: int) -> int:
        """How many rows a part of a split has; opens it.

        Raises:
            SourceError: It cannot be read.
        """
        return len(self._rows(self.units(split)[number]))

    def read_part(self, split: str, number: int, first_row: int, tasks: dict[str, bytes]) -> int:
        """Add the ids and content hashes of a part of a split to ``tasks``.

        Args:
            split: The split.
            number: Which part.
            first_row: The row of the split that it starts with; matters where ids are made of it.
            tasks: Id to hash.

        Returns:
            How many rows it has.

        Raises:
            SourceError: It cannot be read.
            DeclarationError: The binding does not fit the columns.
            RowError: A row cannot become a task, or has the id of another one.
        """
        return self._read(split, self.units(split)[number], first_row, tasks)

    def read_split(self, split: str) -> dict[str, bytes]:
        """The ids and content hashes of a whole split, in the order of its rows.

        Raises:
            SourceError: Its files cannot be read, or not together.
            DeclarationError: The binding does not fit the columns.
            RowError: A row cannot become a task, or has the id of another one.
        """
        tasks: dict[str, bytes] = {}
        self._read(split, self.files[split], 0, tasks)
        return tasks

    def _read(self, name: str, files: Sequence[RowFile], first_row: int, tasks: dict[str, bytes]) -> int:
        split = self._open(name, files)
        repeated = id_names(self.environment.task)
        rows = split.rows
        bar = tqdm(range(len(rows)), desc=f"{name}: hash tasks", unit=" rows", delay=1, disable=None)
        for row in bar:
            place = RowPlace(name, first_row + row, lambda number: rows.location(number - first_row))
            task = split.binding.bind(rows[row], place.row, place)
            try:
                hashed = task_hash(task, repeated)
            except TypeError as exc:
                raise _error(str(exc), place) from exc
            if tasks.setdefault(task.id, hashed) is not hashed:
                raise _error(f"id {task.id!r} is also the id of another row; ids must be unique", place)
        return len(rows)

    def _open(self, name: str, files: Sequence[RowFile]) -> Split:
        declared = tuple(split for split in self.splits if split.name == name)
        return Taskset(self.declaration, self.environment, declared, {name: partial(self._rows, files)}).split(name)

    def _rows(self, files: Sequence[RowFile]) -> Rows:
        return self.source.open_rows([file.path for file in files])


def take_inventory(
    target: str | Path,
    *,
    environment: str | None = None,
    data_dir: str | Path | None = None,
    hub: "Hub | None" = None,
) -> Inventory:
    """The parts of a taskset in a folder or on the Hub; no row is read, and no row file fetched.

    Args:
        target: As ``open_taskset`` tells folders and references apart.
        environment: Which environment of it; may be left out where there is one.
        data_dir: For a folder: where the row files are, if not beside ``environment.yaml`` nor on the Hub.
        hub: The Hub; None takes the one of the environment's variables.

    Raises:
        TasksetError: As ``Taskset.from_path`` and ``Taskset.from_hub`` do.
    """
    from openenv_tasksets.loaders.hub import Hub

    if is_reference(target):
        if data_dir is not None:
            raise SourceError(f"data_dir is for a taskset in a folder; {target} takes its rows from the Hub")
        hub = hub or Hub()
        found = read_from_hub(with_choices(str(target), environment, None), hub)
        check_has_files(found.environment)
        return hub_inventory(found, rows_snapshot(found.environment, hub, found.snapshot))
    declaration = read_declaration(target)
    bound = declaration.environment(environment)
    check_has_files(bound)
    if data_dir is None and bound.dataset is not None and bound.dataset.repo_id is not None:
        return _of_snapshot(declaration, bound, rows_snapshot(bound, hub or Hub()), None)
    folder = Path(target) if Path(target).is_dir() else Path(target).parent
    return folder_inventory(declaration, bound, folder if data_dir is None else Path(data_dir))


def hub_inventory(found: HubTaskset, rows: Snapshot) -> Inventory:
    """The parts of a taskset whose declaration is on the Hub.

    Args:
        found: The declaration and its repository.
        rows: The repository that holds the rows.

    Raises:
        HubError: The Hub does not give the list of files, or the card.
        SourceError: There are no row files, or their splits cannot be made out.
        DeclarationError: A declared split has no files.
    """
    return _of_snapshot(found.declaration, found.environment, rows, found.reference)


def folder_inventory(declaration: Declaration, environment: EnvironmentDeclaration, root: Path) -> Inventory:
    """The parts of a taskset whose row files are in a folder; each is read once, for its hash.

    Args:
        declaration: The whole ``environment.yaml``.
        environment: The one environment of it.
        root: The folder.

    Raises:
        SourceError: There are no row files, they cannot be read, or their splits cannot be made out.
        DeclarationError: A declared split has no files.
    """
    paths = split_files(
        list_files(root),
        card=read_card(root),
        config_name=environment.config_name,
        data_files=None if environment.dataset is None else environment.dataset.data_files,
    )
    return _of_files(declaration, environment, paths, FolderFiles(root))


def _of_snapshot(
    declaration: Declaration,
    environment: EnvironmentDeclaration,
    snapshot: Snapshot,
    reference: ResolvedReference | None,
) -> Inventory:
    data_files = None if environment.dataset is None else environment.dataset.data_files
    paths = snapshot.split_files(environment.config_name, data_files)
    rows_at = ResolvedReference(snapshot.repo_id, None, snapshot.commit_hash)
    is_home = reference is not None and (reference.repo_id, reference.commit_hash) == (
        rows_at.repo_id,
        rows_at.commit_hash,
    )
    return _of_files(
        declaration, environment, paths, HubFiles(snapshot), reference, dataset=None if is_home else rows_at
    )


def _of_files(
    declaration: Declaration,
    environment: EnvironmentDeclaration,
    paths: Mapping[str, Sequence[str]],
    source: RowFiles,
    reference: ResolvedReference | None = None,
    dataset: ResolvedReference | None = None,
) -> Inventory:
    splits = declared_splits(declaration, environment, paths)
    files = {split.name: tuple(source.describe(paths[split.name])) for split in splits}
    return Inventory(declaration, environment, splits, files, source, reference, dataset)


def _error(message: str, place: RowPlace) -> RowError:
    return RowError(message, split=place.split, row=place.row, column=None, location=place.location(place.row))
