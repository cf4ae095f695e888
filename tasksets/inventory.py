"""What a taskset is made of before a row is read: one environment's binding, and the files of each split.

Of a taskset whose hidden columns are in a private repository this is the public half: a task's commitment stands
for its hidden values, so that no token is needed to see that one was changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from openenv_tasksets.binding import Binding, RowPlace, compile_binding
from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration, SplitDeclaration
from openenv_tasksets.declared_binding import binding_dump
from openenv_tasksets.declared_splits import declared_splits, with_line
from openenv_tasksets.hidden_columns import committed_task
from openenv_tasksets.loaders.errors import DeclarationError, RowError
from openenv_tasksets.loaders.layout import split_files
from openenv_tasksets.loaders.load import list_files, read_card
from openenv_tasksets.loaders.reference import ResolvedReference
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.snapshot import Snapshot
from openenv_tasksets.row_files import FolderFiles, HubFiles, RowFile, RowFiles, Unit, units
from openenv_tasksets.task_declaration import TaskDeclaration
from openenv_tasksets.task_hash import id_names, task_hash
from openenv_tasksets.task_hash_file import Tasks


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

    def count(self, _split: str, unit: Unit, /) -> int:
        """How many rows a part of a split has; opens it.

        Raises:
            SourceError: It cannot be read.
        """
        return len(self._rows(unit))

    def read_part(self, split: str, unit: Unit, first_row: int, tasks: Tasks, /) -> int:
        """Add the ids and content hashes of a part of a split to ``tasks``.

        Args:
            split: The split.
            unit: The part.
            first_row: The row of the split that it starts with: ids may be made of it, and messages tell it.
            tasks: Id to hash.

        Returns:
            How many rows it has.

        Raises:
            SourceError: It cannot be read.
            DeclarationError: The binding does not fit the columns.
            RowError: A row cannot become a task, or has the id of another one.
        """
        return self._read(split, unit, first_row, tasks)

    def read_split(self, split: str) -> Tasks:
        """The ids and content hashes of a whole split, in the order of its rows.

        Raises:
            SourceError: Its files cannot be read, or not together.
            DeclarationError: The binding does not fit the columns.
            RowError: A row cannot become a task, or has the id of another one.
        """
        tasks: Tasks = {}
        self._read(split, self.files[split], 0, tasks)
        return tasks

    def _read(self, name: str, files: Sequence[RowFile], first_row: int, tasks: Tasks) -> int:
        rows = self._rows(files)
        binding = self._bind(name, rows.columns)
        rows = rows.project(binding.columns)
        repeated = id_names(self._task)
        bar = tqdm(range(len(rows)), desc=f"{name}: hash tasks", unit=" rows", delay=1, disable=None)
        for row in bar:
            place = RowPlace(name, first_row + row, lambda number: rows.location(number - first_row))
            task = binding.bind(rows[row], place.row, place)
            try:
                hashed = task_hash(task, repeated)
            except TypeError as exc:
                raise _error(str(exc), place) from exc
            if tasks.setdefault(task.id, hashed) is not hashed:
                raise _error(f"id {task.id!r} is also the id of another row; ids must be unique", place)
        return len(rows)

    @property
    def _task(self) -> TaskDeclaration | None:
        return committed_task(self.environment)

    def _bind(self, split: str, columns: Sequence[str]) -> Binding:
        path = f"environments[{self.declaration.environments.index(self.environment)}].task"
        try:
            return compile_binding(self._task, columns, path)
        except DeclarationError as exc:
            issues = [with_line(self.declaration, issue, f"split {split!r}") for issue in exc.issues]
            raise DeclarationError(issues, self.declaration.source) from None

    def _rows(self, files: Sequence[RowFile]) -> Rows:
        return self.source.open_rows([file.path for file in files])


def snapshot_inventory(
    declaration: Declaration,
    environment: EnvironmentDeclaration,
    snapshot: Snapshot,
    reference: ResolvedReference | None = None,
) -> Inventory:
    """The parts of a taskset whose rows are on the Hub; none of their files is fetched.

    Args:
        declaration: The whole ``environment.yaml``.
        environment: The one environment of it.
        snapshot: The repository that holds the rows.
        reference: The repository and commit of the declaration; None for one in a folder.

    Raises:
        HubError: The Hub does not give the list of files, or the card.
        SourceError: There are no row files, or their splits cannot be made out.
        DeclarationError: A declared split has no files.
    """
    data_files = None if environment.dataset is None else environment.dataset.data_files
    paths = snapshot.split_files(environment.config_name, data_files)
    home = None if reference is None else (reference.repo_id, reference.commit_hash)
    is_home = home == (snapshot.repo_id, snapshot.commit_hash)
    dataset = None if is_home else ResolvedReference(snapshot.repo_id, None, snapshot.commit_hash)
    return _of_files(declaration, environment, paths, HubFiles(snapshot), reference, dataset)


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
