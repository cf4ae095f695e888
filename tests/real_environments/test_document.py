"""docs/environments.md says what was played in which version: those that are installed here."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

DOCUMENT = (Path(__file__).parents[2] / "docs" / "environments.md").read_text()
PLAYED = re.findall(r"^\| `([a-z-]+)` \| ([0-9.]+) \|", DOCUMENT, re.MULTILINE)


def test_there_are_at_least_six():
    assert len(dict(PLAYED)) >= 6


@pytest.mark.parametrize(("distribution", "documented"), PLAYED)
def test_the_version_is_the_one_that_is_played(distribution, documented):
    assert version(distribution) == documented


def test_openenvs_version_is_named():
    assert f"OpenEnv {version('openenv')}" in DOCUMENT
