"""``tasksets lock``: write down what a taskset is made of, or check it against what was written."""

from pathlib import Path
from typing import Annotated

import typer

from openenv_tasksets.cli.options import DataDir, EnvironmentId


def lock(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", help="A folder with environment.yaml, or namespace/name on the Hub.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The lock.")] = Path("taskset.lock"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: say what is not as the lock has it, and exit with 1.")
    ] = False,
    deep: Annotated[bool, typer.Option("--deep", help="With --check: also read and compare every task.")] = False,
    environment: EnvironmentId = None,
    data_dir: DataDir = None,
) -> None:
    """Write a lock: commit, files with their hashes, binding, runtime, and the content hash of every task.

    Two files are written, FILE and FILE.tasks. The second one has the hashes of the tasks, answers included:
    whoever has it can try out which of a few answers is right, so keep it where the answers may be kept.
    """
    if deep and not check:
        raise typer.BadParameter("goes with --check only", param_hint="--deep")
    from openenv_tasksets.cli.console import say
    from openenv_tasksets.lock import make_lock, tasks_path, write_lock
    from openenv_tasksets.lock_check import refuse_drift
    from openenv_tasksets.open_inventory import open_inventory

    inventory = open_inventory(target, environment=environment, data_dir=data_dir)
    if check:
        refuse_drift(inventory, output, deep=deep)
        say(f"{target} is as {output} says" + ("" if deep else "; --deep would also compare every task"))
        return
    made, tasks = make_lock(inventory)
    write_lock(output, made, tasks)
    say(
        f"wrote {output} and {tasks_path(output).name}: {_counted(made.totals.tasks, 'task')} of {made.environment} "
        f"in {_counted(made.totals.files, 'file')}"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
