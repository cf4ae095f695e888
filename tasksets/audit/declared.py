"""Check: what the declaration itself shows of what it hides."""

from openenv_tasksets.audit.findings import Check
from openenv_tasksets.audit.subject import Subject
from openenv_tasksets.audit.texts import texts_in

NAME = "declaration"

_SHORTEST = 4


def check(subject: Subject) -> Check:
    """Look for hidden values in the public values and the visible arguments of the same task."""
    result = Check(NAME)
    visible: dict[tuple[str, str], int] = {}
    for task in subject.tasks:
        for name, value in subject.hidden_of(task).items():
            for shown, other in task.visible.items():
                if isinstance(value, str) and len(value) >= _SHORTEST and value in " ".join(texts_in(other)):
                    visible[name, shown] = visible.get((name, shown), 0) + 1
    for name in sorted(subject.public_names):
        result.note(f"hidden {name!r} is public, too: trainers see it, agents do not")
    for (name, shown), count in visible.items():
        result.note(f"the text of hidden {name!r} stands in visible {shown!r} in {count} of {len(subject.tasks)} tasks")
    if subject.hidden_names:
        result.tested = f"{len(subject.tasks)} tasks"
    return result
