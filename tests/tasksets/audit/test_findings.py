"""Findings of many tasks are one line; the verdict is over all checks."""

import json

from openenv_tasksets.audit.findings import AuditReport, Check
from openenv_tasksets.task import Hidden, Task


def task(index):
    return Task(f"id-{index}", "train", index, index, {}, {}, Hidden({}), Hidden({}))


def test_a_finding_of_several_tasks_names_the_first_and_counts_the_rest():
    check = Check("canaries", tested="all")
    for index in (0, 1, 1, 2, 3, 4, 4, 0):
        check.found("reset", "it is told", task(index))
    (finding,) = check.findings
    assert str(finding) == "reset: it is told [train/0 (id-0), train/1 (id-1), train/2 (id-2) and 2 more]"
    check.found("", "of no task")
    assert str(check.findings[1]) == "of no task"


def test_what_was_not_looked_at_has_not_passed():
    assert Check("rewards").status == "not tested"
    assert Check("rewards", tested="3 tasks").status == "passed"
    failed = Check("rewards")
    failed.found("", "wrong")
    assert failed.status == "failed"


def test_the_verdict_and_its_forms():
    good, bad = Check("rewards", tested="3 tasks", notes=["a note"]), Check("canaries", tested="1 task")
    bad.found("state", "it is told", task(0))
    assert AuditReport("quiz", None, ("answer",), [good]).verdict == "passed"
    assert AuditReport("quiz", None, (), [good]).verdict == "nothing to audit"
    report = AuditReport("quiz", "acme/quiz@abc", (), [good, bad])
    assert report.verdict == "failed"
    told = json.loads(json.dumps(report.as_dict()))
    assert told["checks"][1] == {
        "name": "canaries",
        "tested": "1 task",
        "findings": [{"channel": "state", "message": "it is told", "tasks": ["train/0 (id-0)"]}],
        "notes": [],
        "status": "failed",
    }
    assert report.lines() == [
        "passed      rewards: 3 tasks",
        "            note: a note",
        "failed      canaries: 1 task",
        "            - state: it is told [train/0 (id-0)]",
    ]
