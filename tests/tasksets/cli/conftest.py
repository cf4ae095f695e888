"""The command, called in process; and folders of rows in the shapes that datasets have."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openenv_tasksets.cli.app import main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Tasksets = Callable[..., Result]
Folder = Callable[..., Path]


@pytest.fixture
def tasksets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tasksets:
    """``tasksets("show", path)``: exit code, stdout and stderr of the command, 100 columns wide."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> Result:
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """``folder(train=[...], test=[...])``: a new folder with a JSONL file for each split."""

    def make(name: str = "word-problems", **splits: Sequence[dict[str, Any]]) -> Path:
        root = tmp_path / name
        root.mkdir()
        for split, rows in splits.items():
            (root / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return root

    return make


@pytest.fixture
def taskset(folder: Folder) -> Path:
    """A folder with environment.yaml and three splits' worth of small sums."""
    rows = [
        {
            "key": f"sum-{n}",
            "question": f"What is {n} + {n}?",
            "answer": str(2 * n),
            "level": n % 5,
            "topic": ["sums", "doubles"][n % 2],
            "notes": "never bound",
        }
        for n in range(40)
    ]
    root = folder("sums", train=rows[:30], test=rows[30:])
    (root / "environment.yaml").write_text(ENVIRONMENT)
    return root


@pytest.fixture
def edited(taskset: Path) -> Callable[..., Path]:
    """``edited((old, new), ...)``: the taskset with its environment.yaml changed."""

    def edit(*changes: tuple[str, str]) -> Path:
        file = taskset / "environment.yaml"
        text = file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file.write_text(text)
        return taskset

    return edit


ENVIRONMENT = """\
spec_version: hf-rl-env-0.1
environments:
  - id: sums
    splits: [train, test]
    task:
      id: key
      reset: {prompt: question, answer: answer}
      visible: [prompt]
      public: [topic, level]
      gold: {answer: answer}
    frameworks:
      openenv:
        min_version: ">=0.10.0"
        package: openenv-tasksets
        environment: answer
        arguments: {checker: number}
"""
