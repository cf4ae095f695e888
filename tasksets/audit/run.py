"""The audit as a whole: a taskset behind the real server, and every check in turn."""

from collections.abc import Mapping
from typing import Any

from openenv_tasksets.audit import (
    canaries,
    contract,
    declared,
    duplicates,
    isolation,
    non_interference,
    repetition,
    rewards,
)
from openenv_tasksets.audit.findings import AuditReport
from openenv_tasksets.audit.planted_taskset import PlantedTaskset
from openenv_tasksets.audit.served import served
from openenv_tasksets.audit.subject import Subject
from openenv_tasksets.audit.wire import Wire
from openenv_tasksets.audit.written import Written
from openenv_tasksets.consent import Consent
from openenv_tasksets.server.host import Host
from openenv_tasksets.taskset import Taskset

DEFAULT_LIMIT = 8
DEFAULT_SCAN = 10_000


def audit(
    taskset: Taskset,
    environment: type[Any],
    *,
    arguments: Mapping[str, Any] | None = None,
    consent: Consent | None = None,
    limit: int = DEFAULT_LIMIT,
    scan: int = DEFAULT_SCAN,
    allow_feedback: bool = False,
) -> AuditReport:
    """Find out whether an agent can learn what is hidden from it, and whether rewards mean what they say.

    Args:
        taskset: What is audited.
        environment: The environment class that plays it.
        arguments: Its constructor's arguments; None takes the declaration's.
        consent: What the user has agreed to; None is nothing.
        limit: How many tasks of each split are played, evenly spread, >= 1.
        scan: How many tasks of each split are looked at for duplicates, >= 0.
        allow_feedback: Steps before the last one may depend on hidden values, as in a guessing game: only what
            reset() shows is compared then.

    Raises:
        ConsentNeeded: The environment executes row content or wants a secret, and the user has not agreed.
        TasksetError: The taskset cannot be opened, or the environment cannot be bound to it or made.
    """
    consent = consent or Consent()
    planted = PlantedTaskset(taskset)
    host = Host(planted, environment, arguments=arguments, consent=consent)
    written = Written()
    with written.logging(), served(host) as url:
        subject = Subject(planted, host, Wire(url), written, limit=limit, allow_feedback=allow_feedback)
        checks = [
            declared.check(subject),
            non_interference.check(subject),
            canaries.check(subject),
            repetition.check(subject),
            isolation.check(subject),
            rewards.check(subject),
            duplicates.check(subject, scan),
            contract.check(subject, environment, arguments, consent),
        ]
    source = None if taskset.reference is None else str(taskset.reference)
    return AuditReport(taskset.environment.id, source, subject.hidden_names, checks)
