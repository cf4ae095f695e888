"""``tasksets verify``: what is compared, and which answers were changed."""

import subprocess
import sys

import pytest
from loopback_hub import LoopbackHub

MAIN = "import sys; from openenv_tasksets.cli.app import main; sys.exit(main())"


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def command(server):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", MAIN, *map(str, arguments)],
            env=server.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_answers_that_were_changed_since_are_named_and_the_exit_code_says_so(server, command, taskset):
    pushed = command("push", taskset, "acme/sums", "--hidden-repo", "acme/answers")
    assert pushed.returncode == 0, pushed.stderr
    first = server.head("acme/sums")
    verified = command("verify", "acme/sums")
    assert (verified.returncode, verified.stdout) == (0, "")
    assert verified.stderr.endswith("40 tasks compared: 0 changed, 0 missing\n")

    rows = (taskset / "train.jsonl").read_text()
    (taskset / "train.jsonl").write_text(rows.replace('"answer": "14"', '"answer": "15"'))
    assert command("push", taskset, "acme/sums", "--hidden-repo", "acme/answers").returncode == 0
    verified = command("verify", f"acme/sums@{first}", "--hidden-revision", "main")
    assert (verified.returncode, verified.stdout) == (5, "changed: train sum-7\n")
    assert verified.stderr == "40 tasks compared: 1 changed, 0 missing\n"
