"""``tasksets lock``: two files, and whether a taskset is still what they say."""

import json
import subprocess
import sys

import pytest
from loopback_hub import LoopbackHub
from sample_taskset import ENVIRONMENT, parquet, row, shards, write_files

FILES = {
    "environment.yaml": ENVIRONMENT.encode(),
    **shards("train", [[row("k1"), row("k2")], [row("k3")]]),
    **shards("test", [[row("k4")]]),
}


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path / "words", FILES)


def test_a_lock_is_written_where_the_command_is_called(tasksets, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = tasksets("lock", folder)
    assert (result.code, result.out) == (0, "")
    assert result.err == "wrote taskset.lock and taskset.lock.tasks: 4 tasks of spelling in 3 files\n"
    assert json.loads((tmp_path / "taskset.lock").read_bytes())["totals"]["tasks"] == 4
    assert (tmp_path / "taskset.lock.tasks").exists()
    assert tasksets("lock", folder, "--check").code == 0


def test_a_check_writes_nothing_and_names_what_drifted(tasksets, folder, tmp_path):
    lock = tmp_path / "my.lock"
    assert tasksets("lock", folder, "--output", lock).code == 0
    before = lock.read_bytes()
    result = tasksets("lock", folder, "--check", "-o", lock)
    assert (result.code, result.err) == (0, f"{folder} is as {lock} says; --deep would also compare every task\n")
    (folder / "data/test-00000-of-00001.parquet").write_bytes(parquet([row("k4", "a secret")]))
    result = tasksets("lock", folder, "--check", "--output", lock)
    assert (result.code, result.out) == (1, "")
    assert f"{lock}: 1 thing is not as locked" in result.err
    assert "file test: data/test-00000-of-00001.parquet: " in result.err
    result = tasksets("lock", folder, "--check", "--deep", "--output", lock)
    assert result.code == 1
    assert "task test: k4: changed" in result.err
    assert "secret" not in result.err
    assert lock.read_bytes() == before


def test_every_task_is_compared_where_that_is_asked_for(tasksets, folder, tmp_path):
    lock = tmp_path / "my.lock"
    tasksets("lock", folder, "-o", lock)
    result = tasksets("lock", folder, "-o", lock, "--check", "--deep")
    assert (result.code, result.err) == (0, f"{folder} is as {lock} says\n")
    (tmp_path / "my.lock.tasks").unlink()
    assert tasksets("lock", folder, "-o", lock, "--check").code == 0
    result = tasksets("lock", folder, "-o", lock, "--check", "--deep")
    assert result.code == 1
    assert "my.lock.tasks: there is no such file" in result.err


def test_deep_goes_with_check(tasksets, folder):
    result = tasksets("lock", folder, "--deep")
    assert result.code == 2
    assert "goes with --check only" in result.err


def test_the_rows_may_be_elsewhere(tasksets, tmp_path):
    data = write_files(tmp_path / "data", {name: FILES[name] for name in FILES if name.startswith("data/")})
    own = write_files(tmp_path / "own", {"environment.yaml": FILES["environment.yaml"]})
    result = tasksets("lock", own, "--data-dir", data, "--environment", "spelling", "-o", tmp_path / "x.lock")
    assert result.code == 0
    assert tasksets("lock", own, "-o", tmp_path / "x.lock").code == 1


def test_a_taskset_on_the_hub_is_locked_with_its_commit(tmp_path):
    with LoopbackHub() as server:
        server.create_repo("acme/words")
        commit = server.commit("acme/words", FILES)
        done = subprocess.run(
            [sys.executable, "-m", "openenv_tasksets.cli", "lock", "acme/words", "-o", tmp_path / "x.lock"],
            env=server.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "")
    reference = f"hf://datasets/acme/words/spelling@{commit}"
    assert f"pin it: {reference}" in done.stderr
    assert json.loads((tmp_path / "x.lock").read_bytes())["reference"] == reference
