"""Rows with a store that several processes and threads build and read at once, or are killed over."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pyarrow.parquet as pq
import pytest
from stored_files import built, opened, rows_of, spoil_files, table, write_files

from openenv_tasksets.loaders.store import ROWS

PROGRAM = """
import os, sys, resource
from pathlib import Path
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.stored_rows import StoredRows
from openenv_tasksets.loaders.stores import Stores
root = Path(sys.argv[1])
def opened():
    files = SourceFiles(root, ["0.parquet", "1.parquet"])
    return StoredRows.open(files, Stores(root / "cache/rows"), small_bytes=0, build_after_rows=1)
"""


def start(root, body):
    program = PROGRAM + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def large(tmp_path):
    """Enough rows that building takes a while."""
    for number in range(2):
        pq.write_table(table(0, 30_000), tmp_path / f"{number}.parquet", row_group_size=500)
    return tmp_path


def test_a_second_process_reads_what_the_first_one_built(tmp_path):
    write_files(tmp_path)
    expected = rows_of(tmp_path)
    built(tmp_path)
    spoil_files(tmp_path)
    process = start(
        tmp_path,
        """
        import json
        rows = opened()
        print(json.dumps([rows[index]["id"] for index in range(len(rows))]))
        assert "openenv_tasksets.loaders.parquet" not in sys.modules
        """,
    )
    out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (0, "")
    assert json.loads(out) == [row["id"] for row in expected]


@pytest.mark.slow
def test_a_builder_that_is_killed_leaves_what_is_whole_and_the_next_one_goes_on(large):
    expected = pq.read_table(large / "0.parquet").to_pylist() * 2
    for pause_s in (0.0, 0.02, 0.1):
        process = start(large, "rows = opened(); rows[0]; print('begun', flush=True); rows.build().wait()")
        assert process.stdout.readline() == "begun\n"
        time.sleep(pause_s)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        rows = opened(large, build_after_rows=10**9)
        assert rows.read_many(range(0, 60_000, 7)) == expected[::7]

    assert built(large).read_many(range(60_000)) == expected
    assert opened(large, build_after_rows=10**9).is_hot(59_999)


@pytest.mark.slow
def test_processes_that_build_at_once_give_one_whole_store(large):
    body = """
    rows = opened()
    assert rows.build().wait(60)
    rows._store.refresh()
    print(all(rows.is_hot(index) for index in range(len(rows))))
    """
    processes = [start(large, body) for _ in range(3)]
    for process in processes:
        assert process.communicate(timeout=120) == ("True\n", "")
    assert len(list((large / "cache").glob(f"rows/*/*/*{ROWS}"))) == 1


def test_a_full_disk_is_said_once_and_serving_goes_on(large):
    """The disk is a limit on the size of files: writing beyond it is an error of the system, like a full disk's."""
    process = start(
        large,
        """
        import logging
        logging.basicConfig(format="%(message)s")
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        rows = opened()
        rows[0]
        assert rows.build().wait(60)
        assert [rows[index]["n"] for index in range(0, 60_000, 7)] == [*range(30_000), *range(30_000)][::7]
        print(len(rows._store))
        """,
    )
    out, err = process.communicate(timeout=60)

    assert err.count("\n") == err.count("cannot be written") == 1, err
    assert 0 < int(out) < 120


def test_threads_read_while_it_is_built(large):
    expected = pq.read_table(large / "0.parquet", columns=["id", "n"]).to_pylist() * 2
    rows = opened(large).project(["id", "n"])
    wrong = []

    def read(step):
        for turn in range(400):
            index = turn * step % 60_000
            if rows[index] != expected[index]:
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(step,)) for step in (1, 151, 7919, 50_021)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert rows.build().wait(60)
    assert rows.read_many(range(60_000)) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on Windows")
def test_a_forked_process_reads_too(large):
    """A trainer's workers are forked in the middle of reads, and without the thread that builds."""
    process = start(
        large,
        """
        import threading
        rows = opened()
        rows[0]
        stop = threading.Event()
        def read():
            while not stop.is_set():
                rows.read_many(range(0, 60_000, 601))
        thread = threading.Thread(target=read)
        thread.start()
        for turn in range(5):
            child = os.fork()
            if not child:
                os._exit(0 if [rows[n * 600]["n"] for n in range(20)] == [n * 600 for n in range(20)] else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        thread.join()
        print("done")
        """,
    )
    out, err = process.communicate(timeout=100)

    assert (out, process.returncode) == ("done\n", 0), err
