"""Check: what one session does is not seen in another."""

from openenv_tasksets.audit.actions import filled
from openenv_tasksets.audit.findings import Check
from openenv_tasksets.audit.subject import NONSENSE, Seen, Subject
from openenv_tasksets.audit.wire import Connection
from openenv_tasksets.task import Task

NAME = "isolation"


def check(subject: Subject) -> Check:
    """Play each task alone, and again while another session resets to another task and steps in it."""
    result = Check(NAME)
    if subject.host.max_sessions < 2:
        result.note("the environment takes one session at a time, so there is none that it could disturb")
        return result
    pairs = list(zip(subject.tasks, [*subject.tasks[1:], *subject.tasks[:1]], strict=True))
    pairs = [(task, other) for task, other in pairs if task != other]
    unsteady = 0
    with subject.wire.connect() as mine, subject.wire.connect() as theirs:
        for task, other in pairs:
            alone = [_told(each) for each in _episode(subject, mine, task)]
            if alone != [_told(each) for each in _episode(subject, mine, task)]:
                unsteady += 1
                continue
            disturbed = _episode(subject, mine, task, theirs, other)
            changed = next((each for each, was in zip(disturbed, alone, strict=True) if _told(each) != was), None)
            if changed is not None:
                result.found(changed.channel, "another session changes it", task)
    if unsteady:
        result.note(f"{unsteady} tasks are never twice the same, so nobody can tell who changed them")
    if len(pairs) > unsteady:
        result.tested = f"{len(pairs) - unsteady} tasks, each beside a session with another task"
    if not pairs:
        result.note("it takes two tasks")
    return result


def _episode(
    subject: Subject, session: Connection, task: Task, theirs: Connection | None = None, other: Task | None = None
) -> list[Seen]:
    """Reset, one step and the state, with the other session's reset and step in between."""
    action = dict(task.gold.reveal()) or filled(subject.schema, NONSENSE)
    seen = [subject.reset(session, task)]
    if theirs is not None and other is not None:
        subject.reset(theirs, other)
        theirs.ask("step", filled(subject.schema, NONSENSE))
        subject.reset(theirs, other)
    seen += [Seen.of(session.ask("state")), Seen.of(session.ask("step", action)), Seen.of(session.ask("state"))]
    return seen


def _told(seen: Seen) -> tuple[str, float | None, bool]:
    return seen.bytes, seen.reward, seen.done
