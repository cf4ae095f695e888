"""Check: the same task and the same position look the same twice, in one session and in another."""

from openenv_tasksets.audit.findings import Check
from openenv_tasksets.audit.non_interference import differing_paths
from openenv_tasksets.audit.subject import Seen, Subject
from openenv_tasksets.task import Task

NAME = "repetition"


def check(subject: Subject) -> Check:
    """Reset to each task twice by index, and to some positions by seed, in two sessions one after the other."""
    result = Check(NAME)
    with subject.wire.connect() as session:
        first = [subject.reset(session, task) for task in subject.progress("repetition")]
        again = [subject.reset(session, task) for task in subject.tasks]
        positions = [(name, place) for name in subject.taskset for place in range(3) if subject.taskset.num_tasks(name)]
        by_seed = [Seen.of(session.ask("reset", {"split": name, "seed": place})) for name, place in positions]
    with subject.wire.connect() as session:
        later = [subject.reset(session, task) for task in subject.tasks]
        by_seed_later = [Seen.of(session.ask("reset", {"split": name, "seed": place})) for name, place in positions]
    for task, one, two, three in zip(subject.tasks, first, again, later, strict=True):
        if one.failed:
            result.found("reset", f"the environment refuses the task: {one.output['message']}", task)
        _compare(result, one, two, "a second reset", task)
        _compare(result, one, three, "a reset in another session", task)
    for (name, place), one, two in zip(positions, by_seed, by_seed_later, strict=True):
        _compare(result, one, two, f"position {place} of split {name!r} asked for twice", None)
    if subject.tasks:
        result.tested = f"{len(subject.tasks)} tasks and {len(positions)} positions, each reset twice"
    if subject.skipped:
        result.note(f"{subject.skipped} rows cannot be bound; 'tasksets validate --rows all' names them")
    return result


def _compare(result: Check, one: Seen, two: Seen, what: str, task: Task | None) -> None:
    if one.bytes == two.bytes and one.done == two.done:
        return
    paths = ", ".join(list(differing_paths(one.output, two.output))[:3]) or "the order of fields"
    result.found("reset", f"{what} gives another observation ({paths})", task)
