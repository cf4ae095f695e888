"""``tasksets audit``: whether an agent can learn what is hidden from it, and whether rewards mean what they say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openenv_tasksets.cli.options import AllowExecution, AllowSecret, DataDir, EnvironmentId, TasksetTarget

if TYPE_CHECKING:
    from openenv_tasksets.audit.findings import AuditReport

EXIT_FOUND = 6
EXIT_NOTHING_TO_AUDIT = 7

_Limit = Annotated[
    int, typer.Option(min=1, metavar="N", help="How many tasks of each split are played, evenly spread over it.")
]
_Scan = Annotated[
    int, typer.Option(min=0, metavar="N", help="How many tasks of each split are looked at for duplicates.")
]
_AllowFeedback = Annotated[
    bool,
    typer.Option(
        "--allow-feedback",
        help="Observations of steps may depend on hidden values, as in a guessing game: compare only those of resets.",
    ),
]
_Card = Annotated[
    Path | None,
    typer.Option(
        "--card", metavar="FILE", help="Write the outcome into this dataset card, usually README.md, as a section."
    ),
]


def audit(
    target: TasksetTarget,
    limit: _Limit = 8,
    scan: _Scan = 10_000,
    allow_feedback: _AllowFeedback = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    card: _Card = None,
    environment: EnvironmentId = None,
    data_dir: DataDir = None,
    allow_execution: AllowExecution = None,
    allow_secret: AllowSecret = None,
) -> None:
    """Play tasks through the server and look for answers that leak, and for rewards that mean nothing.

    Hidden values are replaced by others, and nothing that an agent sees may change; canaries are planted and
    looked for on every channel; and more: docs/audit.md. Exit code 6: something was found. Exit code 7: the
    rows hide nothing, so there is nothing to audit, which is not the same as passing.
    """
    from openenv_tasksets.audit.run import audit as run_audit
    from openenv_tasksets.cli.console import ignored_keys, say
    from openenv_tasksets.consent import Consent
    from openenv_tasksets.installed import find_environment
    from openenv_tasksets.open_taskset import open_taskset

    taskset = open_taskset(target, environment=environment, data_dir=data_dir)
    for line in ignored_keys(taskset.declaration):
        say(line)
    report = run_audit(
        taskset,
        find_environment(taskset.environment),
        consent=Consent(frozenset(allow_execution or ()), frozenset(allow_secret or ())),
        limit=limit,
        scan=scan,
        allow_feedback=allow_feedback,
    )
    _write(report, as_json)
    if card is not None:
        from openenv_tasksets.audit.card import with_audit_section

        text = card.read_bytes().decode() if card.exists() else ""
        card.write_bytes(with_audit_section(text, report).encode())
    codes = {"passed": 0, "failed": EXIT_FOUND, "nothing to audit": EXIT_NOTHING_TO_AUDIT}
    raise typer.Exit(codes[report.verdict])


def _write(report: "AuditReport", as_json: bool) -> None:
    import json

    from openenv_tasksets.cli.console import say, write

    if as_json:
        write(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
        return
    for line in report.lines():
        write(line)
    say(report.verdict if report.verdict != "nothing to audit" else "nothing to audit: the rows hide nothing")
