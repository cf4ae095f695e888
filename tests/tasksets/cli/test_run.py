"""``tasksets run``: played in process and against a server, and where everything goes."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openenv_tasksets.report import EpisodeRecord, RecordFile

COMMAND = (sys.executable, "-m", "openenv_tasksets.cli", "run")
POLICY = """
import pathlib, re, time

def right(seen):
    return str(2 * int(re.search("[0-9]+", seen["prompt"])[0]))

async def sometimes(seen):
    number = int(re.search("[0-9]+", seen["prompt"])[0])
    if number % 5 == 4:
        raise ValueError("no idea")
    return {"answer": str(2 * number if number % 5 else 0)}

def held_up(seen):
    answer = right(seen)
    while int(answer) >= 20 and pathlib.Path("hold").exists():
        time.sleep(0.01)
    return answer

def late(seen):
    time.sleep(1.1)
    return right(seen)

def nonsense(seen):
    return 7
"""


@pytest.fixture(autouse=True)
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a module of policies."""
    (tmp_path / "sums_policy.py").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("sums_policy", None)


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_split_is_played_in_order_and_summed_up_on_stdout(tasksets: Any, taskset: Path) -> None:
    result = tasksets("run", taskset, "--split", "test", "--policy", "sums_policy:right", "--json")
    assert (result.code, result.err) == (0, "")
    summary = json.loads(result.out)
    assert summary["total"]["episodes"] == summary["total"]["successes"] == 10
    assert summary["success_threshold"] == 1.0


def test_errors_are_in_the_records_and_in_the_exit_code(tasksets: Any, taskset: Path) -> None:
    result = tasksets("run", taskset, "--policy", "sums_policy:sometimes", "--limit", 5, "-o", "-")
    assert result.code == 4
    played = records(result.out)
    assert [(each["task_id"], each["status"], each["reward"]) for each in played] == [
        ("sum-0", "ok", 1.0),
        ("sum-1", "ok", 1.0),
        ("sum-2", "ok", 1.0),
        ("sum-3", "ok", 1.0),
        ("sum-4", "policy_error", None),
    ]
    assert "the policy raised ValueError: no idea (sums_policy.py, line 10)" in played[4]["error"]["message"]
    assert "success: reward >= 1;" in result.err


def test_nonsense_is_a_policy_error(tasksets: Any, taskset: Path) -> None:
    result = tasksets("run", taskset, "--policy", "sums_policy:nonsense", "--limit", 1, "-o", "-")
    assert result.code == 4
    assert records(result.out)[0]["error"]["message"] == "the policy returned int; an action is a mapping or text"


def indices(result: Any) -> list[int]:
    assert result.code == 0, result.err
    return [each["index"] for each in records(result.out)]


def test_tasks_are_picked_by_offset_limit_and_condition(tasksets: Any, taskset: Path) -> None:
    run = ("run", taskset, "--policy", "sums_policy:right", "-o", "-")
    assert indices(tasksets(*run, "--offset", 3, "--limit", 4)) == [3, 4, 5, 6]
    assert indices(tasksets(*run, "--where", "topic=doubles", "--where", "level>=3", "--limit", 3)) == [3, 9, 13]
    assert indices(tasksets(*run, "--offset", 28)) == [28, 29]


