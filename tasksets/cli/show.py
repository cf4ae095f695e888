"""``tasksets show``: the tasks of a split, as a table or as JSON lines."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from openenv_tasksets.cli.options import Conditions, DataDir, EnvironmentId, SplitName, TasksetTarget

if TYPE_CHECKING:
    from openenv_tasksets.task import Task


def show(
    target: TasksetTarget,
    split: SplitName = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="How many tasks.")] = 20,
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="How many to leave out first.")] = 0,
    where: Conditions = None,
    hidden: Annotated[
        bool, typer.Option("--hidden", help="Show also what no agent may see: answers, tests, gold actions.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, nothing cut.")] = False,
    environment: EnvironmentId = None,
    data_dir: DataDir = None,
) -> None:
    """Print tasks: id, index, public values, and what the agent sees."""
    from openenv_tasksets.cli.console import ignored_keys, say, write
    from openenv_tasksets.cli.where_option import narrow
    from openenv_tasksets.open_taskset import open_taskset
    from openenv_tasksets.server.wire import encode_json

    taskset = open_taskset(target, environment=environment, data_dir=data_dir)
    for line in ignored_keys(taskset.declaration):
        say(line)
    name = taskset.resolve_split(split)
    view = narrow(taskset[name], where or ())
    tasks = view[offset : offset + limit]
    if as_json:
        for task in tasks:
            write(encode_json(_described(task, hidden)).decode())
    else:
        _write_table(list(tasks), hidden)
    count = "endless" if view.size is None else f"{view.size:,}"
    say(f"{len(tasks):,} of {count} tasks of split {name!r} of {taskset.environment.id}")


def _described(task: "Task", hidden: bool) -> dict[str, Any]:
    described = {
        "id": task.id,
        "split": task.split,
        "index": task.index,
        "row": task.row,
        "public": task.public,
        "visible": task.visible,
    }
    if hidden:
        described |= {"hidden": task.hidden.reveal(), "gold": task.gold.reveal()}
    return described


def _write_table(tasks: list["Task"], hidden: bool) -> None:
    from openenv_tasksets.cli.console import cell, write_table

    def values(task: "Task") -> dict[str, Any]:
        shown = {**task.public, **task.visible}
        if hidden:
            shown |= {f"{name} (hidden)": value for name, value in task.hidden.reveal().items()}
            shown |= {f"{name} (gold)": value for name, value in task.gold.reveal().items()}
        return shown

    rows = [values(task) for task in tasks]
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "id"]
    write_table(
        ["id", "index", *names],
        [
            [cell(task.id), str(task.index), *(cell(row[name]) if name in row else "" for name in names)]
            for task, row in zip(tasks, rows, strict=True)
        ],
    )
