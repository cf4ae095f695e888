"""OpenEnv Tasksets: dataset rows as the tasks of an OpenEnv environment.

>>> from openenv_tasksets import Declaration, Taskset
>>> declaration = Declaration.from_dict({
...     "spec_version": "hf-rl-env-0.1",
...     "environments": [{
...         "id": "sums",
...         "task": {"reset": {"prompt": "question", "answer": "sum"}, "visible": ["prompt"]},
...         "frameworks": {"openenv": {"package": "openenv-tasksets", "environment": "answer"}},
...     }],
... })
>>> taskset = Taskset.from_rows([{"question": "1+1?", "sum": 2}, {"question": "2+3?", "sum": 5}], declaration)
>>> taskset["train"][1].visible
{'prompt': '2+3?'}
"""

if __name__ != "openenv_tasksets":
    raise ImportError(
        f"this folder is imported as 'openenv_tasksets', not as '{__name__}': "
        "install the project (pip install -e .) and write 'import openenv_tasksets'"
    )

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openenv_tasksets.auto_env import AutoEnv
    from openenv_tasksets.consent import Consent
    from openenv_tasksets.declaration import Declaration
    from openenv_tasksets.environment import Environment
    from openenv_tasksets.episode import Episode
    from openenv_tasksets.loaders.errors import (
        ConsentNeeded,
        DeclarationError,
        EnvironmentNotFound,
        EpisodeError,
        RowError,
        SelectionError,
        SourceError,
        SplitNotFound,
        TaskNotFound,
        TasksetError,
    )
    from openenv_tasksets.mixin import bind_environment
    from openenv_tasksets.task import Hidden, Task
    from openenv_tasksets.taskset import Taskset
    from openenv_tasksets.view import TaskView

__all__ = [
    "AutoEnv",
    "Consent",
    "ConsentNeeded",
    "Declaration",
    "DeclarationError",
    "Environment",
    "EnvironmentNotFound",
    "Episode",
    "EpisodeError",
    "Hidden",
    "RowError",
    "SelectionError",
    "SourceError",
    "SplitNotFound",
    "Task",
    "TaskNotFound",
    "TaskView",
    "Taskset",
    "TasksetError",
    "bind_environment",
]

_MODULES = {
    "AutoEnv": "auto_env",
    "Consent": "consent",
    "Declaration": "declaration",
    "Environment": "environment",
    "Episode": "episode",
    "Hidden": "task",
    "Task": "task",
    "TaskView": "view",
    "Taskset": "taskset",
    "bind_environment": "mixin",
}


def __getattr__(name: str) -> Any:
    # On first use: --help needs nothing of what reads declarations, and a trainer's worker loads what it needs.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, 'loaders.errors')}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return __all__
