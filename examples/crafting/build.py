"""Write the crafting taskset, and beside it the OpenEnv package that `openenv import` makes of platoon-textcraft.

python -m tasksets_examples.crafting.build DIR [--size 40]

The taskset is DIR/taskset, the package DIR/crafting_env.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import platoon_textcraft
import typer
from platoon_textcraft.env import TextCraftEnvironment

SPLIT = "val"
PARTS = ("target_items", "initial_inventory")


def build(folder: Path, size: int = 40) -> None:
    """Write the taskset and the package into ``folder``.

    Args:
        folder: Made if need be; it must hold no ``crafting_env``.
        size: The number of rows, in [1, 100].
    """
    taskset = folder / "taskset"
    taskset.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("environment.yaml"), taskset / "environment.yaml")
    with (taskset / "rows.jsonl").open("w") as file:
        for index in range(size):
            file.write(json.dumps(row(index)) + "\n")
    # The importer copies a folder of sources, in which the package must have its own name.
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(platoon_textcraft.__file__).parent, source / "platoon_textcraft", ignore=ignored)
    options = ["--name", "crafting_env", "--type", "ors", "--env-class", TextCraftEnvironment.__name__]
    command = [sys.executable, "-m", "openenv.cli", "import", str(source), *options, "--output-dir", str(folder)]
    subprocess.run(command, check=True)
    shutil.rmtree(source)


def row(index: int) -> dict[str, str]:
    """One task: what the environment needs, and apart from it the way to solve the task.

    The wrapper shows the whole task spec to the agent.
    """
    spec = TextCraftEnvironment.list_tasks(SPLIT)[index]
    needed = {"id": spec["id"], "goal": spec["goal"], "misc": {name: spec["misc"][name] for name in PARTS}}
    return {
        "id": f"{SPLIT}-{index}",
        "task_spec": json.dumps(needed),
        "solution": json.dumps(spec["misc"]["gold_trajectory"]),
    }


def main(folder: Path, size: int = 40) -> None:
    """Write the crafting taskset and its environment into FOLDER."""
    build(folder, size)
    print(f"{size} tasks in {folder / 'taskset'}, their environment in {folder / 'crafting_env'}")


if __name__ == "__main__":
    typer.run(main)
