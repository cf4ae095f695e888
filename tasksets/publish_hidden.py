"""Push a taskset in two halves: what anyone may have to one repository, hidden columns and nonces to a private one."""

import fnmatch
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from openenv_tasksets.binding import RowPlace
from openenv_tasksets.commitment import COMMITMENT_COLUMN, NONCE_COLUMN, commitment
from openenv_tasksets.dataset_declaration import DatasetDeclaration
from openenv_tasksets.declaration import SPEC_VERSION, Declaration
from openenv_tasksets.hidden_columns import ColumnHalves, divide, public_half
from openenv_tasksets.hidden_repo import nonces
from openenv_tasksets.loaders.errors import HubError, RepositoryNotFound, SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.hub_history import column_names, every_commit
from openenv_tasksets.loaders.rows import ListRows, Row, Rows
from openenv_tasksets.loaders.snapshot import Snapshot
from openenv_tasksets.publish import PushResult, push
from openenv_tasksets.publish_plan import is_at_home
from openenv_tasksets.split import Split

if TYPE_CHECKING:
    from openenv_tasksets.taskset import Taskset

_NO_ROWS = ("README.md", "environment.yaml", ".gitattributes", ".gitignore", "taskset.lock*", "LICENSE*")
_UNKNOWN_COMMIT = "0" * 40


def push_hidden(
    taskset: "Taskset",
    repo_id: str,
    hidden_repo: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    tag: str | None = None,
    hub: Hub | None = None,
    dry_run: bool = False,
    allow_secrets: bool = False,
) -> PushResult:
    """Push a taskset whose hidden columns go to a private repository.

    The private half is pushed first, and the declaration of the public one names its commit. Nonces are kept from
    one push to the next, so that an unchanged answer keeps its commitment.

    Args:
        taskset: The only environment of its declaration.
        repo_id: The repository that anyone may read: visible and public columns, and a commitment a task.
        hidden_repo: The private one: all other columns, and the nonces.
        private: As in ``push``, of ``repo_id``; the other one is always private.
        revision: As in ``push``, of ``repo_id``.
        commit_message: As in ``push``.
        tag: As in ``push``, of ``repo_id``.
        hub: As in ``push``.
        dry_run: As in ``push``.
        allow_secrets: As in ``push``.

    Raises:
        SourceError: The columns cannot be divided; or a hidden one was public once, or may have been.
        TasksetError: As ``push``.
    """
    hub = hub or Hub()
    if len(taskset.declaration.environments) > 1:
        raise SourceError("hidden_repo: the declaration has several environments; push each from a file of its own")
    if repo_id == hidden_repo or not is_at_home(taskset.environment, repo_id):
        raise SourceError("hidden_repo: the rows must be those of the taskset itself, and the repositories two")
    halves = {name: divide(taskset.environment, taskset.columns(name)) for name in taskset}
    check_never_public(hub, repo_id, {column for each in halves.values() for column in each.hidden})
    known = _known_nonces(hub, hidden_repo, taskset)
    split_halves = {name: _SplitHalves.of(taskset, name, halves[name], known) for name in taskset}
    keys = _key_taskset(taskset, split_halves, repo_id)
    push_half = partial(push, commit_message=commit_message, hub=hub, dry_run=dry_run, allow_secrets=allow_secrets)
    kept = push_half(keys.declaration, [keys], hidden_repo, private=True)
    declaration = _naming(taskset.declaration, hidden_repo, kept.commit_hash or _UNKNOWN_COMMIT)
    half = public_half(declaration, declaration.environments[0])
    shown = type(taskset)(
        half,
        half.environments[0],
        taskset.splits,
        {name: partial(each.rows, True) for name, each in split_halves.items()},
    )
    result = push_half(declaration, [shown], repo_id, private=private, revision=revision, tag=tag)
    names = dict.fromkeys(column for each in halves.values() for column in each.hidden)
    at = "" if kept.commit_hash is None else f"@{kept.commit_hash[:7]}"
    note = f"hidden columns ({', '.join(names)}) {'go to' if dry_run and kept.changed else 'are in'} {hidden_repo}{at}"
    return replace(result, notes=(*result.notes, note))


def check_never_public(hub: Hub, repo_id: str, columns: set[str]) -> None:
    """Make sure that no commit of a repository, on whatever branch or pull request, has held one of the columns.

    Raises:
        SourceError: One has, or has a file that cannot be looked into.
        HubError: The Hub does not answer.
    """
    try:
        hub.resolve(repo_id)
    except RepositoryNotFound:
        return
    seen: set[str] = set()
    for commit_hash in every_commit(hub, repo_id):
        for file in hub.files(repo_id, commit_hash):
            if file.git_sha1 in seen or any(fnmatch.fnmatch(file.path, pattern) for pattern in _NO_ROWS):
                continue
            seen.add(file.git_sha1)
            names = _column_names(hub, repo_id, commit_hash, file)
            if leaked := sorted(columns & names):
                raise SourceError(
                    f"{repo_id}: {file.path} of commit {commit_hash[:7]} holds the column {leaked[0]!r}, and whoever "
                    "copied it has it; hide it in a repository that never held it"
                )


