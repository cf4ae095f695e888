"""From a folder to a taskset's parts: the declaration, and the folder or the repository that holds the rows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration
from openenv_tasksets.declaration_file import read_declaration
from openenv_tasksets.declared_splits import check_has_files, local_rows
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.stores import Stores
from openenv_tasksets.source import has_source, source_rows

if TYPE_CHECKING:
    from openenv_tasksets.inventory import Inventory
    from openenv_tasksets.loaders.hub import Hub
    from openenv_tasksets.loaders.snapshot import Snapshot


class LocalTaskset(msgspec.Struct, frozen=True):
    """What a folder says of one environment, and where its rows are.

    Attributes:
        declaration: Its ``environment.yaml``.
        environment: The environment of it that was asked for.
        folder: Where the declaration is.
        data_dir: Where the row files are, if in another folder.
        hub: Where repositories are looked for; None takes the Hub of the environment's variables.
        snapshot: The repository that holds the rows; None where they are in a folder.
    """

    declaration: Declaration
    environment: EnvironmentDeclaration
    folder: Path
    data_dir: Path | None
    hub: "Hub | None"
    snapshot: "Snapshot | None"

    def inventory(self) -> "Inventory":
        """What it is made of; files in a folder are read once, those on the Hub are not fetched.

        Raises:
            SourceError: The rows are made by code.
            TasksetError: As ``snapshot_inventory`` and ``folder_inventory``.
        """
        from openenv_tasksets.inventory import folder_inventory, snapshot_inventory

        check_has_files(self.environment)
        if self.snapshot is not None:
            return snapshot_inventory(self.declaration, self.environment, self.snapshot)
        return folder_inventory(self.declaration, self.environment, self.data_dir or self.folder)

    def opened(self, stores: Stores) -> tuple[Declaration, Mapping[str, Callable[[], Rows]]]:
        """The declaration, and what opens each split that there are files for, with hidden columns where they are.

        Args:
            stores: Where their row stores are.

        Raises:
            SourceError: There are no row files, their splits cannot be made out, or the code that makes the rows
                cannot be had.
            HubError: The Hub does not give the list of files, or the card.
        """
        if has_source(self.environment):
            return self.declaration, source_rows(self.declaration, self.environment)
        dataset = self.environment.dataset
        if self.snapshot is None and (dataset is None or dataset.hidden is None):
            return self.declaration, local_rows(self.environment, self.folder, self.data_dir, stores)
        # The Hub's library takes a quarter of a second to import.
        from openenv_tasksets.from_hub import hub_rows
        from openenv_tasksets.hidden_repo import with_hidden
        from openenv_tasksets.loaders.hub import Hub

        if self.snapshot is not None:
            rows = hub_rows(self.environment, self.snapshot, stores)
        else:
            rows = local_rows(self.environment, self.folder, self.data_dir, stores)
        return with_hidden(self.declaration, self.environment, rows, self.hub or Hub(), stores)


def read_from_path(
    path: str | Path, environment: str | None = None, data_dir: str | Path | None = None, hub: "Hub | None" = None
) -> LocalTaskset:
    """Read what is declared, and resolve where the rows are; no row is read.

    Args:
        path: A folder with ``environment.yaml``, or that file.
        environment: Which environment of it; may be left out where there is one.
        data_dir: Where the row files are, if not beside ``environment.yaml`` nor on the Hub.
        hub: The Hub; None takes the one of the environment's variables.

    Raises:
        DeclarationError: The file is missing or wrong; every mistake with its line.
        SelectionError: No such environment, or none named where there are several.
        SourceError: The rows are made by code, and ``data_dir`` is given.
        HubError: The repository that holds the rows cannot be had.
    """
    declaration = read_declaration(path)
    bound = declaration.environment(environment)
    if not has_source(bound) or data_dir is not None:
        check_has_files(bound)
    snapshot = None
    if data_dir is None and bound.dataset is not None and bound.dataset.repo_id is not None:
        from openenv_tasksets.from_hub import rows_snapshot
        from openenv_tasksets.loaders.hub import Hub

        hub = hub or Hub()
        snapshot = rows_snapshot(bound, hub)
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    return LocalTaskset(declaration, bound, folder, None if data_dir is None else Path(data_dir), hub, snapshot)
