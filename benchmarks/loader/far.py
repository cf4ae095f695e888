"""Bytes until the first five rows of four files, over HTTP from a Hub on loopback."""

import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from made_rows import DECLARATION, RowMaker

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "support"))

REPO = "acme/far"
FILES = 4
WANTED = 5
_ROWS_A_MB = 4000


def measure_far(base: Path, file_mb: int, group_rows: int | None) -> dict[str, dict[str, float]]:
    """Megabytes and requests of each contender, counted by the Hub when its process has its rows.

    Args:
        base: Where the files are kept between runs.
        file_mb: About how large each file is.
        group_rows: Rows in a row group; None makes each file one.
    """
    from loopback_hub.hub import LoopbackHub

    measured = {}
    with LoopbackHub() as hub:
        hub.create_repo(REPO)
        folder = base / f"far-{file_mb}-{group_rows or 'whole'}"
        hub.commit(REPO, {"environment.yaml": DECLARATION.encode(), **_files(folder, file_mb, group_rows)})
        for name in ("datasets, streaming", "ours"):
            with tempfile.TemporaryDirectory() as home:
                hub.reset_log()
                environment = hub.environment(HF_HOME=home, XDG_CACHE_HOME=home)
                command = [sys.executable, __file__, name]
                with subprocess.Popen(  # noqa: S603
                    command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                ) as process:
                    line = process.stdout.readline() if process.stdout else b""
                    # What was sent until now is what the rows took; what goes on behind them is another matter.
                    requests = hub.requests
                    process.kill()
                if line.strip() != b"done":
                    raise SystemExit(f"{name} got no rows from {hub.endpoint}")
                sent = sum(request.bytes_out for request in requests)
                measured[name] = {"mb": sent / 1e6, "requests": len(requests)}
    return measured


def read_far(name: str) -> None:
    """Read the first rows, and say so."""
    if name == "ours":
        from openenv_tasksets.taskset import Taskset

        rows = Taskset.from_hub(REPO).split("train").rows
        got = [rows[index] for index in range(WANTED)]
    else:
        import datasets

        stream = datasets.load_dataset(REPO, split="train", streaming=True)
        got = list(itertools.islice(stream, WANTED))
    if len(got) != WANTED:
        raise SystemExit("too few rows")
    print("done", flush=True)
    sys.stdin.read()
    os._exit(0)


def _files(folder: Path, file_mb: int, group_rows: int | None) -> dict[str, bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    maker = RowMaker()
    for number in range(FILES):
        path = folder / f"train-{number:05d}-of-{FILES:05d}.parquet"
        if not path.exists():
            count = file_mb * _ROWS_A_MB
            pq.write_table(maker.batch(number * count, count), path, row_group_size=group_rows or count)
    return {f"data/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


if __name__ == "__main__":
    read_far(sys.argv[1])
