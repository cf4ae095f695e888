"""The audit's section of a dataset card: what the library enforces, and what was tested of the environment."""

import re
from importlib.metadata import version

from openenv_tasksets.audit.findings import AuditReport, Check

_START = "<!-- tasksets audit: written by `tasksets audit --card`, which replaces all up to the end mark -->"
_END = "<!-- end of tasksets audit -->"
_SECTION = re.compile(r"<!-- tasksets audit:(?:(?!<!-- tasksets audit:).)*?" + re.escape(_END), re.DOTALL)

_ENFORCED = (
    "Only visible and public values are written by the library: hidden ones are in no Task API answer, state, error, "
    "log line or schema of its own.",
    "A column that the declaration does not name is never read.",
    "A task is selected by `reset()` only, and a client's value for a bound argument is discarded.",
)
_VERDICTS = {
    "passed": "Passed",
    "failed": "**Failed**",
    "nothing to audit": "Nothing to audit: the rows hide nothing",
}


def with_audit_section(card: str, report: AuditReport) -> str:
    """A card with the report's section in place of an older one, else at its end; the rest stays as it is.

    Args:
        card: The card's whole text, metadata included.
        report: What was found; findings are counted and not told, since some tell how to cheat.
    """
    newline = "\r\n" if "\r\n" in card else "\n"
    section = f"{_START}\n\n{_text(report)}\n\n{_END}".replace("\n", newline)
    if _SECTION.search(card):
        return _SECTION.sub(lambda _: section, card, count=1)
    gap = "" if not card else newline if card.endswith("\n") else newline * 2
    return f"{card}{gap}{section}{newline}"


def _text(report: AuditReport) -> str:
    of = f"`{report.environment}`" + (f" of `{report.source}`" if report.source else "")
    lines = [
        "## Audit",
        "",
        f"{_VERDICTS[report.verdict]}: {of}, by `tasksets audit` {version('openenv-tasksets')}.",
        "",
        "Enforced by the library, whatever the environment does:",
        "",
        *(f"- {each}" for each in _ENFORCED),
        "",
        "Tested, and true of what was looked at only:",
        "",
        "| check | result | looked at |",
        "|---|---|---|",
        *(f"| {check.name} | {_result(check)} | {check.tested.replace('|', ' ')} |" for check in report.checks),
    ]
    return "\n".join(lines)


def _result(check: Check) -> str:
    number = len(check.findings)
    return (
        f"{check.status}: {number} findings" if number > 1 else f"{check.status}: 1 finding" if number else check.status
    )
