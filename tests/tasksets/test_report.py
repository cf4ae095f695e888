"""Records and their file, and the summary."""

import io
import json
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.report import EpisodeFailure, EpisodeRecord, RecordFile, Summary

OK = EpisodeRecord("t-0", "test", 0, 0, "e-0", "ok", 1.0, 1.0, 1, 0.25, "easy", "sums", done=True)
WRITTEN = replace(OK, taskset="sums/test")


def failed(status: Any, **changes: Any) -> EpisodeRecord:
    return replace(OK, status=status, reward=None, done=False, error=EpisodeFailure("Oops", "it broke"), **changes)


def test_a_record_is_a_line_of_json_with_every_field() -> None:
    line = OK.to_json()
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "task_id": "t-0",
        "split": "test",
        "index": 0,
        "repeat": 0,
        "episode_id": "e-0",
        "status": "ok",
        "reward": 1.0,
        "last_reward": 1.0,
        "steps": 1,
        "seconds": 0.25,
        "difficulty": "easy",
        "group": "sums",
        "done": True,
        "truncated_by": None,
        "error": None,
        "taskset": None,
    }
    assert json.loads(failed("policy_error").to_json())["error"] == {"type": "Oops", "message": "it broke"}


def test_a_record_is_in_the_file_as_soon_as_it_is_written(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "out.jsonl", "sums/test")
    file.write(OK)
    assert (tmp_path / "out.jsonl").read_bytes() == WRITTEN.to_json()
    file.close()


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("precious")
    with pytest.raises(TasksetError, match=r"out.jsonl exists; continue it with --resume, or name another file"):
        RecordFile(path, "sums/test")
    assert path.read_text() == "precious"


def test_a_file_is_resumed_behind_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    error = failed("environment_error", task_id="t-1", taskset="sums/test")
    path.write_bytes(WRITTEN.to_json() + error.to_json() + b'{"task_id":"' + b"t" * 500)
    file = RecordFile(path, "sums/test", resume=True)
    assert file.found == (WRITTEN, error)
    added = replace(WRITTEN, task_id="t-2")
    file.write(added)
    file.close()
    assert path.read_bytes() == WRITTEN.to_json() + error.to_json() + added.to_json()


def test_there_need_be_nothing_to_resume(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "new.jsonl", "sums/test", resume=True)
    assert file.found == ()
    file.close()


def test_a_new_file_without_a_record_is_removed_and_one_that_was_there_is_not(tmp_path: Path) -> None:
    new, old = tmp_path / "new.jsonl", tmp_path / "old.jsonl"
    old.touch()
    for path in (new, old):
        RecordFile(path, "sums/test", resume=True).close()
    assert (new.exists(), old.exists()) == (False, True)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (replace(OK, taskset="sums/train"), "the record is of sums/train, this run of sums/test; name another file"),
        (OK, "the record does not say which taskset was played, so it cannot be resumed; name another file and play"),
    ],
)
def test_records_of_another_taskset_or_of_none_are_not_resumed(
    tmp_path: Path, record: EpisodeRecord, told: str
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(WRITTEN.to_json() + record.to_json())
    with pytest.raises(TasksetError, match=told) as caught:
        RecordFile(path, "sums/test", resume=True)
    assert f"{path}:2" in str(caught.value)
    assert path.read_bytes() == WRITTEN.to_json() + record.to_json()


@pytest.mark.parametrize("name", ["missing/out.jsonl", "."])
def test_a_file_that_cannot_be_opened_is_an_error_in_a_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(TasksetError, match=r": cannot be written: (No such file|Is a) "):
        RecordFile(tmp_path / name, "sums/test", resume=True)


def test_a_record_that_the_disk_does_not_take_is_an_error_in_a_line(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "out.jsonl", "sums/test")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(TasksetError, match=r"out.jsonl: cannot be written: File too large"):
            file.write(OK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        file.close()


@pytest.mark.parametrize("line", [b"not json\n", b'{"task_id": 1}\n', b"[]\n", b"\xff\n"])
def test_a_file_of_something_else_is_not_resumed(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(OK.to_json() + line)
    with pytest.raises(TasksetError, match=r"other.jsonl:2: not a record of an episode, so it cannot be resumed"):
        RecordFile(path, "sums/test", resume=True)
    assert path.read_bytes() == OK.to_json() + line


def test_errors_are_counted_apart_from_zeros() -> None:
    summary = Summary(success_threshold=0.5)
    for record in (
        OK,
        replace(OK, reward=0.0),
        replace(OK, status="truncated", reward=0.5),
        replace(OK, status="truncated", reward=None),
        failed("environment_error"),
        failed("policy_error"),
        failed("policy_error"),
        failed("time_exceeded"),
    ):
        summary.add(record)
    assert summary.total.as_dict() == {
        "episodes": 8,
        "scored": 4,
        "successes": 2,
        "truncated": 2,
        "environment_errors": 1,
        "policy_errors": 2,
        "time_exceeded": 1,
        "mean_reward": 0.375,
        "success_rate": 0.5,
    }
    assert summary.failures == 4


def test_distinct_errors_are_told_with_counts_and_the_rest_is_counted() -> None:
    summary = Summary()
    for number in (0, 1, 0, 2, 3, 4, 5, 6, 0):
        error = EpisodeFailure("RowError", f"row {number}")
        summary.add(replace(OK, status="environment_error", error=error))
    summary.add(OK)
    assert list(summary.error_lines()) == [
        "3 x RowError: row 0",
        *(f"1 x RowError: row {number}" for number in (1, 2, 3, 4)),
        "and 2 more with other errors",
    ]
    assert list(Summary().error_lines()) == []


def test_nothing_but_errors_has_no_mean() -> None:
    summary = Summary()
    summary.add(failed("policy_error"))
    assert summary.total.mean_reward is None
    assert summary.total.success_rate is None
    assert "policy" in printed(summary)


def test_a_breakdown_is_in_the_order_of_difficulty() -> None:
    summary = Summary()
    for label in ("hard", None, "weird", "easy", "medium", 10, 9.5):
        summary.add(replace(OK, difficulty=label))
    assert list(summary.as_dict()["by_difficulty"]) == ["9.5", "10", "easy", "medium", "hard", "weird", "null"]
    assert list(summary.as_dict()["by_group"]) == ["sums"]


def printed(summary: Summary, width: int = 80) -> str:
    out = io.StringIO()
    summary.print(Console(file=out, width=width))
    return out.getvalue()


def test_the_table_has_a_row_for_each_label_and_one_for_all() -> None:
    summary = Summary()
    summary.add(OK)
    summary.add(replace(OK, reward=0.0, group="knights_knaves"))
    rows = {line.split()[0]: line.split()[1:] for line in printed(summary).splitlines() if line.split()}
    assert rows["knights_knaves"] == ["1", "0.000", "0.0%", "0", "0", "0", "0"]
    assert rows["easy"] == rows["all"] == ["2", "0.500", "50.0%", "0", "0", "0", "0"]
    assert "success: reward >= 1;" in printed(summary)


def test_a_breakdown_without_labels_is_left_out() -> None:
    summary = Summary()
    summary.add(replace(OK, difficulty=None, group=None))
    assert "by" not in printed(summary).split()
