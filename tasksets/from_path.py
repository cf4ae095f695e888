"""From a declaration in a folder to its rows: beside it, in another folder, or on the Hub."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration
from openenv_tasksets.declared_splits import check_has_files, local_rows
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.stores import Stores
from openenv_tasksets.source import has_source, source_rows

if TYPE_CHECKING:
    from openenv_tasksets.loaders.hub import Hub


def rows_of_path(
    declaration: Declaration,
    environment: EnvironmentDeclaration,
    path: Path,
    *,
    data_dir: str | Path | None,
    hub: "Hub | None",
    lock: str | Path | None,
    stores: Stores,
) -> dict[str, Callable[[], Rows]]:
    """What opens each split that there are rows for.

    Args:
        declaration: The whole ``environment.yaml``.
        environment: The one environment of it.
        path: The folder of the declaration, or its file.
        data_dir: As in ``Taskset.from_path``; so are ``hub`` and ``lock``.
        stores: As in ``open_rows``.

    Raises:
        SourceError: The row files are missing, or the code that makes the rows.
        HubError: The dataset cannot be had from the Hub.
        LockDrift: The rows or the declaration are not as the lock says.
    """
    if has_source(environment) and lock is None and data_dir is None:
        return source_rows(declaration, environment)
    check_has_files(environment)
    dataset = environment.dataset
    if data_dir is None and dataset is not None and dataset.repo_id is not None:
        from openenv_tasksets.from_hub import hub_rows, rows_snapshot
        from openenv_tasksets.loaders.hub import Hub

        snapshot = rows_snapshot(environment, hub or Hub())
        if lock is not None:
            from openenv_tasksets.inventory import snapshot_inventory
            from openenv_tasksets.lock_check import refuse_drift

            refuse_drift(snapshot_inventory(declaration, environment, snapshot), lock)
        return hub_rows(environment, snapshot, stores)
    folder = path if path.is_dir() else path.parent
    if lock is not None:
        from openenv_tasksets.inventory import folder_inventory
        from openenv_tasksets.lock_check import refuse_drift

        root = folder if data_dir is None else Path(data_dir)
        refuse_drift(folder_inventory(declaration, environment, root), lock)
    return local_rows(environment, folder, data_dir, stores)
