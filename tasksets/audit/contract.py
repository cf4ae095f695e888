"""Check: the taskset and its environment keep the contract of ``openenv_tasksets.testing``, in this process."""

from collections.abc import Callable, Mapping
from typing import Any

from openenv_tasksets.audit.findings import Check
from openenv_tasksets.audit.subject import Subject
from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.testing import ContractBroken, check_environment, check_taskset

NAME = "contract"


def check(subject: Subject, environment: type[Any], arguments: Mapping[str, Any] | None, consent: Consent) -> Check:
    """Call both checks, and list the sentences that do not hold."""
    result = Check(NAME)
    _call(result, lambda: check_taskset(subject.taskset))
    _call(result, lambda: check_environment(environment, subject.taskset, arguments=arguments, consent=consent))
    result.tested = "the sentences of openenv_tasksets.testing"
    return result


def _call(result: Check, checks: Callable[[], None]) -> None:
    try:
        checks()
    except ContractBroken as exc:
        for sentence in exc.sentences:
            result.found("", f"this does not hold: {sentence}")
    except TasksetError as exc:
        result.found("", exc.message)