def test_a_shuffle_is_determined_by_its_seed(tasksets: Any, taskset: Path) -> None:
    run = ("run", taskset, "--policy", "sums_policy:right", "-o", "-")
    first, again, other = (indices(tasksets(*run, "--shuffle", seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(first) == list(range(30))
    assert indices(tasksets(*run, "--shuffle", 1, "--offset", 2, "--limit", 5)) == first[2:7]


def test_tasks_are_repeated_and_episodes_run_at_once(tasksets: Any, taskset: Path) -> None:
    result = tasksets(
        "run", taskset, "--policy", "sums_policy:right", "--repeat", 3, "--limit", 4, "--concurrency", 3, "-o", "-"
    )
    played = [(each["task_id"], each["repeat"]) for each in records(result.out)]
    assert sorted(played) == [(f"sum-{n}", repeat) for n in range(4) for repeat in range(3)]
    assert len({each["episode_id"] for each in records(result.out)}) == 12


def test_the_summary_is_by_difficulty_and_group(tasksets: Any, taskset: Path) -> None:
    file = taskset / "environment.yaml"
    file.write_text(file.read_text().replace("public: [topic, level]", "difficulty: level\n      group: topic"))
    result = tasksets("run", taskset, "--split", "test", "--policy", "sums_policy:right", "--json")
    summary = json.loads(result.out)
    assert {name: each["episodes"] for name, each in summary["by_difficulty"].items()} == dict.fromkeys("01234", 2)
    assert set(summary["by_group"]) == {"sums", "doubles"}


def test_a_file_is_written_and_continued(tasksets: Any, taskset: Path, current_folder: Path) -> None:
    run = ("run", taskset, "--split", "test", "--policy", "sums_policy:right", "--output", "out.jsonl")
    assert tasksets(*run, "--limit", 4).code == 0
    refused = tasksets(*run)
    assert (refused.code, refused.out) == (1, "")
    assert "out.jsonl exists; continue it with --resume" in refused.err
    with (current_folder / "out.jsonl").open("a") as file:
        file.write('{"task_id":"sum-34","spl')
    result = tasksets(*run, "--resume", "--json")
    assert json.loads(result.out)["total"]["episodes"] == 10
    played = records((current_folder / "out.jsonl").read_text())
    assert [each["index"] for each in played] == list(range(10))


def test_a_resumed_error_still_is_in_the_exit_code(tasksets: Any, taskset: Path) -> None:
    run = ("run", taskset, "--policy", "sums_policy:sometimes", "-o", "out.jsonl", "--limit", 5)
    assert tasksets(*run).code == 4
    assert tasksets(*run, "--resume").code == 4


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ((), 2, "give one of the two"),
        (("--policy", "a:b", "--endpoint", "http://127.0.0.1:1"), 2, "give one of the two"),
        (("--endpoint", "http://127.0.0.1:1"), 2, "--endpoint needs it"),
        (("--endpoint", "foo", "--model", "m"), 2, "'foo' is not a URL such as http://127.0.0.1:8000/v1"),
        (("--endpoint", "ftp://localhost/v1", "--model", "m"), 2, "is not a URL such as"),
        (("--endpoint", "http:///v1", "--model", "m"), 2, "is not a URL such as"),
        (("--endpoint", "http://localhost:port/v1", "--model", "m"), 2, "is not a URL such as"),
        (("--policy", "sums_policy:right", "-o", "/nowhere/x"), 1, "/nowhere/x: cannot be written: No such file or"),
        (("--policy", "a:b", "--resume"), 2, "it continues a file; name it with --output"),
        (("--policy", "a:b", "--resume", "-o", "-"), 2, "it continues a file"),
        (("--policy", "sums_policy"), 1, "a policy is named as module:function"),
        (("--policy", "no_such_policy:act"), 1, "there is no module 'no_such_policy'"),
        (("--policy", "sums_policy:rigth"), 1, "'sums_policy' has no 'rigth'; did you mean 'right'"),
        (("--policy", "sums_policy:right", "--offset", 30), 1, "of 30 tasks, --offset 30 leaves none"),
        (("--policy", "sums_policy:right", "--split", "tset"), 1, "no split 'tset'; did you mean 'test'"),
        (("--policy", "sums_policy:right", "--limit", 0), 2, "greater than or equal to 1"),
        (
            ("--endpoint", "http://127.0.0.1:1", "--model", "m", "--api-key-env", "NO_SUCH_KEY"),
            2,
            "NO_SUCH_KEY is not set",
        ),
    ],
)
def test_a_command_line_that_makes_no_sense(
    tasksets: Any, taskset: Path, current_folder: Path, options: tuple[Any, ...], code: int, told: str
) -> None:
    result = tasksets("run", taskset, *options)
    assert (result.code, result.out) == (code, "")
    assert told in " ".join(result.err.replace("│", " ").split())
    assert not (current_folder / "out.jsonl").exists()


def test_an_environment_that_executes_rows_needs_the_users_word(tasksets: Any, taskset: Path) -> None:
    file = taskset / "environment.yaml"
    file.write_text(file.read_text().replace("arguments:", "secrets: [SOME_KEY]\n        arguments:"))
    refused = tasksets("run", taskset, "--policy", "sums_policy:right")
    assert (refused.code, refused.out) == (1, "")
    assert "wants the secret SOME_KEY: allow it with --allow-secret SOME_KEY" in refused.err


def test_why_episodes_failed_is_said_with_counts_and_without_an_output(tasksets: Any, taskset: Path) -> None:
    result = tasksets("run", taskset, "--policy", "sums_policy:sometimes", "--json")
    assert result.code == 4
    assert result.err == "6 x PolicyError: the policy raised ValueError: no idea (sums_policy.py, line 10)\n"


def test_a_wrong_constructor_argument_is_said_before_anything_is_played(
    tasksets: Any, taskset: Path, current_folder: Path
) -> None:
    file = taskset / "environment.yaml"
    file.write_text(file.read_text().replace("checker: number", "chekcer: number"))
    result = tasksets("run", taskset, "--policy", "sums_policy:right", "-o", "out.jsonl")
    assert (result.code, result.out) == (1, "")
    assert "environment 'Answer' could not be made: TypeError: " in result.err
    assert "unexpected keyword argument 'chekcer'" in result.err
    assert not (current_folder / "out.jsonl").exists()


def test_an_empty_split_is_said_to_be_empty(tasksets: Any, taskset: Path) -> None:
    (taskset / "test.jsonl").write_text("")
    result = tasksets("run", taskset, "--policy", "sums_policy:right", "--split", "test")
    assert (result.code, result.out) == (1, "")
    assert result.err == "there is no task to play: the split is empty, or no task passes --where\n"


def test_another_taskset_or_split_is_not_mixed_into_a_file(tasksets: Any, taskset: Path, current_folder: Path) -> None:
    run = ("run", taskset, "--policy", "sums_policy:right", "-o", "out.jsonl", "--limit", 2)
    assert tasksets(*run).code == 0
    before = (current_folder / "out.jsonl").read_text()
    (written,) = {each["taskset"] for each in records(before)}
    assert written.startswith("sums/train@")
    refused = tasksets(*run, "--resume", "--split", "test")
    assert (refused.code, refused.out) == (1, "")
    assert f"the record is of {written}, this run of sums/test@" in refused.err
    rows = taskset / "train.jsonl"
    rows.write_text(rows.read_text().replace("What is 0 + 0?", "What is 00 + 0?"))
    refused = tasksets(*run, "--resume")
    assert refused.code == 1
    assert f"the record is of {written}, this run of sums/train@" in refused.err
    assert (current_folder / "out.jsonl").read_text() == before


def test_rows_with_the_same_id_are_all_played_when_a_run_is_continued(
    tasksets: Any, taskset: Path, current_folder: Path
) -> None:
    rows = taskset / "train.jsonl"
    rows.write_text(rows.read_text().replace('"sum-3"', '"sum-0"'))
    run = ("run", taskset, "--policy", "sums_policy:right", "-o", "out.jsonl")
    assert tasksets(*run, "--limit", 2).code == 0
    assert tasksets(*run, "--limit", 5, "--resume").code == 0
    assert [each["index"] for each in records((current_folder / "out.jsonl").read_text())] == [0, 1, 2, 3, 4]


@pytest.fixture
def url(taskset: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "openenv_tasksets.cli", "serve", str(taskset), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        yield process.stdout.readline().strip()
    process.terminate()
    assert process.wait(60) == 0


def test_a_server_plays_the_same(tasksets: Any, taskset: Path, url: str) -> None:
    def played(target: object, *options: object) -> list[tuple[Any, ...]]:
        result = tasksets("run", target, "--policy", "sums_policy:sometimes", "-o", "-", "--concurrency", 3, *options)
        assert result.code == 4
        return sorted(
            (each["index"], each["task_id"], each["split"], each["status"], each["reward"])
            for each in records(result.out)
        )

    assert played(url) == played(f"{url}/sums") == played(taskset)
    assert len(played(url, "--environment", "sums", "--split", "test", "--offset", 2, "--limit", 5)) == 5
    for option in ("--where", "--data-dir", "--allow-execution", "--allow-secret"):
        refused = tasksets("run", url, "--policy", "sums_policy:right", option, "x=1")
        assert refused.code == 2
        assert "give it to 'tasksets serve'" in " ".join(refused.err.replace("│", " ").split())


def test_no_server_is_an_error_in_a_line(tasksets: Any) -> None:
    result = tasksets("run", "http://127.0.0.1:1", "--policy", "sums_policy:right")
    assert (result.code, result.out) == (1, "")
    assert "no answer from http://127.0.0.1:1/list_environments" in result.err


def test_an_endpoint_that_is_not_there_is_a_policy_error(
    tasksets: Any, taskset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "k-secret")
    result = tasksets(
        "run", taskset, "--limit", 1, "-o", "-", "--endpoint", "http://127.0.0.1:1/v1", "--model", "small",
        "--api-key-env", "SOME_KEY", "--timeout", 5, "--tries", 1,
    )  # fmt: skip
    assert result.code == 4
    (record,) = records(result.out)
    assert record["status"] == "policy_error"
    assert "http://127.0.0.1:1/v1: no answer: " in record["error"]["message"]
    assert "k-secret" not in result.out + result.err


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_a_run_of_some_seconds_shows_its_progress_on_a_terminal_and_nowhere_else(taskset: Path) -> None:
    run = [*COMMAND, str(taskset), "--policy", "sums_policy:late", "--limit", "2"]
    leader, terminal = pty.openpty()
    try:
        termios.tcsetwinsize(terminal, (24, 80))
        subprocess.run(run, stdout=subprocess.DEVNULL, stderr=terminal, timeout=60, check=True)
        assert b" 1/2 [" in os.read(leader, 2**16)
    finally:
        os.close(leader)
        os.close(terminal)
    assert subprocess.run(run, capture_output=True, timeout=60, check=True).stderr == b""


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_interrupted_run_keeps_what_is_finished_and_can_be_resumed(
    tasksets: Any, taskset: Path, current_folder: Path
) -> None:
    out, hold = current_folder / "out.jsonl", current_folder / "hold"
    hold.touch()
    run = (taskset, "--policy", "sums_policy:held_up", "--concurrency", 4, "-o", out)
    process = started(*run)
    wait_for(lambda: out.exists() and out.read_bytes().count(b"\n") >= 10)
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "success: reward >= 1;" in told
    file = RecordFile(out, records(out.read_text())[0]["taskset"], resume=True)
    finished: tuple[EpisodeRecord, ...] = file.found
    file.close()
    assert sorted(each.index for each in finished) == list(range(10))
    hold.unlink()
    assert tasksets("run", *run, "--resume").code == 0
    again = records(out.read_text())
    assert sorted(each["index"] for each in again) == list(range(30))
    assert [each["episode_id"] for each in again[: len(finished)]] == [each.episode_id for each in finished]
