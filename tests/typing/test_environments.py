"""The environment contract, and a declaration's constructors, as a type checker sees them."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.mark.slow
def test_environments_and_constructors_have_the_types_that_they_should_have(tmp_path):
    # A type checker does not see the mapped folders of an editable install.
    package = tmp_path / "openenv_tasksets"
    shutil.copytree(ROOT / "tasksets", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "loaders", package / "loaders", ignore=shutil.ignore_patterns("__pycache__"))
    # OpenEnv is annotated but does not say so (py.typed): what it says of environments is checked as source.
    origin = Path(find_spec("openenv").submodule_search_locations[0])
    for folder in ("openenv", "openenv/core", "openenv/core/env_server"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    for module in ("interfaces", "types"):
        shutil.copy(origin / f"core/env_server/{module}.py", tmp_path / "openenv/core/env_server")
    for name in ("environments.py", "declarations.py"):
        shutil.copy(HERE / name, tmp_path)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--follow-imports=silent",
            "--cache-dir",
            tmp_path / "cache",
            "environments.py",
            "declarations.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_instance_can_be_asked_whether_it_is_an_environment():
    from openenv_tasksets.environment import Environment

    class Plain:
        state = None

        def reset(self):
            return {}

        def step(self, action):
            return {}

        def close(self):
            pass

    assert isinstance(Plain(), Environment)
    assert not isinstance(object(), Environment)
