"""The files of an exported project that are text: each from what is known of the taskset, none read from it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from openenv_tasksets.card_text import TAGS
from openenv_tasksets.declaration import EnvironmentDeclaration, RewardDeclaration
from openenv_tasksets.pinned_requirements import WHEELS

PORT = 8000
"""The port that OpenEnv's providers and Spaces expect."""

_ADDRESS = "0.0.0.0"  # noqa: S104 - inside the container, whose owner publishes the port
_LONGEST_EPISODE_S = 3600.0
_MEMORY_MB = 1024
_DISK_MB = 1024


@dataclass(frozen=True, slots=True)
class Exported:
    """What is exported.

    Attributes:
        environment: The one that is served.
        target: What to serve: a reference at its commit, or a folder of the project.
        dataset: The repository that the rows come from, as ``namespace/name``; None where the project holds them.
        commit_hash: Its commit; None where the project holds the rows.
        counts: Tasks of each split.
        executes_rows: Whether it runs code from the rows, to which the user has agreed.
        python: Version of Python that the requirements were pinned for, as in ``3.12``.
    """

    environment: EnvironmentDeclaration
    target: str
    dataset: str | None
    commit_hash: str | None
    counts: Mapping[str, int]
    executes_rows: bool
    python: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the environment variables that it needs."""
        runtime = self.environment.frameworks.openenv
        return () if runtime is None else tuple(runtime.secrets)


def command(exported: Exported) -> list[str]:
    """What the container runs, in the project's folder."""
    words = ["tasksets", "serve", exported.target, "--environment", exported.environment.id]
    words += ["--host", _ADDRESS, "--port", str(PORT), "--allow-remote"]
    if exported.executes_rows:
        words += ["--allow-execution", exported.environment.id]
    for name in exported.secrets:
        words += ["--allow-secret", name]
    return words


def dockerfile(exported: Exported, wheels: Sequence[str]) -> str:
    """A container that runs as user 1000, which is the one that Spaces have."""
    copied = f"COPY --chown=user {WHEELS} ./{WHEELS}\n" if wheels else ""
    health = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{PORT}/health', timeout=3)"
    return f"""\
FROM python:{exported.python}-slim

RUN useradd --create-home --uid 1000 user
USER user
ENV PATH=/home/user/.local/bin:$PATH
WORKDIR /home/user/app

COPY --chown=user requirements.txt ./
{copied}RUN pip install --no-cache-dir --user -r requirements.txt
COPY --chown=user . .

EXPOSE {PORT}
HEALTHCHECK --start-period=60s CMD {json.dumps(["python", "-c", health])}
CMD {json.dumps(command(exported))}
"""


def app_module(exported: Exported) -> str:
    """``server/app.py``: the application for whoever starts ``server.app:app`` instead of the container's command."""
    execution = f"{{{exported.environment.id!r}}}" if exported.executes_rows else ""
    secrets = f"{{{', '.join(map(repr, exported.secrets))}}}" if exported.secrets else ""
    return f'''\
"""The taskset behind OpenEnv's API, for ``uvicorn server.app:app`` in the project's folder."""

from openenv_tasksets import Consent
from openenv_tasksets.installed import find_environment
from openenv_tasksets.open_taskset import open_taskset
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

taskset = open_taskset({exported.target!r}, environment={exported.environment.id!r})
consent = Consent(execution=frozenset({execution}), secrets=frozenset({secrets}))
app = create_app([Host(taskset, find_environment(taskset.environment), consent=consent)])
'''


def manifest(exported: Exported) -> str:
    """``openenv.yaml``, with what OpenEnv's validator asks to be declared."""
    environment = exported.environment
    runtime = environment.frameworks.openenv
    resources = None if runtime is None else runtime.resources
    limits = None if environment.task is None else environment.task.limits
    seconds = _LONGEST_EPISODE_S if limits is None or limits.episode_seconds is None else limits.episode_seconds
    low, high = _reward_range(environment)
    declared: dict[str, Any] = {
        "cpu": float((resources and resources.cpus) or 1),
        "memory_mb": round(resources.memory_gb * 1024) if resources and resources.memory_gb else _MEMORY_MB,
        "disk_mb": _DISK_MB,
        "episode_timeout_s": min(float(seconds), _LONGEST_EPISODE_S),
        "gpus": (resources and resources.gpus) or 0,
    }
    validation: dict[str, Any] = {
        "reward": {"range": [low, high], "oracle_tolerance": 0.0, "floor_margin": 0.1},
        "resources": declared,
        "capabilities": {
            "verifier": {"kind": "reward_channel"},
            "task_api": True,
            "declared_task_count": dict(exported.counts),
        },
        "types": {"tags": list(TAGS)},
    }
    if exported.commit_hash is not None:
        validation["task_distribution"] = {"dataset_version": exported.commit_hash}
    whole = {
        "spec_version": 1,
        "name": environment.id,
        "version": "1.0.0",
        "description": _title(environment),
        "type": "space",
        "runtime": "fastapi",
        "app": "server.app:app",
        "port": PORT,
        "validation": validation,
    }
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)


def readme(exported: Exported, *, space: bool) -> str:
    """The project's README; for a Space with the metadata that the Hub reads."""
    environment = exported.environment
    splits = ", ".join(f"`{name}` ({count:,} tasks)" for name, count in exported.counts.items())
    origin = (
        "The rows are part of this project."
        if exported.dataset is None
        else f"The rows are those of `{exported.dataset}` at commit `{exported.commit_hash}`."
    )
    secrets = "".join(f"- `{name}`: the environment needs it.\n" for name in exported.secrets)
    if exported.dataset is not None:
        secrets += "- `HF_TOKEN`: only where the dataset is private or gated; it must be able to read it.\n"
    text = f"""\
# {_title(environment)}

{environment.description or ""}

Tasks of a dataset behind [OpenEnv](https://github.com/huggingface/OpenEnv)'s API, on port {PORT}: {splits}.
{origin}

```python
from openenv import GenericEnvClient

with GenericEnvClient(base_url="http://127.0.0.1:{PORT}").sync() as env:
    result = env.reset(split="{next(iter(exported.counts))}", index=0)
```

Whoever can reach the port can play and list the tasks; what only the environment may see is not shown to them.
"""
    if secrets:
        text += f"\nEnvironment variables, to be set where it runs:\n\n{secrets}"
    return _front_matter(exported) + text if space else text


def _front_matter(exported: Exported) -> str:
    metadata: dict[str, Any] = {
        "title": _title(exported.environment),
        "emoji": "🎯",
        "colorFrom": "blue",
        "colorTo": "green",
        "sdk": "docker",
        "app_port": PORT,
        "pinned": False,
        "tags": list(TAGS),
    }
    if exported.dataset is not None:
        metadata["datasets"] = [exported.dataset]
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)}---\n\n"


def _title(environment: EnvironmentDeclaration) -> str:
    return environment.title or environment.id


def _reward_range(environment: EnvironmentDeclaration) -> tuple[float, float]:
    reward = environment.reward
    if isinstance(reward, RewardDeclaration) and reward.range is not None and reward.range[0] < reward.range[1]:
        return reward.range
    return 0.0, 1.0
