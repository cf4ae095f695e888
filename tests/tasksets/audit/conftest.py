"""Audits of the planted quiz, in a line."""

from collections.abc import Callable
from typing import Any

import pytest
from planted_quiz import ROWS, TASK

from openenv_tasksets.audit.findings import AuditReport
from openenv_tasksets.audit.run import audit

Audit = Callable[..., AuditReport]


@pytest.fixture
def audit_of(make_taskset: Callable[..., Any]) -> Audit:
    """``audit_of(Environment)``: the report on the quiz, or on other rows, played by that class."""

    def run(environment: type[Any], rows: Any = None, task: Any = None, **options: Any) -> AuditReport:
        taskset = make_taskset(rows or ROWS, TASK if task is None else task, reward={"range": [0, 1]})
        return audit(taskset, environment, **{"limit": 2, **options})

    return run