def _column_names(hub: Hub, repo_id: str, commit_hash: str, file: HubFile) -> set[str]:
    if not file.path.endswith(".parquet"):
        raise SourceError(
            f"{repo_id}: {file.path} of commit {commit_hash[:7]} may hold hidden values, and cannot be looked into; "
            "hide them in a repository that never held anything but Parquet"
        )
    return set(column_names(hub, repo_id, commit_hash, file.path))


def _known_nonces(hub: Hub, hidden_repo: str, taskset: "Taskset") -> Mapping[tuple[str, str], str]:
    try:
        commit_hash = hub.resolve(hidden_repo)
    except RepositoryNotFound:
        return {}
    snapshot = Snapshot(hub, hidden_repo, commit_hash)
    if not any(file.path.endswith(".parquet") for file in hub.files(hidden_repo, commit_hash)):
        return {}
    half = public_half(taskset.declaration, taskset.environment).environments[0]
    named = _naming(taskset.declaration, hidden_repo, commit_hash).environments[0]
    try:
        return nonces(named, half, snapshot)
    except SourceError as exc:
        raise HubError(f"{hidden_repo} holds something else than hidden columns of a taskset: {exc}") from exc


class _SplitHalves:
    """One split, divided, with a nonce and a commitment for each task."""

    def __init__(
        self, rows: Rows, order: Sequence[int], columns: ColumnHalves, keys: Sequence[tuple[str, str]]
    ) -> None:
        self._rows = rows
        self._order = order
        self._columns = columns
        self._keys = keys

    @classmethod
    def of(
        cls, taskset: "Taskset", name: str, columns: ColumnHalves, known: Mapping[tuple[str, str], str]
    ) -> "_SplitHalves":
        split = taskset.split(name)
        rows = taskset._rows[name]()
        order = [split.row_of(index) for index in range(len(split))]
        keys = []
        ids: set[str] = set()
        for index in order:
            row = rows[index]
            task_id = _task_id(split, row, index)
            if task_id in ids:
                raise SourceError(f"{rows.location(index)}: the id {task_id!r} is that of another task too")
            ids.add(task_id)
            nonce = known.get((name, task_id)) or secrets.token_hex(32)
            values = {column: row.get(column) for column in columns.hidden}
            keys.append((nonce, commitment(nonce, name, task_id, values)))
        return cls(rows, order, columns, keys)

    def rows(self, public: bool) -> Rows:
        """One of the halves."""
        names, column = (
            (self._columns.public, COMMITMENT_COLUMN)
            if public
            else ((self._columns.id, *self._columns.hidden), NONCE_COLUMN)
        )
        return ListRows(
            _Half(self._rows, self._order, names, column, [key[public] for key in self._keys]), [*names, column]
        )


class _Half:
    """Some columns of some rows, and one more."""

    def __init__(
        self, rows: Rows, order: Sequence[int], names: Sequence[str], column: str, values: Sequence[str]
    ) -> None:
        self._rows = rows
        self._order = order
        self._names = names
        self._column = column
        self._values = values

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int, /) -> dict[str, Any]:
        row = self._rows[self._order[index]]
        return {**{name: row.get(name) for name in self._names}, self._column: self._values[index]}


def _task_id(split: Split, row: Row, index: int) -> str:
    return split.binding.task_id(row, RowPlace(split.name, index, split.rows.location))


def _key_taskset(taskset: "Taskset", halves: Mapping[str, _SplitHalves], repo_id: str) -> "Taskset":
    """The private half, with a declaration that says what it is."""
    environment = taskset.environment
    task = {"id": environment.task.id if environment.task else None, "reset": {"nonce": NONCE_COLUMN}}
    described = {
        "id": environment.id,
        "title": f"Hidden columns of {repo_id}",
        "config_name": environment.config_name,
        "splits": {each.name: each.type for each in taskset.splits},
        "task": task,
        "frameworks": {"openenv-tasksets": {"hidden_columns_of": repo_id}},
    }
    values = {"spec_version": SPEC_VERSION, "environments": [{k: v for k, v in described.items() if v is not None}]}
    declaration = Declaration.from_dict(values)
    return type(taskset)(
        declaration,
        declaration.environments[0],
        taskset.splits,
        {name: partial(each.rows, False) for name, each in halves.items()},
    )


def _naming(declaration: Declaration, hidden_repo: str, commit_hash: str) -> Declaration:
    """The declaration with the private repository's commit in it, and without the author's names of files."""
    [environment] = declaration.environments
    dataset = environment.dataset or DatasetDeclaration()
    kept = {key: value for key, value in dataset.to_dict().items() if key != "data_files"}
    values = {**kept, "hidden": {"repo_id": hidden_repo, "revision": commit_hash}}
    changed = environment.replace(dataset=DatasetDeclaration.from_dict(values))
    return declaration.replace(environments=(changed,))
