"""Declarations for tests, in a line."""

from collections.abc import Callable
from typing import Any

import pytest

from openenv_tasksets.declaration import Declaration

Declare = Callable[..., Declaration]


@pytest.fixture
def declare() -> Declare:
    """``declare({"reset": {...}}, splits=[...])``: one environment run by ``answer``."""

    def make(task: dict[str, Any] | None = None, **environment: Any) -> Declaration:
        declared: dict[str, Any] = {
            "id": "tasks",
            "frameworks": {
                "openenv": {"min_version": ">=0.10.0", "package": "openenv-tasksets", "environment": "answer"}
            },
            **environment,
        }
        if task is not None:
            declared["task"] = task
        return Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [declared]})

    return make
