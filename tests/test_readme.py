"""What the README shows is true: its declaration parses and its commands run (its Python runs as a doc example)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub

from openenv_tasksets.declaration_file import parse_declaration
from tasksets_examples.reasoning.build import build

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def commands(text: str) -> list[str]:
    lines = [line for block in blocks("bash", text) for line in block.splitlines()]
    return [line.split(" #")[0].strip() for line in lines if line.startswith("tasksets ")]


BEFORE_HUB, ON_HUB, AFTER_HUB = re.split(r"^## (?:On the Hub|Your own environment)$", README, flags=re.M)
COMMANDS = [line for line in commands(BEFORE_HUB + AFTER_HUB) if not line.startswith("tasksets serve")]


def test_the_declaration_parses() -> None:
    (block,) = blocks("yaml")
    declaration = parse_declaration(block.encode(), "README.md")
    assert [environment.id for environment in declaration.environments] == ["questions"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run(command: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    if ".demo" in command:
        build(tmp_path / ".demo", 200)
    done = subprocess.run(
        [sys.executable, "-m", "openenv_tasksets.cli", *command.split()[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_what_is_done_on_the_hub_can_be_done_in_that_order(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    assert [command.split()[1] for command in commands(ON_HUB)] == [
        "push", "push", "show", "lock", "diff", "push", "verify",
    ]  # fmt: skip
    for command in commands(ON_HUB):
        done = subprocess.run(
            [sys.executable, "-m", "openenv_tasksets.cli", *command.split()[1:]],
            cwd=tmp_path,
            env=hub.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert hub.snapshot()["datasets/acme/quiz-answers"]["private"]


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks("bash")))
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.M)
