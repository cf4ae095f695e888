"""What an audit found: checks with their findings, and the verdict over all of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from openenv_tasksets.task import Task

Status = Literal["passed", "failed", "not tested"]
Verdict = Literal["passed", "failed", "nothing to audit"]

_MOST_SHOWN = 3


@dataclass(slots=True)
class Finding:
    """One thing that is wrong, in one task or in several.

    Attributes:
        channel: Where it showed: ``reset``, ``state``, ``POST /quiz/task``; empty where it is no channel's.
        message: What is wrong; no hidden value is in it.
        tasks: The tasks that have it, as ``split/index (id)``.
    """

    channel: str
    message: str
    tasks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = f"{self.channel}: " if self.channel else ""
        more = f" and {len(self.tasks) - _MOST_SHOWN} more" if len(self.tasks) > _MOST_SHOWN else ""
        tasks = f" [{', '.join(self.tasks[:_MOST_SHOWN])}{more}]" if self.tasks else ""
        return f"{where}{self.message}{tasks}"


@dataclass(slots=True)
class Check:
    """One question that was put to the taskset.

    Attributes:
        name: Its name, which docs/audit.md explains.
        tested: What was looked at, in words, with numbers.
        findings: What is wrong; empty: the check passed, where anything was tested.
        notes: What was not tested, and counts that are neither good nor bad.
    """

    name: str
    tested: str = ""
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """``not tested`` where nothing was found because nothing was looked at."""
        if self.findings:
            return "failed"
        return "passed" if self.tested else "not tested"

    def found(self, channel: str, message: str, task: Task | None = None) -> None:
        """Add a finding, or another task to one that there is."""
        same = next((each for each in self.findings if (each.channel, each.message) == (channel, message)), None)
        if same is None:
            same = Finding(channel, message)
            self.findings.append(same)
        if task is not None and label_of(task) not in same.tasks:
            same.tasks.append(label_of(task))

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The outcome.

    Attributes:
        environment: The environment's id.
        source: The repository and commit; None for a taskset that is not from the Hub.
        hidden: Names of the arguments that rows hide, and that were varied.
        checks: Every check, in the order of docs/audit.md.
    """

    environment: str
    source: str | None
    hidden: tuple[str, ...]
    checks: Sequence[Check]

    @property
    def verdict(self) -> Verdict:
        """``nothing to audit`` where rows hide nothing; a finding is one also there."""
        if any(check.status == "failed" for check in self.checks):
            return "failed"
        return "passed" if self.hidden else "nothing to audit"

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "environment": self.environment,
            "source": self.source,
            "verdict": self.verdict,
            "hidden": list(self.hidden),
            "checks": [{**asdict(check), "status": check.status} for check in self.checks],
        }

    def lines(self) -> list[str]:
        """The same as text for a terminal."""
        lines = []
        for check in self.checks:
            lines.append(f"{check.status:<10}  {check.name}" + (f": {check.tested}" if check.tested else ""))
            lines += [f"            - {finding}" for finding in check.findings]
            lines += [f"            note: {note}" for note in check.notes]
        return lines


def label_of(task: Task) -> str:
    """A task as findings name it."""
    return f"{task.split}/{task.index} ({task.id:.40})"
