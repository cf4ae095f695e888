"""Hidden columns in a private repository: joined again for who may read it, and compared with their commitments."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from openenv_tasksets.binding import Binding, RowPlace, compile_binding
from openenv_tasksets.column_path import ColumnPath
from openenv_tasksets.commitment import COMMITMENT_COLUMN, NONCE_COLUMN, commitment
from openenv_tasksets.dataset_declaration import HiddenDeclaration
from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration, TaskDeclaration
from openenv_tasksets.from_hub import hub_rows, read_from_hub
from openenv_tasksets.hidden_columns import public_half
from openenv_tasksets.loaders.errors import HubUnavailable, RepositoryNotFound, SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.reference import DatasetReference
from openenv_tasksets.loaders.rows import Row, Rows
from openenv_tasksets.loaders.snapshot import Snapshot
from openenv_tasksets.loaders.stores import Stores

logger = logging.getLogger(__name__)

Open = Callable[[], Rows]


class JoinedRows:
    """The public rows with the hidden columns beside them. Thread-safe, as both are.

    Args:
        public: Rows with the commitments.
        hidden: As many rows, in the same order.
        columns: The columns to show; None shows all but commitments and nonces.
    """

    def __init__(self, public: Rows, hidden: Rows, columns: Sequence[str] | None = None) -> None:
        if len(public) != len(hidden):
            raise SourceError(
                f"there are {len(public)} public rows and {len(hidden)} hidden ones; they do not belong together"
            )
        ours = [name for name in public.columns if name != COMMITMENT_COLUMN]
        theirs = [name for name in hidden.columns if name != NONCE_COLUMN and name not in ours]
        self._all = (public, hidden)
        self._columns = tuple([*ours, *theirs] if columns is None else columns)
        self._shared = tuple(name for name in hidden.columns if name in ours)
        self._public = public.project(
            [*dict.fromkeys([*(name for name in self._columns if name in ours), *self._shared])]
        )
        self._hidden = hidden.project(
            [*dict.fromkeys([*(name for name in self._columns if name in theirs), *self._shared])]
        )

    def __len__(self) -> int:
        return len(self._public)

    def __getitem__(self, index: int, /) -> Row:
        return self._joined(index, self._public[index], self._hidden[index])

    def _joined(self, index: int, public: Row, hidden: Row) -> Row:
        if any(public[name] != hidden[name] for name in self._shared):
            raise SourceError(f"{self.location(index)}: the hidden row beside it is that of another task")
        row = {**hidden, **public}
        return {name: row[name] for name in self._columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._columns

    @property
    def fingerprint(self) -> str:
        """That of the public rows, whose commitments fix the hidden ones: a seed is the same task for every reader."""
        return self._all[0].fingerprint

    @property
    def block_starts(self) -> Sequence[int]:
        """Those of the public half."""
        return self._public.block_starts

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows, each half read together."""
        halves = zip(indices, self._public.read_many(indices), self._hidden.read_many(indices), strict=True)
        return [self._joined(*each) for each in halves]

    def is_hot(self, index: int) -> bool:
        """Whether both halves are."""
        return self._public.is_hot(index) and self._hidden.is_hot(index)

    def project(self, columns: Sequence[str]) -> "JoinedRows":
        """The same rows with only ``columns``."""
        return JoinedRows(*self._all, columns)

    def column(self, name: str) -> Iterator[Any]:
        """Every value of one column in row order."""
        public, hidden = self._all
        return public.column(name) if name in public.columns else hidden.column(name)

    def location(self, index: int) -> str:
        """Where the public half of a row is."""
        return self._public.location(index)


def with_hidden(
    declaration: Declaration,
    environment: EnvironmentDeclaration,
    rows: Mapping[str, Open],
    hub: Hub,
    stores: Stores | None = None,
) -> tuple[Declaration, dict[str, Open]]:
    """The rows with their hidden columns; for who may not read those, without, and a declaration that needs none.

    Args:
        declaration: What was read.
        environment: The environment of it that is bound.
        rows: What opens each split's public rows.
        hub: Where the private repository is, and as whom.
        stores: As in ``Snapshot.open_rows``.

    Raises:
        HubError: The Hub does not answer.
        SourceError: The private repository is not one of a push.
    """
    hidden = None if environment.dataset is None else environment.dataset.hidden
    if hidden is None:
        return declaration, dict(rows)
    try:
        theirs = hub_rows(environment, _private(hub, hidden), stores)
    except (RepositoryNotFound, HubUnavailable) as exc:
        # Offline, who may not read them has none in the cache.
        if isinstance(exc, HubUnavailable) and not hub.offline:
            raise
        logger.warning(
            "%s: %s the hidden columns in %s; tasks are without them, and cannot be played",
            environment.id,
            "offline and without" if hub.offline else "this token may not read",
            hidden.repo_id,
        )
        return public_half(declaration, environment), dict(rows)
    missing = [name for name in rows if name not in theirs]
    if missing:
        raise SourceError(f"{hidden.repo_id} holds no hidden columns of split {missing[0]!r}")
    return declaration, {name: partial(_joined, rows[name], theirs[name]) for name in rows}


