"""The command as a whole: exit codes, what goes where, and a quick ``--help``."""

import errno
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from openenv_tasksets.cli.app import app, main

COMMAND = (sys.executable, "-m", "openenv_tasksets.cli")


def test_without_arguments_it_prints_its_help_and_exits_with_2(tasksets):
    result = tasksets()

    assert result.code == 2
    assert "Usage: tasksets [OPTIONS] COMMAND" in result.out + result.err


def test_help_documents_the_exit_codes(tasksets):
    result = tasksets("--help")

    assert result.code == 0
    assert result.err == ""
    for line in ("0  done", "1  an error in what was given", "2  a command line", "3  a bug", "130  interrupted"):
        assert line in result.out


def test_the_version_is_the_package_s(tasksets):
    assert tasksets("--version").out == f"tasksets {version('openenv-tasksets')}\n"


def test_an_error_of_the_taskset_is_its_message_on_stderr_and_exit_code_1(tasksets, tmp_path):
    result = tasksets("show", tmp_path / "missing")

    assert result.code == 1
    assert result.out == ""
    assert "missing" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shwo", "x"], "No such command 'shwo'"),
        (["show"], "Usage: tasksets show"),
        (["show", "x", "--limit", "many"], "Invalid value for '--limit'"),
        (["show", "x", "--limt", "2"], "No such option: --limt"),
        (["serve", "x", "--mode", "training"], "'training' is not one of"),
    ],
)
def test_a_command_line_that_cannot_be_understood_is_exit_code_2(tasksets, arguments, said):
    result = tasksets(*arguments)

    assert result.code == 2
    assert said in result.err + result.out


def test_a_bug_is_a_traceback_and_exit_code_3(tasksets, registered):
    @registered
    def broken() -> None:
        raise RuntimeError("the moon")

    result = tasksets("broken")

    assert result.code == 3
    assert 'raise RuntimeError("the moon")' in result.err
    assert "this is a bug in tasksets" in result.err


def test_an_interrupt_is_exit_code_130_without_a_traceback(tasksets, registered):
    @registered
    def long() -> None:
        raise KeyboardInterrupt

    result = tasksets("long")

    assert result.code == 130
    assert "Traceback" not in result.err


@pytest.fixture
def registered():
    """A decorator that adds a command for the time of a test."""
    before = list(app.registered_commands)
    yield lambda function: app.command()(function)
    app.registered_commands[:] = before


def test_a_reader_that_goes_away_ends_it_quietly(taskset):
    process = subprocess.Popen(
        [*COMMAND, "show", str(taskset), "--json", "--limit", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    _, talk = process.communicate(timeout=60)

    assert process.returncode == 1
    assert talk == ""


@pytest.mark.parametrize("words", [["schema"], ["--help"], ["show"]])
def test_a_full_disk_is_said_in_a_line_and_no_bug(taskset, words):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no device that is always full")
    words = [*words, str(taskset)] if words == ["show"] else words
    with full.open("w") as stdout:
        done = subprocess.run([*COMMAND, *words], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"output cannot be written: {os.strerror(errno.ENOSPC)}"
    assert "Traceback" not in done.stderr


def test_without_a_stdout_it_does_its_work(tmp_path, taskset):
    done = closed("1", "init", str(taskset), "--output", str(tmp_path / "draft.yaml"))

    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert (tmp_path / "draft.yaml").exists()


def test_without_a_stderr_what_is_said_does_not_go_among_the_data(tmp_path):
    done = closed("2", "show", str(tmp_path / "missing"))

    assert (done.returncode, done.stdout) == (1, "")


def closed(descriptor: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command, started by a shell that closes one of its descriptors."""
    shell = ["sh", "-c", f'exec "$@" {descriptor}>&-', "sh", *COMMAND, *words]
    return subprocess.run(shell, capture_output=True, text=True, timeout=60)


def test_help_needs_no_heavy_import():
    code = (
        "import sys\n"
        "from openenv_tasksets.cli.app import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'fastapi', 'numpy', 'openenv', 'pyarrow', 'pydantic', 'rich', 'uvicorn', 'websockets', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stderr.strip() == "[]"


def test_the_module_can_be_run_where_the_script_is_not_on_the_path(taskset):
    environment = {**os.environ, "COLUMNS": "60", "NO_COLOR": "1"}
    done = subprocess.run([*COMMAND, "show", str(taskset)], capture_output=True, text=True, timeout=60, env=environment)

    assert done.returncode == 0
    assert "sum-19" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 60


def test_main_takes_the_process_s_own_arguments(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tasksets", "--version"])

    assert main() == 0
    assert capsys.readouterr().out.startswith("tasksets ")
