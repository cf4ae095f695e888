"""What a taskset on the Hub costs: requests, bytes and memory, against a Hub of our own on loopback.

    python benchmarks/hub.py --megabytes 1000

Every client runs in a process of its own with empty caches; the Hub counts the requests and the bytes of their bodies.
Xet is off, so that all goes over plain HTTP. ``datasets`` does the same with the same files where it can.
"""

import argparse
import importlib.metadata
import io
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from loopback_hub import LoopbackHub

WORDS, SUMS, COPY = "acme/words", "acme/sums", "acme/copy"
PACKAGES = ("openenv-tasksets", "huggingface_hub", "datasets", "pyarrow")
SHARDS = 64
ENVIRONMENT = """\
spec_version: hf-rl-env-0.1
environments:
  - id: words
    task: {id: key, reset: {prompt: question, answer: answer}, visible: [prompt]}
    frameworks: {openenv: {package: openenv-tasksets, environment: answer}}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one client did.

    Attributes:
        requests: How many it made.
        sent: Bytes that it sent.
        received: Bytes that it got.
        seconds: How long it took, imports left out.
        peak: Most memory of its process, in bytes.
        imports: The same before it began.
    """

    requests: int
    sent: int
    received: int
    seconds: float
    peak: int
    imports: int


# Clients: one argument each, the repository or the folder. They run in a process of their own.


def our_first_task(reference: str) -> Any:
    """The first task of a split on the Hub."""
    from openenv_tasksets import Taskset

    return lambda: Taskset.from_hub(reference).task("train", 0)


def their_first_row(repo_id: str) -> Any:
    """The first row of the same split, streamed."""
    import datasets

    datasets.config.USE_PARQUET_EXPORT = False
    return lambda: next(iter(datasets.load_dataset(repo_id, split="train", streaming=True)))


def our_push(folder: str) -> Any:
    """A push of a folder."""
    from openenv_tasksets import Taskset

    return lambda: Taskset.from_path(folder).push_to_hub(SUMS)


def their_push(folder: str) -> Any:
    """A push of the same rows."""
    import datasets

    def push_rows() -> None:
        rows = datasets.load_dataset("parquet", data_files=f"{folder}/train.parquet", split="train")
        rows.push_to_hub(COPY)

    return push_rows


CLIENTS = {each.__name__: each for each in (our_first_task, their_first_row, our_push, their_push)}


def client(name: str, argument: str) -> None:
    """Be a client, and print what it took of this machine."""
    import logging
    import time

    logging.disable(logging.WARNING)
    work = CLIENTS[name](argument)
    imports = peak_bytes()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": peak_bytes(), "imports": imports}), flush=True)
    # Threads of ``datasets`` that read ahead make the interpreter abort where it waits for them.
    os._exit(0)


def peak_bytes() -> int:
    """Most memory that this process ever had.

    ``getrusage`` would not do: on Linux a process begins with the peak of the one that started it.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024


def measured(hub: LoopbackHub, name: str, argument: str, *, keep_cache: bool = False) -> Cost:
    """Run a client, with empty caches unless they are to be kept."""
    if not keep_cache:
        shutil.rmtree(hub.home, ignore_errors=True)
        hub.home.mkdir()
    hub.reset_log()
    command = [sys.executable, __file__, "--client", name, argument]
    done = subprocess.run(command, env=hub.environment(), check=True, capture_output=True, text=True)  # noqa: S603
    requests = hub.requests
    return Cost(
        requests=len(requests),
        sent=sum(request.bytes_in for request in requests),
        received=sum(request.bytes_out for request in requests),
        **json.loads(done.stdout.splitlines()[-1]),
    )


def first_task(megabytes: int) -> dict[str, Cost]:
    """The first task of a split of many files, and the first row of it by ``datasets``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def shard(number: int) -> bytes:
        rows = megabytes * 1_000_000 // SHARDS // 200
        names = [f"{number}-{place}" for place in range(rows)]
        answers = [os.urandom(8).hex() for _ in names]
        questions = [os.urandom(90).hex() for _ in names]
        sink = io.BytesIO()
        pq.write_table(pa.table({"key": names, "question": questions, "answer": answers}), sink, row_group_size=1000)
        return sink.getvalue()

    with LoopbackHub() as hub:
        hub.create_repo(WORDS)
        files = {f"data/train-{number:05d}-of-{SHARDS:05d}.parquet": shard(number) for number in range(SHARDS)}
        commit = hub.commit(WORDS, {"environment.yaml": ENVIRONMENT.encode(), **files})
        pin = f"{WORDS}@{commit}"
        return {
            "first task, from_hub": measured(hub, "our_first_task", WORDS),
            "the same, pinned, again": measured(hub, "our_first_task", pin, keep_cache=True),
            "first row, datasets streaming": measured(hub, "their_first_row", WORDS),
        }


def push(megabytes: int) -> dict[str, Cost]:
    """A push of rows that must be written anew, the same push again, and one by ``datasets``."""
    with LoopbackHub() as hub, tempfile.TemporaryDirectory(prefix="openenv-tasksets-bench-") as folder:
        subprocess.run([sys.executable, __file__, "--rows", folder, str(megabytes)], check=True)  # noqa: S603
        return {
            "push": measured(hub, "our_push", folder),
            "second push": measured(hub, "our_push", folder, keep_cache=True),
            "push by datasets": measured(hub, "their_push", folder),
        }


def write_rows(folder: Path, megabytes: int) -> None:
    """A taskset whose rows are in one Parquet file with row groups of 100 MB, which do not suit random access."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "environment.yaml").write_text(ENVIRONMENT)
    schema = pa.schema({"key": pa.string(), "question": pa.string(), "answer": pa.string()})
    # Half of each text is random, so that it is about as compressible as prose.
    with pq.ParquetWriter(folder / "train.parquet", schema, use_dictionary=False) as writer:
        done = 0
        while done < megabytes:
            rows = range(done * 500, (done + 100) * 500)
            texts = [os.urandom(1000).hex() for _ in rows]
            columns = {"key": [f"k{n}" for n in rows], "question": texts, "answer": [str(n) for n in rows]}
            writer.write_table(pa.table(columns, schema=schema))
            done += 100


def print_table(costs: dict[str, Cost]) -> None:
    """One line a client."""
    width = max(map(len, costs))
    print(f"\n{'':<{width}}  requests      MB sent  MB received   seconds   peak MB  (imports)")
    for name, cost in costs.items():
        print(
            f"{name:<{width}}  {cost.requests:>8}  {cost.sent / 1e6:>11,.3f}  {cost.received / 1e6:>11,.3f}"
            f"  {cost.seconds:>8.1f}  {cost.peak / 1e6:>8,.0f}  {cost.imports / 1e6:>9,.0f}"
        )


def main() -> None:
    """Parse the command line; ``--client`` and ``--rows`` are the processes that a measurement starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--megabytes", type=int, default=1000, help="values that are pushed")
    parser.add_argument("--split", type=int, default=200, help="megabytes of the split whose first task is read")
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rows", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        client(*arguments.client)
    elif arguments.rows:
        write_rows(Path(arguments.rows[0]), int(arguments.rows[1]))
    else:
        versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores; {versions}")
        print_table(push(arguments.megabytes))
        print_table(first_task(arguments.split))


if __name__ == "__main__":
    main()
