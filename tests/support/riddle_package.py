"""An OpenEnv environment package as people write them, laid out by ``openenv init``, built and installed by pip."""

import json
import subprocess
import sys
from pathlib import Path

FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=45", "wheel"]
build-backend = "setuptools.build_meta"

[project]
name = "openenv-riddles"
version = "1.2.0"
requires-python = ">=3.10"
dependencies = ["openenv>=0.2.2"]

[tool.setuptools]
include-package-data = true
packages = ["riddles", "riddles.server"]
package-dir = { "riddles" = ".", "riddles.server" = "server" }
package-data = { "riddles" = ["openenv.yaml"] }
""",
    "openenv.yaml": """\
spec_version: 1
name: riddles
version: 1.2.0
type: space
runtime: fastapi
app: server.app:app
port: 8000
""",
    "__init__.py": "from .models import RiddlesAction, RiddlesObservation\n",
    "models.py": """\
from openenv.core.env_server.types import Action, Observation


class RiddlesAction(Action):
    message: str


class RiddlesObservation(Observation):
    question: str = ""
    tries: int = 0
""",
    "server/__init__.py": "",
    "server/app.py": """\
from openenv.core.env_server.http_server import create_app

try:
    from ..models import RiddlesAction, RiddlesObservation
    from .riddles_environment import RiddlesEnvironment
except ImportError:
    from models import RiddlesAction, RiddlesObservation
    from server.riddles_environment import RiddlesEnvironment

app = create_app(
    RiddlesEnvironment, RiddlesAction, RiddlesObservation, env_name="riddles", max_concurrent_envs=4
)
""",
    "server/riddles_environment.py": """\
import os
import signal
from uuid import uuid4

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import State

try:
    from ..models import RiddlesObservation
except ImportError:
    from models import RiddlesObservation


class RiddlesEnvironment(Environment):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self):
        self._state = State(episode_id=str(uuid4()), step_count=0)

    def reset(self, seed=None, episode_id=None, question="", answer="", **kwargs):
        self._state = State(episode_id=episode_id or str(uuid4()), step_count=0)
        self._answer = answer
        return RiddlesObservation(question=question)

    def step(self, action):
        self._state.step_count += 1
        if action.message == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        right = action.message == self._answer
        return RiddlesObservation(tries=self._state.step_count, reward=float(right), done=right)

    @property
    def state(self):
        return State(**self._state.model_dump(), pid=os.getpid())
""",
}

ENVIRONMENT = """\
spec_version: hf-rl-env-0.1
environments:
  - id: riddles
    splits: [train, test]
    task:
      reset: {question: question, answer: answer}
      visible: [question]
    frameworks:
      openenv: {min_version: ">=0.10.0", package: "openenv-riddles>=1.2"}
"""


def install_riddles(folder: Path) -> Path:
    """Install the package from its project to a folder of its own, which is to be put on the path."""
    project = folder / "project"
    for name, text in FILES.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return install(project, folder / "installed")


def install(project: Path, target: Path) -> Path:
    """Install a project to a folder, without any index; returns the folder."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", str(target), str(project)], check=True)
    return target


def write_riddles(folder: Path, package: str = "openenv-riddles>=1.2") -> Path:
    """A taskset that is bound to a package: eight riddles to train with, four to test."""
    folder.mkdir()
    (folder / "environment.yaml").write_text(ENVIRONMENT.replace("openenv-riddles>=1.2", package))
    for split, count in (("train", 8), ("test", 4)):
        rows = [{"question": f"{split}: {n} + {n} = ?", "answer": str(2 * n)} for n in range(count)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
