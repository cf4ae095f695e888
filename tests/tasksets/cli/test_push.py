"""``tasksets push``: the plan, the commit, and what is said of them; in a process of its own, against a Hub."""

import fcntl
import json
import os
import pty
import random
import struct
import subprocess
import sys
import termios
from importlib.metadata import version

import pytest
from loopback_hub import LoopbackHub

MAIN = "import sys; from openenv_tasksets.cli.app import main; sys.exit(main())"


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def push(server):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", MAIN, "push", *map(str, arguments)],
            env=server.environment(COLUMNS="100"),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_folder_is_planned_pushed_and_then_there(server, push, taskset):
    planned = push(taskset, "acme/sums", "--dry-run")
    assert (planned.returncode, planned.stderr) == (0, "a dry run: nothing was uploaded\n")
    lines = planned.stdout.splitlines()
    assert [line.rpartition(" (")[0] for line in lines] == [
        "+ README.md",
        "+ data/test-00000-of-00001.parquet",
        "+ data/train-00000-of-00001.parquet",
        "+ environment.yaml",
    ]
    assert server.snapshot() == {}

    pushed = push(taskset, "acme/sums", "--private", "--tag", "v1", "--message", "First")
    head = server.head("acme/sums")
    assert (pushed.returncode, pushed.stdout) == (0, planned.stdout)
    assert pushed.stderr == f"pushed: {server.endpoint}/datasets/acme/sums/commit/{head}\n"
    assert server.snapshot()["datasets/acme/sums"]["private"] is True
    assert server.head("acme/sums", "v1") == head

    again = push(taskset, "acme/sums", "--json")
    assert again.returncode == 0
    result = json.loads(again.stdout)
    assert (result["changed"], result["commit_hash"]) == (False, head)
    assert {file["action"] for file in result["files"]} == {"same"}


def test_what_goes_and_what_changes_have_signs_of_their_own(server, push, taskset):
    push(taskset, "acme/sums")
    server.commit("acme/sums", {"data/train-00001-of-00002.parquet": b"old"})
    (taskset / "test.jsonl").write_text((taskset / "test.jsonl").read_text() * 2)
    result = push(taskset, "acme/sums", "--revision", "dev", "--create-pr")
    assert result.returncode == 0, result.stderr
    assert [line.partition(" (")[0] for line in result.stdout.splitlines()] == [
        "~ README.md",
        "~ data/test-00000-of-00001.parquet",
        "= data/train-00000-of-00001.parquet",
        "- data/train-00001-of-00002.parquet",
        "= environment.yaml",
    ]
    assert result.stderr == f"pushed: {server.endpoint}/datasets/acme/sums/discussions/1\n"


def test_what_looks_like_a_secret_is_an_error_and_not_printed(server, push, taskset):
    secret = "hf_" + "a1B2" * 9
    (taskset / "environment.yaml").write_text((taskset / "environment.yaml").read_text() + f"# {secret}\n")
    result = push(taskset, "acme/sums")
    assert result.returncode == 1
    assert "environment.yaml, line 17: a Hugging Face token" in result.stderr
    assert secret not in result.stdout + result.stderr
    assert push(taskset, "acme/sums", "--allow-secrets").returncode == 0


def test_one_environment_of_several_can_be_pushed_alone(server, push, taskset):
    text = (taskset / "environment.yaml").read_text()
    second = text.partition("environments:\n")[2].replace("id: sums", "id: more\n    config_name: more")
    (taskset / "environment.yaml").write_text(text + second)
    result = push(taskset, "acme/sums", "--environment", "sums")
    assert result.returncode == 0
    assert "environment 'more' has no rows there yet; push it too" in result.stderr


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY)); "


def test_a_disk_that_is_full_is_an_error_and_no_bug(server, taskset):
    rows = [{"key": str(n), "question": random.randbytes(500).hex(), "answer": "1"} for n in range(300)]
    (taskset / "train.jsonl").write_text("".join(json.dumps({**row, "topic": "", "level": 1}) + "\n" for row in rows))
    result = subprocess.run(
        [sys.executable, "-c", FULL + MAIN, "push", taskset, "acme/sums"],
        env=server.environment(TMPDIR=str(taskset.parent)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    assert f"split 'train': its files cannot be written to {taskset.parent}: " in result.stderr
    assert server.snapshot() == {}
    assert not list(taskset.parent.glob("openenv-tasksets-push-*"))


def test_uploads_have_progress_bars_on_a_terminal_with_the_names_of_the_files(server, taskset):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "push", taskset, "acme/sums"],
        env=server.environment(),
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        # Where the other end of a terminal is closed, reading is an error.
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:
            pass
        os.close(ours)
    assert process.returncode == 0
    assert b"train-00000-of-00001.parquet: 100%|" in shown


def test_a_space_is_pushed_from_a_taskset_on_the_hub(server, push, taskset, tmp_path):
    wheel = tmp_path / f"openenv_tasksets-{version('openenv-tasksets')}-py3-none-any.whl"
    wheel.touch()
    assert push(taskset, "acme/sums").returncode == 0
    first = push("acme/sums", "acme/sums-space", "--space", "--wheel", wheel)
    assert first.returncode == 0, first.stderr
    assert first.stderr.endswith(f"pushed: {server.endpoint}/spaces/acme/sums-space\n")
    head = server.head("acme/sums")
    command = server.files("acme/sums-space", repo_type="space")["Dockerfile"].decode()
    assert f"hf://datasets/acme/sums/sums@{head}" in command

    again = push("acme/sums", "acme/sums-space", "--space", "--wheel", wheel, "--json")
    assert json.loads(again.stdout)["changed"] is False


def test_rows_in_a_folder_make_no_public_space(push, taskset, tmp_path):
    wheel = tmp_path / f"openenv_tasksets-{version('openenv-tasksets')}-py3-none-any.whl"
    wheel.touch()
    result = push(taskset, "acme/sums-space", "--space", "--wheel", wheel)
    assert result.returncode == 1
    assert "would know the answers" in result.stderr


def test_what_does_not_go_with_a_space_is_named(push, taskset):
    result = push(taskset, "acme/sums-space", "--space", "--tag", "v1", "--dry-run")
    assert result.returncode == 2
    assert "--tag, --dry-run does not go with it" in result.stderr
