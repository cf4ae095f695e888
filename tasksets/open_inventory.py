"""What a user names, taken apart without reading a row: a folder of this machine, or a reference to the Hub."""

from pathlib import Path
from typing import TYPE_CHECKING

from openenv_tasksets.from_hub import read_from_hub, with_choices
from openenv_tasksets.from_path import read_from_path
from openenv_tasksets.inventory import Inventory
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
        return read_from_hub(with_choices(str(target), environment, None), hub or Hub()).inventory()
    return read_from_path(target, environment, data_dir, hub).inventory()
