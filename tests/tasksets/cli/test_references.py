"""Subcommands take a reference to the Hub wherever they take a folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub

DECLARATION = b"""\
spec_version: hf-rl-env-0.1
environments:
  - id: sums
    task:
      reset: {prompt: question, answer: answer}
      visible: [prompt]
    frameworks:
      openenv: {package: openenv-tasksets, environment: answer, arguments: {checker: number}}
"""
ROWS = b"".join(json.dumps({"question": f"{i}+{i}?", "answer": str(2 * i)}).encode() + b"\n" for i in range(5))


def tasksets(hub: LoopbackHub, folder: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openenv_tasksets.cli", *arguments],
        env={**os.environ, **hub.environment(**changes), "COLUMNS": "100"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def words(hub: LoopbackHub) -> str:
    hub.create_repo("acme/words")
    return hub.commit("acme/words", {"environment.yaml": DECLARATION, "test.jsonl": ROWS})


def test_show_prints_tasks_of_a_reference_and_says_the_pin(hub: LoopbackHub, words: str, tmp_path: Path) -> None:
    done = tasksets(hub, tmp_path, "show", "acme/words", "--json")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["visible"]["prompt"] for line in done.stdout.splitlines()][:2] == ["0+0?", "1+1?"]
    assert f"acme/words@main is {words}; pin it: hf://datasets/acme/words/sums@{words}" in done.stderr


def test_validate_checks_a_reference_at_its_commit(hub: LoopbackHub, words: str, tmp_path: Path) -> None:
    done = tasksets(hub, tmp_path, "validate", f"hf://datasets/acme/words/sums@{words}")
    assert done.returncode == 0, done.stderr
    assert "sums, split test (test): 5 tasks" in done.stdout

    hub.commit("acme/words", {"environment.yaml": DECLARATION.replace(b"prompt: question", b"prompt: qestion")})
    done = tasksets(hub, tmp_path, "validate", "acme/words")
    assert done.returncode == 1
    assert "environment.yaml:5: environments[0].task.reset.prompt: no column 'qestion'" in done.stdout


def test_run_plays_a_reference(hub: LoopbackHub, words: str, tmp_path: Path) -> None:
    (tmp_path / "doubling.py").write_text(
        "def policy(observation):\n    return str(2 * int(observation['prompt'].split('+')[0]))\n"
    )
    done = tasksets(hub, tmp_path, "run", f"acme/words@{words}", "--policy", "doubling:policy", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["total"]["mean_reward"] == 1.0


def test_a_token_that_may_read_the_answers_plays_and_another_one_is_told(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_bytes(DECLARATION.replace(b"reset:", b"id: question\n      reset:"))
    (tmp_path / "test.jsonl").write_bytes(ROWS)
    (tmp_path / "doubling.py").write_text(
        "def policy(observation):\n    return str(2 * int(observation['prompt'].split('+')[0]))\n"
    )
    done = tasksets(hub, tmp_path, "push", ".", "acme/quiz", "--hidden-repo", "acme/answers")
    assert done.returncode == 0, done.stderr
    play = ("run", "acme/quiz", "--policy", "doubling:policy", "--json")
    done = tasksets(hub, tmp_path, *play)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["total"]["mean_reward"] == 1.0
    stranger = {"HF_TOKEN": hub.add_token("mallory"), "HF_HOME": str(tmp_path / "other")}
    done = tasksets(hub, tmp_path, "show", "acme/quiz", "--json", "--hidden", **stranger)
    assert [json.loads(line)["hidden"] for line in done.stdout.splitlines()] == [{}] * 5
    done = tasksets(hub, tmp_path, *play, **stranger)
    assert done.returncode == 1
    assert "this token may not read the hidden columns in acme/answers" in done.stderr


def test_init_drafts_a_taskset_over_a_dataset_of_somebody_else(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.create_repo("acme/plain")
    commit = hub.commit("acme/plain", {"train.jsonl": ROWS, "test.jsonl": ROWS})
    done = tasksets(hub, tmp_path, "init", "acme/plain")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "plain/environment.yaml").read_text()
    assert "repo_id: acme/plain" in text
    assert f"revision: {commit}" in text
    done = tasksets(hub, tmp_path, "validate", "plain")
    assert done.returncode == 0, done.stdout
    assert "plain, split train (train): 5 tasks" in done.stdout
