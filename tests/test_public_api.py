"""The public API is a short list."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import openenv_tasksets

ROOT = Path(__file__).parent.parent


def test_the_exported_names_are_those_listed_sorted_and_few() -> None:
    listed = openenv_tasksets.__all__
    assert listed == sorted(listed)
    assert len(listed) <= 20
    missing = [name for name in listed if getattr(openenv_tasksets, name, None) is None]
    assert missing == []


def test_importing_the_library_loads_no_heavy_package() -> None:
    heavy = "fastapi openenv datasets uvicorn starlette typer rich huggingface_hub pyarrow numpy pydantic"
    script = (
        "import sys, openenv_tasksets; openenv_tasksets.Taskset; openenv_tasksets.Declaration;"
        f"print([name for name in {heavy!r}.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", ["tasksets", "loaders", "server"])
def test_a_folder_imported_by_its_own_name_is_refused_with_the_right_name(folder: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1
    assert f"not as '{folder}'" in done.stderr
    assert "write 'import openenv_tasksets" in done.stderr


def test_the_changelog_has_the_version() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0] == importlib.metadata.version("openenv-tasksets")
