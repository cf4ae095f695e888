"""Audits of the planted quiz, whole or by one check, in a line."""

from collections.abc import Callable
from typing import Any

import pytest
from planted_quiz import ROWS, TASK

from openenv_tasksets.audit.findings import AuditReport, Check
from openenv_tasksets.audit.planted_taskset import PlantedTaskset
from openenv_tasksets.audit.run import audit
from openenv_tasksets.audit.served import served
from openenv_tasksets.audit.subject import Subject
from openenv_tasksets.audit.wire import Wire
from openenv_tasksets.audit.written import Written
from openenv_tasksets.server.host import Host

Audit = Callable[..., AuditReport]
CheckOf = Callable[..., Check]


@pytest.fixture
def audit_of(make_taskset: Callable[..., Any]) -> Audit:
    """``audit_of(Environment)``: the report on the quiz, or on other rows, played by that class."""

    def run(environment: type[Any], rows: Any = None, task: Any = None, **options: Any) -> AuditReport:
        taskset = make_taskset(rows or ROWS, TASK if task is None else task, reward={"range": [0, 1]})
        return audit(taskset, environment, **{"limit": 2, **options})

    return run


@pytest.fixture
def check_of(make_taskset: Callable[..., Any]) -> CheckOf:
    """``check_of(isolation.check, Environment)``: what one check comes to, of the quiz or of other rows."""

    def run(check: Callable[[Subject], Check], environment: type[Any], rows: Any = None, task: Any = None) -> Check:
        made = make_taskset(rows or ROWS, TASK if task is None else task, reward={"range": [0, 1]})
        planted, written = PlantedTaskset(made), Written()
        host = Host(planted, environment)
        with written.logging(), served(host) as url:
            return check(Subject(planted, host, Wire(url), written, limit=2))

    return run