@dataclass(frozen=True, slots=True)
class Verification:
    """What comparing hidden columns with their commitments gave.

    Attributes:
        checked: How many tasks were compared.
        changed: Split and id of each task whose hidden values are not those that were committed to.
        missing: Split and id of each task that has a commitment and no hidden row.
    """

    checked: int
    changed: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, str], ...]

    @property
    def holds(self) -> bool:
        """Whether no hidden value was changed."""
        return not self.changed and not self.missing


def verify(reference: str, *, hub: Hub | None = None, hidden_revision: str | None = None) -> Verification:
    """Compare the commitments at a revision with the hidden columns at another, by task id.

    Args:
        reference: The public repository, at the revision whose commitments count: an old one proves that nothing
            was changed since.
        hub: None takes the Hub of the environment's variables.
        hidden_revision: Of the private repository; None takes the commit that the declaration names.

    Raises:
        HubError: One of the repositories cannot be read.
        SourceError: There are no hidden columns, or no commitments.
    """
    hub = hub or Hub()
    found = read_from_hub(DatasetReference.parse(reference), hub)
    hidden = None if found.environment.dataset is None else found.environment.dataset.hidden
    if hidden is None:
        raise SourceError(f"{found.reference}: its declaration names no dataset.hidden, so there is nothing to verify")
    if hidden_revision is not None:
        hidden = hidden.replace(revision=hub.resolve(hidden.repo_id, hidden_revision))
    rows = hub_rows(found.environment, found.snapshot)
    secrets = hub_rows(found.environment, _private(hub, hidden))
    half = public_half(found.declaration, found.environment).environments[0]
    checked, changed, missing = 0, [], []
    for split, open_rows in rows.items():
        values = _hidden_rows(split, half, secrets[split]()) if split in secrets else {}
        for task_id, row in _rows_by_id(split, half, open_rows()):
            checked += 1
            theirs = values.get(task_id)
            if theirs is None:
                missing.append((split, task_id))
            elif commitment(theirs[0], split, task_id, theirs[1]) != row[COMMITMENT_COLUMN]:
                changed.append((split, task_id))
    return Verification(checked, tuple(changed), tuple(missing))


def nonces(
    environment: EnvironmentDeclaration, half: EnvironmentDeclaration, snapshot: Snapshot
) -> dict[tuple[str, str], str]:
    """The nonces that a private repository has, by split and task id.

    Args:
        environment: Says where the splits are.
        half: The same, without hidden columns.
        snapshot: The private repository.

    Raises:
        HubError: The Hub does not give the rows.
        SourceError: They are not those of a push.
    """
    found = {}
    for split, open_rows in hub_rows(environment, snapshot).items():
        for task_id, (nonce, _) in _hidden_rows(split, half, open_rows()).items():
            found[split, task_id] = nonce
    return found


def _private(hub: Hub, hidden: HiddenDeclaration) -> Snapshot:
    return Snapshot.at(hub, DatasetReference(hidden.repo_id, None, hidden.revision))


def _joined(public: Open, hidden: Open) -> Rows:
    return JoinedRows(public(), hidden())


def _hidden_rows(split: str, half: EnvironmentDeclaration, rows: Rows) -> dict[str, tuple[str, dict[str, Any]]]:
    """Nonce and hidden columns of each task."""
    if NONCE_COLUMN not in rows.columns:
        raise SourceError(f"split {split!r}: the private repository has no column {NONCE_COLUMN!r}")
    binding = _ids(half, rows.columns)
    id_column = None if binding.id_column is None else binding.id_column.column
    found = {}
    for index in range(len(rows)):
        row = rows[index]
        values = {name: value for name, value in row.items() if name not in (NONCE_COLUMN, id_column)}
        found[binding.task_id(row, RowPlace(split, index, rows.location))] = (row[NONCE_COLUMN], values)
    return found


def _rows_by_id(split: str, half: EnvironmentDeclaration, rows: Rows) -> Iterator[tuple[str, Row]]:
    if COMMITMENT_COLUMN not in rows.columns:
        raise SourceError(f"split {split!r}: the public repository has no column {COMMITMENT_COLUMN!r}")
    binding = _ids(half, rows.columns)
    for index in range(len(rows)):
        row = rows[index]
        yield binding.task_id(row, RowPlace(split, index, rows.location)), row


def _ids(half: EnvironmentDeclaration, columns: Sequence[str]) -> Binding:
    """A binding for which only the id is needed."""
    task = half.task or TaskDeclaration()
    json_columns = [text for text in task.json_columns if ColumnPath.parse(text, columns) is not None]
    only_id = {"id": task.id, "reset": {"task_id": task.id}, "json": json_columns}
    return compile_binding(TaskDeclaration.from_dict(only_id), columns, "task")
