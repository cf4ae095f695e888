"""Check: no task is in two splits; and how many tasks are nearly the same as another."""

from collections.abc import Iterator

from tqdm import tqdm

from openenv_tasksets.audit.findings import Check, label_of
from openenv_tasksets.audit.near_duplicates import RESEMBLANCE, near_duplicates
from openenv_tasksets.audit.subject import Subject
from openenv_tasksets.audit.texts import texts_in
from openenv_tasksets.loaders.errors import RowError
from openenv_tasksets.task import Task
from openenv_tasksets.task_hash import id_names, task_hash

NAME = "duplicates"

_MOST_EXAMPLES = 3


def check(subject: Subject, scan: int) -> Check:
    """Hash the first ``scan`` tasks of each split, and compare their visible texts."""
    result = Check(NAME)
    names = id_names(subject.taskset.environment.task)
    places: dict[bytes, tuple[str, str]] = {}
    texts: list[str] = []
    labels: list[tuple[str, str]] = []
    within = 0
    for task in _tasks(subject, scan):
        content, label = task_hash(task, names), label_of(task)
        split, first = places.setdefault(content, (task.split, label))
        if split != task.split:
            result.found("", f"the same task is in split {split!r} and in split {task.split!r}", task)
        elif first != label:
            within += 1
        texts.append(" ".join(texts_in(task.visible)))
        labels.append((task.split, label))
    if within:
        result.note(f"tasks that are exactly another one of their split: {within:,}")
    _note_near(result, texts, labels)
    total = sum(map(subject.taskset.num_tasks, subject.taskset))
    if labels:
        result.tested = f"{len(labels):,} of {total:,} tasks"
    return result


def _note_near(result: Check, texts: list[str], labels: list[tuple[str, str]]) -> None:
    pairs = list(near_duplicates(texts))
    across = [(one, two) for one, two in pairs if labels[one][0] != labels[two][0]]
    for whose, found in (("another", pairs), ("another split's", across)):
        if found:
            examples = ", ".join(f"{labels[one][1]} and {labels[two][1]}" for one, two in found[:_MOST_EXAMPLES])
            result.note(
                f"tasks whose visible text is nearly {whose} ({RESEMBLANCE:.0%} of its runs of words): "
                f"{len({two for _, two in found}):,}; as in {examples}"
            )


def _tasks(subject: Subject, scan: int) -> Iterator[Task]:
    for name in subject.taskset:
        count = min(scan, subject.taskset.num_tasks(name))
        for index in tqdm(range(count), desc=f"{name}: duplicates", unit=" tasks", delay=1, disable=None, leave=False):
            try:
                yield subject.taskset.task(name, index)
            except RowError:
                continue
