"""The contract of tasksets and environments, as checks to call from a test.

    from openenv_tasksets.testing import check_environment, check_taskset

    def test_the_taskset_keeps_the_contract():
        check_taskset(Taskset.from_path("words"))

    def test_the_environment_keeps_the_contract():
        check_environment(Words, Taskset.from_path("words"))

Each sentence of the contract is the message of the failure that breaks it; ``tasksets audit`` calls both.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration import Declaration
from openenv_tasksets.loaders.errors import PolicyError, ResetNeeded, SplitNotFound, TaskNotFound, TasksetError
from openenv_tasksets.players import LocalPlayer, Player
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.wire import decode_json, encode_json
from openenv_tasksets.split import Split
from openenv_tasksets.task_provider import TaskProvider
from openenv_tasksets.taskset import Taskset

_SPREAD = 5


class ContractBroken(AssertionError):
    """Sentences of the contract that do not hold.

    Attributes:
        sentences: Each with where it does not; never empty.
    """

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = tuple(sentences)


def check_taskset(taskset: Taskset) -> None:
    """That a taskset keeps the contract, looking at a few tasks of each split.

    Raises:
        ContractBroken: It does not.
        TasksetError: A split cannot be opened.
    """
    broken = [f"split {name!r}: {sentence}" for name in taskset for sentence in _broken_by_split(taskset, name)]
    if not _raises(SplitNotFound, lambda: taskset.task("no such split", 0)):
        broken.append("A split that does not exist is refused with SplitNotFound.")
    if broken:
        raise ContractBroken(broken)


def check_environment(
    environment: type[Any],
    taskset: Taskset | None = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    reset: Mapping[str, Any] | None = None,
    action: Mapping[str, Any] | None = None,
    consent: Consent | None = None,
) -> None:
    """That an environment keeps the contract on the first task of each split, as the server would run it.

    Args:
        environment: Its class; OpenEnv's or any other.
        taskset: What it plays; None has one task, which is ``reset``.
        arguments: For its constructor; None takes the declaration's.
        reset: Without a taskset: the arguments of ``reset``; None is none.
        action: A valid one, as on the wire; None takes the gold action, and steps in no episode without one.
        consent: What the user has agreed to; None is nothing.

    Raises:
        ContractBroken: It does not.
        TasksetError: The environment cannot be bound to the tasks, or lacks the user's consent.
    """
    tasks = _one_task(reset or {}) if taskset is None else taskset
    settings = HostSettings(max_sessions=None)
    host = Host(tasks, environment, arguments=arguments, consent=consent, settings=settings)
    broken = asyncio.run(_broken_by_environment(host, action))
    if broken:
        raise ContractBroken(broken)


def _broken_by_split(taskset: Taskset, name: str) -> Iterator[str]:
    split = taskset.split(name)
    size = taskset.num_tasks(name)
    if size < 0 or size != len(split) or size != TaskProvider(taskset).num_tasks(name):
        yield "A split has one number of tasks, whoever is asked."
    for index in (-1, size):
        if not _raises(TaskNotFound, lambda index=index: taskset.task(name, index)):  # type: ignore[misc]
            yield f"Index {index}, which is out of range, is refused with TaskNotFound."
    if not size:
        return
    if not _raises(TaskNotFound, lambda: taskset.index_of(name, "\x00 no such task")):
        yield "A task id that does not exist is refused with TaskNotFound."
    for index in sorted({number * (size - 1) // _SPREAD for number in range(_SPREAD + 1)}):
        yield from (f"task {index}: {sentence}" for sentence in _broken_by_task(taskset, name, index))
    yield from _broken_by_order(split, size)


def _broken_by_task(taskset: Taskset, name: str, index: int) -> Iterator[str]:
    task, again = taskset.task(name, index), taskset.task(name, index)
    if task != again:
        yield "The same index gives the same task."
    if (task.split, task.index) != (name, index):
        yield "A task knows its split and its index."
    if taskset.index_of(name, task.id) != index:
        yield "A task's id leads back to its index."
    if set(task.visible) & set(task.hidden.reveal()):
        yield "An argument is either visible or hidden."
    try:
        encode_json([task.visible, task.spec()])
    except TasksetError as exc:
        yield f"Visible and public values have a JSON form: {exc}"
        return
    if encode_json(TaskProvider(taskset).get_task(name, index)) != encode_json(task.spec()):
        yield "The Task API says of a task what the task says of itself."


def _broken_by_order(split: Split, size: int) -> Iterator[str]:
    some = range(0, 2 * size, max(1, 2 * size // 64))
    places = [split.order.locate(position) for position in some]
    if places != [split.order.locate(position) for position in some]:
        yield "The same position gives the same epoch and index."
    if [epoch for epoch, _ in places] != [position // size for position in some]:
        yield "An epoch has as many positions as the split has tasks."
    if size <= 1000 and sorted(split.order.locate(position)[1] for position in range(size)) != list(range(size)):
        yield "An epoch gives every task once."


async def _broken_by_environment(host: Host, action: Mapping[str, Any] | None) -> list[str]:
    broken: list[str] = []
    for name in host.taskset:
        if not host.taskset.num_tasks(name):
            continue
        gold = decode_json(encode_json(dict(host.taskset.task(name, 0).gold.reveal())))
        player = await LocalPlayer.open(host)
        try:
            async for sentence in _broken_by_episodes(host, player, name, action or gold):
                broken.append(f"split {name!r}: {sentence}")
        finally:
            await player.close()
    return broken


async def _broken_by_episodes(host: Host, player: Player, split: str, action: Mapping[str, Any]) -> Any:
    first = {"split": split, "index": 0, "seed": 7}
    try:
        await player.step(action)
        yield "A step before the first reset is refused with ResetNeeded."
    except (ResetNeeded, PolicyError):
        pass
    one = await player.reset(first)
    if not _same(one, await player.reset(first)):
        yield "The same task and seed give the same observation."
    state = await player.state()
    try:
        encode_json(dict(state))
    except TasksetError as exc:
        yield f"The state has a JSON form: {exc}"
    for attempt in ("first", "second") if action else ():
        # An episode that was left in the middle must not be felt by the next one.
        await player.reset(first)
        outcome = await player.step(action)
        if attempt == "first":
            earned = outcome
        elif not _same(earned, outcome):
            yield "A reset forgets the episode before it: the same action gives the same outcome."
        if outcome.done:
            try:
                await player.step(action)
                yield "A step after the episode is done is refused with ResetNeeded."
            except ResetNeeded:
                pass
    if host.max_sessions > 1:
        other = await LocalPlayer.open(host)
        try:
            if not _same(one, await other.reset(first)):
                yield "The same task and seed give the same observation in another session."
        finally:
            await other.close()


def _same(one: Outcome, two: Outcome) -> bool:
    return encode_json(one.to_wire()) == encode_json(two.to_wire())


def _raises(kind: type[Exception], call: Callable[[], object]) -> bool:
    try:
        call()
    except kind:
        return True
    except Exception:  # noqa: BLE001 - refused, but not as the contract says
        return False
    return False


def _one_task(reset: Mapping[str, Any]) -> Taskset:
    environment = {"id": "one-task", "task": {"visible": []}, "frameworks": {"openenv": {"package": "none"}}}
    declaration = Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [environment]})
    return Taskset.from_rows([{"openenv_reset": dict(reset)}], declaration)
