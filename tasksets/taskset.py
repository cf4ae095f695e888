"""A taskset: one declared environment's splits, opened when they are used; the library's main object."""

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration, SplitDeclaration
from openenv_tasksets.declared_splits import declared_splits, open_split
from openenv_tasksets.from_path import read_from_path
from openenv_tasksets.loaders.errors import SplitNotFound
from openenv_tasksets.loaders.rows import ListRows, Rows, RowSource
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.loaders.stores import Stores
from openenv_tasksets.split import Split
from openenv_tasksets.taskset_streams import TasksetStreams
from openenv_tasksets.taskset_tasks import TasksetTasks
from openenv_tasksets.view import TaskView

if TYPE_CHECKING:
    import datasets

    from openenv_tasksets.loaders.hub import Hub
    from openenv_tasksets.loaders.reference import DatasetReference, ResolvedReference
    from openenv_tasksets.publish import PushResult


class Taskset(TasksetTasks, TasksetStreams, Mapping[str, TaskView]):
    """The tasks of one environment: a mapping from split name to a view of its tasks.

    Made by ``from_hub``, ``from_path``, ``from_rows`` or ``from_dataset``. Immutable and thread-safe; a split's
    files are fetched and opened at its first use, and its rows are read one at a time.

    Attributes:
        declaration: The whole ``environment.yaml``.
        environment: The one environment of it that is bound here.
        splits: Name and type of every split, in declared order.
        reference: The repository and the commit that it was read from; None for one that is not from the Hub.
    """

    def __init__(
        self,
        declaration: Declaration,
        environment: EnvironmentDeclaration,
        splits: tuple[SplitDeclaration, ...],
        rows: Mapping[str, Callable[[], Rows]],
        *,
        default_split: str | None = None,
        shuffle_seed: int = 0,
        reference: "ResolvedReference | None" = None,
    ) -> None:
        self.declaration = declaration
        self.environment = environment
        self.splits = splits
        self.reference = reference
        self._rows = rows
        self._shuffle_seed = shuffle_seed
        self._lock = threading.Lock()
        self._opened: dict[str, Split] = {}
        self._default_split = default_split
        self._names = {each.name: None for each in splits}
        if default_split is not None:
            self.resolve_split(default_split)

    @classmethod
    def from_hub(
        cls,
        reference: "str | DatasetReference",
        *,
        environment: str | None = None,
        revision: str | None = None,
        split: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        offline: bool = False,
        hub: "Hub | None" = None,
        lock: str | Path | None = None,
        shuffle_seed: int = 0,
        cache_limit: int | None = None,
    ) -> "Taskset":
        """Open a taskset on the Hub.

        A branch or a tag is resolved to a commit once, which is logged with the pin to write instead; whatever
        is read later, by whatever process, is of that commit. A pinned reference makes no request the second
        time. The rows of Parquet files are read where they are, and the files arrive behind the first reads; others
        are fetched when the split is first used.

        Args:
            reference: ``hf://datasets/{namespace/name}/{environment}@{revision}``; see ``loaders.reference``
                for the other forms.
            environment: Which environment of it; may be left out where there is one, or in the reference.
            revision: Branch, tag, ``refs/pr/N`` or commit; None takes the reference's, else ``main``.
            split: As in ``from_path``.
            token: None takes ``HF_TOKEN``, else that of ``hf auth login``; False sends none.
            cache_dir: Folder of the Hub's cache; None takes ``HF_HUB_CACHE``, else ``HF_HOME``'s.
            offline: Make no request and use what is in the cache; so does ``HF_HUB_OFFLINE``.
            hub: Takes the place of ``token``, ``cache_dir`` and ``offline``.
            lock: A ``taskset.lock``; what drifted from it is refused and named.
            shuffle_seed: As in ``from_path``.
            cache_limit: As in ``from_path``.

        Raises:
            ReferenceInvalid: The reference is in no known form, or contradicts what is beside it.
            HubError: There is no such repository or revision, no right to read it, or no answer.
            DeclarationError: ``environment.yaml`` is missing or wrong; every mistake with its line.
            SourceError: The row files are missing.
            SelectionError: No such environment or split, or none named where there are several.
            LockDrift: The repository is not as the lock says.
        """
        # The Hub's library takes a quarter of a second to import.
        from openenv_tasksets.from_hub import read_from_hub, with_choices
        from openenv_tasksets.hidden_repo import with_hidden
        from openenv_tasksets.loaders.hub import Hub

        hub = hub or Hub(token=token, cache_dir=cache_dir, offline=offline)
        found = read_from_hub(with_choices(reference, environment, revision), hub)
        if lock is not None:
            from openenv_tasksets.lock_check import refuse_drift

            refuse_drift(found.inventory(), lock)
        stores = Stores.default(cache_limit)
        rows = found.rows(stores)
        declaration, rows = with_hidden(found.declaration, found.environment, rows, hub, stores)
        return cls._declared(
            declaration,
            declaration.environment(found.environment.id),
            rows,
            default_split=split,
            shuffle_seed=shuffle_seed,
            reference=found.reference,
        )

    @classmethod
    def from_path(
        cls,
        path: str | Path,
        *,
        environment: str | None = None,
        split: str | None = None,
        data_dir: str | Path | None = None,
        hub: "Hub | None" = None,
        lock: str | Path | None = None,
        shuffle_seed: int = 0,
        cache_limit: int | None = None,
    ) -> "Taskset":
        """Open a local taskset; its rows may be on the Hub, where ``dataset.repo_id`` says so.

        Args:
            path: A folder with ``environment.yaml``, or that file.
            environment: Which environment of it; may be left out where there is one.
            split: The split to use where none is named; None takes ``train``, else the first.
            data_dir: The folder with the row files where they are not beside ``environment.yaml``: a copy of
                someone else's dataset, taken instead of the Hub.
            hub: Where ``dataset.repo_id`` is looked for; None takes the Hub of the environment's variables.
            lock: A ``taskset.lock``; what drifted from it is refused and named.
            shuffle_seed: Another number gives other shuffled orders.
            cache_limit: Bytes that the row stores of all splits may take together; 0 makes none; None takes
                ``OPENENV_TASKSETS_CACHE_LIMIT``, else 20 GiB.

        Raises:
            DeclarationError: The file is missing or wrong; every mistake with its line.
            SourceError: The row files are missing.
            HubError: The dataset cannot be had from the Hub.
            SelectionError: No such environment or split.
            LockDrift: The rows or the declaration are not as the lock says.
        """
        found = read_from_path(path, environment, data_dir, hub)
        if lock is not None:
            from openenv_tasksets.lock_check import refuse_drift

            refuse_drift(found.inventory(), lock)
        declaration, rows = found.opened(Stores.default(cache_limit))
        bound = declaration.environment(found.environment.id)
        return cls._declared(declaration, bound, rows, default_split=split, shuffle_seed=shuffle_seed)

    @classmethod
    def from_rows(
        cls,
        rows: RowSource | Mapping[str, RowSource],
        declaration: Declaration,
        *,
        environment: str | None = None,
        split: str | None = None,
        shuffle_seed: int = 0,
    ) -> "Taskset":
        """Bind rows in memory.

        Args:
            rows: A list of dicts (or another row source), which becomes the first declared split or ``train``;
                or one for each split by name.
            declaration: As in ``from_path``; what it says of files is not used.
            environment: As in ``from_path``; so are ``split`` and ``shuffle_seed``.

        Raises:
            SelectionError: No such environment or split.
            DeclarationError: A declared split has no rows.
        """
        bound = declaration.environment(environment)
        if not isinstance(rows, Mapping):
            rows = {_first_split(declaration, environment): rows}
        opened = {name: partial(ListRows, source) for name, source in rows.items()}
        return cls._declared(declaration, bound, opened, default_split=split, shuffle_seed=shuffle_seed)

    @classmethod
    def from_dataset(
        cls,
        dataset: "datasets.Dataset | Mapping[str, datasets.Dataset]",
        declaration: Declaration,
        *,
        environment: str | None = None,
        split: str | None = None,
        shuffle_seed: int = 0,
    ) -> "Taskset":
        """Bind a dataset that ``datasets`` has opened; its rows stay where it keeps them.

        Values are as in a Parquet file of the Hub: images and sounds are not decoded, and neither a format nor a
        transform that was set is applied.

        Args:
            dataset: A ``Dataset``, which becomes the first declared split or ``train``; or a ``DatasetDict``.
            declaration: As in ``from_rows``.
            environment: As in ``from_path``; so are ``split`` and ``shuffle_seed``.

        Raises:
            SourceError: It is no ``Dataset``: a stream has no random access.
            SelectionError: No such environment or split.
            DeclarationError: A declared split has no rows.
        """
        from openenv_tasksets.loaders.hf_datasets import DatasetRows

        given = dataset if isinstance(dataset, Mapping) else {_first_split(declaration, environment): dataset}
        for each in given.values():
            DatasetRows.of(each)  # Says now what is no dataset.
        rows = {str(name): partial(DatasetRows.of, each) for name, each in given.items()}
        bound = declaration.environment(environment)
        return cls._declared(declaration, bound, rows, default_split=split, shuffle_seed=shuffle_seed)

    @classmethod
    def _declared(
        cls,
        declaration: Declaration,
        environment: EnvironmentDeclaration,
        rows: Mapping[str, Callable[[], Rows]],
        *,
        default_split: str | None,
        shuffle_seed: int,
        reference: "ResolvedReference | None" = None,
    ) -> "Taskset":
        """The declared splits among those that there are rows for; without any declared, all of them."""
        splits = declared_splits(declaration, environment, rows)
        return cls(
            declaration,
            environment,
            splits,
            {each.name: rows[each.name] for each in splits},
            default_split=default_split,
            shuffle_seed=shuffle_seed,
            reference=reference,
        )

    def __getitem__(self, split: str) -> TaskView:
        return TaskView(self.split(split))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self.splits)

    def __repr__(self) -> str:
        return f"<Taskset {self.environment.id!r}: {', '.join(self)}>"

    @property
    def default_split(self) -> str:
        """The split that is meant where none is named: the one asked for, else ``train``, else the first."""
        if self._default_split is not None:
            return self._default_split
        return "train" if "train" in self._names else next(iter(self._names))

    def resolve_split(self, split: str | None) -> str:
        """The split's name, or the default one for None.

        Raises:
            SplitNotFound: No such split; the message lists those that exist.
        """
        if split is None:
            return self.default_split
        if split not in self._names:
            raise SplitNotFound(f"no split {split!r}{nearest(split, self)}")
        return split

    def split(self, name: str | None = None) -> Split:
        """The split, opened; None means the default one.

        Raises:
            SplitNotFound: No such split.
            DeclarationError: The binding does not fit the columns.
            SourceError: Its files cannot be read.
        """
        opened = self._opened.get(name) if name is not None else None
        if opened is not None:
            return opened
        name = self.resolve_split(name)
        with self._lock:
            if name not in self._opened:
                self._opened[name] = self._open(name)
            return self._opened[name]

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        commit_message: str | None = None,
        tag: str | None = None,
        token: str | bool | None = None,
        hidden_repo: str | None = None,
        hub: "Hub | None" = None,
        dry_run: bool = False,
        allow_secrets: bool = False,
    ) -> "PushResult":
        """Push rows, ``environment.yaml`` and the dataset card in one commit; only what changed is uploaded.

        Args:
            repo_id: ``namespace/name``; created where there is none.
            private: Whether a new repository is private; None leaves it to the Hub. One that exists must be as said.
            revision: The branch, created where there is none; None means ``main``.
            create_pr: Open a pull request instead.
            commit_message: None writes one.
            tag: Name for the commit; it must be new, or be there already.
            token: None takes ``HF_TOKEN``, else that of ``hf auth login``.
            hidden_repo: A private repository for the columns that only the environment may see.
            hub: Takes the place of ``token``.
            dry_run: Only say what would be done.
            allow_secrets: Push also what looks like a token or a key.

        Raises:
            TasksetError: As ``publish.push`` and, with ``hidden_repo``, ``publish_hidden.push_hidden``; nothing was
                pushed then, unless the message says so.
        """
        from openenv_tasksets.loaders.hub import Hub
        from openenv_tasksets.push_to_hub import push_to_hub

        return push_to_hub(
            self,
            repo_id,
            private=private,
            revision=revision,
            create_pr=create_pr,
            commit_message=commit_message,
            tag=tag,
            hidden_repo=hidden_repo,
            hub=hub or Hub(token=token),
            dry_run=dry_run,
            allow_secrets=allow_secrets,
        )

    def with_view(self, view: TaskView) -> "Taskset":
        """This taskset with one split narrowed to a view of it: tasks are numbered anew, and rows stay."""
        narrowed = Taskset(
            self.declaration,
            self.environment,
            self.splits,
            self._rows,
            default_split=self._default_split,
            shuffle_seed=self._shuffle_seed,
            reference=self.reference,
        )
        narrowed._opened = {**self._opened, view.split.name: view.split.narrowed(view.indices, view.identity)}
        return narrowed

    def _open(self, name: str) -> Split:
        declared = next(each for each in self.splits if each.name == name)
        return open_split(self.declaration, self.environment, declared, self._rows[name](), self._shuffle_seed)


def _first_split(declaration: Declaration, environment: str | None) -> str:
    splits = declaration.environment(environment).splits
    return splits[0].name if splits else "train"
