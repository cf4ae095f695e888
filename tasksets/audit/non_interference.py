"""Check: two tasks that differ only in hidden values look the same until the episode is done.

An agent that sees equal bytes has learnt nothing; so this holds for booleans and choices too, which no search
for an answer's text could find.
"""

from collections.abc import Iterator, Mapping, Sequence, Sized
from itertools import islice, zip_longest
from typing import Any

from openenv_tasksets.audit.findings import Check
from openenv_tasksets.audit.subject import Seen, Subject
from openenv_tasksets.audit.variation import same_shape
from openenv_tasksets.audit.wire import Connection
from openenv_tasksets.task import Task

NAME = "non-interference"
SEED = "seed"
"""What an environment draws from: that it changes what is seen is its purpose."""
_MOST_PATHS = 20

_Difference = tuple[str, str]


def check(subject: Subject) -> Check:
    """Play each task as it is and with other hidden values, and compare what is seen."""
    result = Check(NAME)
    tasks, pairs, steps, varied = 0, 0, 0, set[str]()
    if not subject.hidden_names:
        result.note("no row hides anything: every bound argument is visible or a constant of the declaration")
        return result
    if SEED in subject.hidden_names:
        result.note(f"hidden {SEED!r} was left as it is: what an environment draws from it shows")
    with subject.wire.connect() as session:
        for task in subject.progress("hidden values"):
            own = list(subject.play(session, task))
            unstable = set(_differences(own, list(subject.play(session, task))))
            compared = 0
            for wanted in _variants(subject, task):
                hidden = subject.acceptable(session, task, wanted)
                if not hidden:
                    continue
                compared += 1
                varied.update(hidden)
                for channel, path in _leaks(subject, session, task, hidden, own):
                    if (channel, path) not in unstable:
                        names = _to_blame(subject, session, task, hidden, own, (channel, path))
                        if not all(subject.shows(channel, name) for name in names):
                            what = ", ".join(map(repr, names))
                            result.found(channel, f"{path} differs where only hidden {what} differs", task)
            steps += compared * sum(each.channel == "step" and not (each.failed or each.done) for each in own)
            tasks += compared > 0
            pairs += compared
    if tasks:
        result.tested = (
            f"{pairs} pairs of {tasks} tasks that differ only in hidden values ({', '.join(sorted(varied))})"
        )
        if subject.allow_feedback:
            result.note("what steps show was not compared: feedback was allowed")
        elif not steps:
            result.note("resets were compared and no steps: a made-up action ended the episode, or was refused")
    _find_untested(result, subject, varied)
    return result


def _find_untested(result: Check, subject: Subject, varied: set[str]) -> None:
    untested = [name for name in subject.hidden_names if name not in varied and name != SEED]
    if untested:
        names = ", ".join(map(repr, untested))
        result.found(
            "", f"nothing is known of {names}: the environment took no other value, or the rows have none to take"
        )


def _variants(subject: Subject, task: Task) -> Iterator[Mapping[str, Any]]:
    """Values of the same shape; and those of other tasks, which may be longer, shorter or null."""
    own = _varied(subject, task)
    if not own:
        return
    yield {name: same_shape(value, f"{task.id}.{name}", task.visible) for name, value in own.items()}
    donors = [each for each in subject.tasks if each.split == task.split and each.index != task.index]
    others = [theirs for theirs in (_varied(subject, each) for each in donors) if theirs != own]
    if others:
        yield next((theirs for theirs in others if _sizes(theirs) != _sizes(own)), others[0])


def _varied(subject: Subject, task: Task) -> dict[str, Any]:
    return {name: value for name, value in subject.hidden_of(task).items() if name != SEED}


def _sizes(hidden: Mapping[str, Any]) -> list[int]:
    return [len(value) if isinstance(value, Sized) else 0 for value in hidden.values()]


def _leaks(
    subject: Subject, session: Connection, task: Task, hidden: Mapping[str, Any], own: Sequence[Seen]
) -> list[_Difference]:
    with subject.taskset.planted(task, hidden):
        others = list(subject.play(session, task))
    return list(_differences(own, others, with_steps=not subject.allow_feedback))


def _to_blame(
    subject: Subject,
    session: Connection,
    task: Task,
    hidden: Mapping[str, Any],
    own: Sequence[Seen],
    difference: _Difference,
) -> list[str]:
    """The hidden arguments that make this difference alone; all of them where none does."""
    alone = [name for name, value in hidden.items() if difference in _leaks(subject, session, task, {name: value}, own)]
    return alone or list(hidden)


def _differences(own: Sequence[Seen], others: Sequence[Seen], *, with_steps: bool = True) -> Iterator[_Difference]:
    """Where two episodes of the same actions differ before either is done."""
    for mine, theirs in zip_longest(own, others):
        if mine is None or theirs is None:
            return
        # A step that the environment cannot take with values that nobody wrote for it tells nothing.
        if mine.channel == "step" and (mine.failed or theirs.failed or mine.done or theirs.done or not with_steps):
            return
        if mine.channel == "reset" and mine.done != theirs.done:
            yield mine.channel, "done"
        if mine.bytes != theirs.bytes:
            paths = list(islice(differing_paths(mine.output, theirs.output), _MOST_PATHS))
            for path in paths or ["the order of its fields"]:
                yield mine.channel, path


def differing_paths(mine: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Where two JSON values differ, as paths; none where they are equal but for the order of fields."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in [*mine, *(name for name in theirs if name not in mine)]:
            below = f"{path}.{name}" if path else str(name)
            if name in mine and name in theirs:
                yield from differing_paths(mine[name], theirs[name], below)
            else:
                yield below
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for number, (left, right) in enumerate(zip(mine, theirs, strict=True)):
            yield from differing_paths(left, right, f"{path}[{number}]")
    elif mine != theirs or isinstance(mine, bool) != isinstance(theirs, bool):
        yield path or "the whole of it"
