"""What a user names, taken apart without reading a row: a folder of this machine, or a reference to the Hub."""

from pathlib import Path
from typing import TYPE_CHECKING

from openenv_tasksets.declaration_file import read_declaration
from openenv_tasksets.declared_splits import check_has_files
from openenv_tasksets.from_hub import read_from_hub, rows_snapshot, with_choices
from openenv_tasksets.inventory import Inventory, folder_inventory, snapshot_inventory
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.open_taskset import is_reference

if TYPE_CHECKING:
    from openenv_tasksets.loaders.hub import Hub


def open_inventory(
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
        rows = rows_snapshot(found.environment, hub, found.snapshot)
        return snapshot_inventory(found.declaration, found.environment, rows, found.reference)
    declaration = read_declaration(target)
    bound = declaration.environment(environment)
    check_has_files(bound)
    if data_dir is None and bound.dataset is not None and bound.dataset.repo_id is not None:
        return snapshot_inventory(declaration, bound, rows_snapshot(bound, hub or Hub()))
    folder = Path(target) if Path(target).is_dir() else Path(target).parent
    return folder_inventory(declaration, bound, folder if data_dir is None else Path(data_dir))
