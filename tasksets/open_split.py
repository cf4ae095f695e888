"""From a split's rows to the split: its binding checked against the columns that there are."""

from openenv_tasksets.binding import compile_binding
from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration, SplitDeclaration, TaskDeclaration
from openenv_tasksets.declared_splits import with_line
from openenv_tasksets.loaders.errors import DeclarationError, Issue
from openenv_tasksets.loaders.order import MAX_SIZE
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.split import Split


def open_split(
    declaration: Declaration,
    environment: EnvironmentDeclaration,
    declared: SplitDeclaration,
    rows: Rows,
    shuffle_seed: int,
) -> Split:
    """A declared split over its rows.

    Args:
        declaration: The whole ``environment.yaml``.
        environment: The one environment of it.
        declared: The split's name and type.
        rows: All rows of the split.
        shuffle_seed: As in ``Taskset.from_path``.

    Raises:
        DeclarationError: The binding does not fit the columns, or the order the rows.
    """
    task = environment.task or TaskDeclaration()
    path = f"environments[{declaration.environments.index(environment)}].task"
    try:
        if len(rows) > MAX_SIZE and task.orders(declared) not in (None, "sequential"):
            raise DeclarationError([Issue(f"{path}.order", "rows without end come in order; leave it out")])
        binding = compile_binding(environment.task, rows.columns, path)
    except DeclarationError as exc:
        raise DeclarationError(
            [with_line(declaration, issue, f"split {declared.name!r}") for issue in exc.issues], declaration.source
        ) from None
    return Split(
        name=declared.name,
        type=declared.type,
        rows=rows,
        binding=binding,
        order_kind=task.order_for(declared),
        identity=(environment.id, environment.config_name or "", str(shuffle_seed)),
    )
