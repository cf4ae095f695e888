"""From a reference to a taskset's parts: the declaration at a commit, and the repository that holds the rows."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration
from openenv_tasksets.declaration_file import FILE_NAME, parse_declaration
from openenv_tasksets.declared_splits import check_has_files
from openenv_tasksets.inventory import Inventory, snapshot_inventory
from openenv_tasksets.loaders.errors import DeclarationError, Issue, ReferenceInvalid
from openenv_tasksets.loaders.hub import DEFAULT_REVISION, Hub
from openenv_tasksets.loaders.reference import PREFIX, DatasetReference, ResolvedReference
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.snapshot import Snapshot
from openenv_tasksets.loaders.stores import Stores
from openenv_tasksets.source import has_source, source_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HubTaskset:
    """What a repository says of one environment, and where its rows are.

    Attributes:
        declaration: ``environment.yaml`` at the commit.
        environment: The environment of it that was asked for.
        reference: The repository, the environment and the commit.
        snapshot: The repository that holds the rows, at its commit.
    """

    declaration: Declaration
    environment: EnvironmentDeclaration
    reference: ResolvedReference
    snapshot: Snapshot

    def inventory(self) -> Inventory:
        """What it is made of; no row file is fetched.

        Raises:
            SourceError: The rows are made by code.
            TasksetError: As ``snapshot_inventory``.
        """
        check_has_files(self.environment)
        return snapshot_inventory(self.declaration, self.environment, self.snapshot, self.reference)

    def rows(self, stores: Stores) -> dict[str, Callable[[], Rows]]:
        """What opens, or makes, the rows of each split.

        Raises:
            HubError: The Hub does not give the list of files, or the card.
            SourceError: There are no row files, their splits cannot be made out, or the code that makes the rows
                cannot be had.
        """
        if has_source(self.environment):
            return source_rows(self.declaration, self.environment)
        return hub_rows(self.environment, self.snapshot, stores)


def read_from_hub(reference: DatasetReference, hub: Hub) -> HubTaskset:
    """Resolve the reference once, and read what is declared at that commit.

    Raises:
        HubError: There is no such repository or revision, or the Hub does not answer.
        DeclarationError: There is no ``environment.yaml``, or it is wrong; every mistake with its line.
        SelectionError: No such environment, or none named where there are several.
    """
    declaration, snapshot = read_declaration_from_hub(reference, hub)
    environment = declaration.environment(reference.environment)
    resolved = ResolvedReference(reference.repo_id, environment.id, snapshot.commit_hash)
    if not reference.is_pinned:
        _say_pin(reference, snapshot, str(resolved))
    if not has_source(environment):
        snapshot = rows_snapshot(environment, hub, snapshot)
    return HubTaskset(declaration, environment, resolved, snapshot)


def read_declaration_from_hub(reference: DatasetReference, hub: Hub) -> tuple[Declaration, Snapshot]:
    """The whole ``environment.yaml``, and the commit that the reference stands for now.

    Raises:
        HubError: There is no such repository or revision, or the Hub does not answer.
        DeclarationError: There is no ``environment.yaml``, or it is wrong; every mistake with its line.
    """
    snapshot = Snapshot.at(hub, reference)
    source = f"{PREFIX}{snapshot}/{FILE_NAME}"
    data = snapshot.read(FILE_NAME)
    if data is None:
        message = (
            f"there is no such file; to bind a dataset of somebody else, `tasksets init {reference.repo_id}` "
            f"drafts a folder of your own with an {FILE_NAME} whose dataset.repo_id names it"
        )
        raise DeclarationError([Issue("", message)], source)
    return parse_declaration(data, source), snapshot


def rows_snapshot(environment: EnvironmentDeclaration, hub: Hub, home: Snapshot | None = None) -> Snapshot:
    """The repository that holds the rows, resolved once.

    Args:
        environment: Names it in ``dataset.repo_id``, or leaves it to ``home``.
        hub: Where it is.
        home: The repository that holds the declaration: rows of its own are those of the same commit.

    Raises:
        ReferenceInvalid: Its name or revision is nothing that the Hub can have.
        HubError: There is no such repository or revision, or the Hub does not answer.
    """
    dataset = environment.dataset
    is_home = dataset is None or (dataset.revision is None and dataset.repo_id in (None, home and home.repo_id))
    if home is not None and is_home:
        return home
    if dataset is None or dataset.repo_id is None:
        raise ReferenceInvalid(f"environment {environment.id!r} names no dataset.repo_id")
    reference = DatasetReference(dataset.repo_id, None, dataset.revision)
    snapshot = Snapshot.at(hub, reference)
    if not reference.is_pinned:
        _say_pin(reference, snapshot, f"dataset.revision: {snapshot.commit_hash}")
    return snapshot


def hub_rows(
    environment: EnvironmentDeclaration, snapshot: Snapshot, stores: Stores | None = None
) -> dict[str, Callable[[], Rows]]:
    """What opens each split that there are files for.

    Args:
        environment: Says which files are meant.
        snapshot: The repository that has them.
        stores: As in ``Snapshot.open_rows``.

    Raises:
        HubError: The Hub does not give the list of files, or the card.
        SourceError: There are no row files, or their splits cannot be made out.
    """
    data_files = None if environment.dataset is None else environment.dataset.data_files
    files = snapshot.split_files(environment.config_name, data_files)
    return {name: partial(snapshot.open_rows, names, stores) for name, names in files.items()}


def with_choices(reference: str | DatasetReference, environment: str | None, revision: str | None) -> DatasetReference:
    """The reference with an environment and a revision that were given beside it.

    Raises:
        ReferenceInvalid: It is in none of the forms that there are, or says something else than what is beside it.
    """
    if isinstance(reference, str):
        reference = DatasetReference.parse(reference)
    for name, inside, beside in (
        ("environment", reference.environment, environment),
        ("revision", reference.revision, revision),
    ):
        if inside is not None and beside is not None and inside != beside:
            raise ReferenceInvalid(
                f"the {name} is given twice: {inside!r} in {str(reference)!r}, and {name}={beside!r}; leave one out"
            )
    return replace(
        reference,
        environment=reference.environment or environment,
        revision=reference.revision or revision,
    )


def _say_pin(reference: DatasetReference, snapshot: Snapshot, pin: str) -> None:
    revision = reference.revision or DEFAULT_REVISION
    logger.warning("%s@%s is %s; pin it: %s", reference.repo_id, revision, snapshot.commit_hash, pin)
