"""Whether an environment behind a URL plays what it is given: two rows must not look the same.

A server drops arguments that its reset() does not take without a word, and then plays some question of its own
with plausible rewards.
"""

import contextlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from openenv_tasksets.loaders.errors import EnvironmentFailed, EnvironmentNotFound, RowError
from openenv_tasksets.server.runtime import Runtime
from openenv_tasksets.split import Split
from openenv_tasksets.task import Task
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.wire_value import to_wire

MOST_OTHERS = 4
"""So many tasks are compared with the first one, at most."""
_MOST_LOOKED_AT = 64
_SEED = 0

Leaves = Mapping[tuple[str | int, ...], Any]


class BindingUnproven(EnvironmentNotFound):
    """The environment may ignore what the task binds; the message says what was tried."""


async def prove_binding(taskset: Taskset, runtime: Runtime, name: str, timeout_s: float | None = None) -> None:
    """Have a task and some that differ from it begun, with one seed for all, and compare the first observations.

    The first task is begun three times, and only what is the same each time counts: an environment that ignores its
    arguments may well show something else after each reset().

    Args:
        taskset: The tasks; of the first split that has two different ones.
        runtime: The environment.
        name: The environment's, for errors.
        timeout_s: As in ``Runtime.reset``.

    Raises:
        BindingUnproven: All looked the same, or there are no two different tasks.
        TasksetError: A reset failed.
    """
    first, others = _different_tasks(taskset, name)

    async def shown(task: Task) -> Leaves:
        arguments = {"seed": _SEED, **task.arguments()}
        return dict(_leaves((await runtime.reset(arguments, timeout_s)).observation))

    steady = _parted(await shown(first), await shown(first))[0]
    for other in others:
        try:
            differing = _parted(steady, await shown(other))[1]
        except EnvironmentFailed:
            continue  # a row that cannot be played proves nothing
        if differing and _parted(differing, await shown(first))[0]:
            return
    compared = ", ".join(f"{each.split}[{each.index}]" for each in (first, *others))
    raise BindingUnproven(
        f"environment {name!r} showed the same for different tasks ({compared}), so it may ignore what the task binds: "
        f"{', '.join(sorted(first.arguments()))}. Check the names under task.reset; if it is right all the same, "
        "say so with --allow-unproven"
    )


def _different_tasks(taskset: Taskset, name: str) -> tuple[Task, list[Task]]:
    """The first task of a split, and some whose arguments are others: visible ones, where any are."""
    for split in taskset:
        tasks = _readable(taskset.split(split))
        first = next(tasks, None)
        if first is None:
            continue
        others = list(islice((task for task in tasks if _bound(task) != _bound(first)), MOST_OTHERS))
        if others:
            return first, others
    raise BindingUnproven(
        f"that environment {name!r} plays the rows cannot be proven: no two tasks differ in what the agent may see; "
        "serve it all the same with --allow-unproven"
    )


def _readable(split: Split) -> Iterator[Task]:
    for index in split.indices[:_MOST_LOOKED_AT]:
        with contextlib.suppress(RowError):
            yield split.task(index)


def _bound(task: Task) -> Any:
    return to_wire(task.visible or task.arguments())


def _parted(one: Leaves, other: Leaves) -> tuple[Leaves, Leaves]:
    """What of ``one`` is in ``other`` too, and what is not."""
    same = {path: value for path, value in one.items() if path in other and other[path] == value}
    return same, {path: value for path, value in one.items() if path not in same}


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value that holds no others, and of each that does what it holds, by their paths."""
    if isinstance(value, Mapping):
        yield path, sorted(value)
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        yield path, len(value)
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path, value
