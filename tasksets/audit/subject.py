"""What is audited: a served taskset, the tasks that are looked at, and episodes of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tqdm import tqdm

from openenv_tasksets.audit.actions import filled, listed_tools, tool_calls
from openenv_tasksets.audit.planted_taskset import PlantedTaskset
from openenv_tasksets.audit.variation import differing
from openenv_tasksets.audit.wire import Connection, Heard, Wire
from openenv_tasksets.audit.written import Written
from openenv_tasksets.declaration import RewardDeclaration, TemplateArgument, ValueArgument
from openenv_tasksets.loaders.errors import RowError
from openenv_tasksets.server.host import Host
from openenv_tasksets.task import Task
from openenv_tasksets.template import parse_template

MOST_STEPS = 8
NONSENSE = "audit"
LIST_TOOLS = {"type": "list_tools"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer of an episode.

    Attributes:
        channel: ``reset``, ``step`` or ``state``.
        output: What the agent sees of it: observation and metadata; of a state all of it; of an error its code.
        reward: The reward, as a number; None where there is none.
        done: Whether the episode is over.
        failed: Whether it is an error.
    """

    channel: str
    output: Any
    reward: float | None
    done: bool
    failed: bool

    @classmethod
    def of(cls, heard: Heard) -> "Seen":
        """Read an answer to a frame."""
        frame = heard.json
        data = frame["data"]
        channel = heard.channel.partition(",")[0]
        if frame["type"] == "error":
            return cls(channel, {"code": data.get("code"), "message": data.get("message")}, None, False, True)
        if frame["type"] == "state":
            return cls(channel, data, None, False, False)
        reward = data.get("reward")
        output = {name: value for name, value in data.items() if name not in ("reward", "done")}
        return cls(channel, output, None if reward is None else float(reward), bool(data.get("done")), False)

    @property
    def bytes(self) -> str:
        """The output as text, with the order of its members: equal where the agent gets equal bytes."""
        return json.dumps(self.output, ensure_ascii=False)


class Subject:
    """A taskset behind a server.

    Args:
        taskset: Its tasks, whose hidden values can be planted.
        host: What is served.
        wire: The client of that server.
        written: What this process logs.
        limit: How many tasks of each split are played, >= 1.
        allow_feedback: Whether steps may tell something of hidden values.
    """

    def __init__(
        self,
        taskset: PlantedTaskset,
        host: Host,
        wire: Wire,
        written: Written,
        *,
        limit: int,
        allow_feedback: bool = False,
    ) -> None:
        self.taskset = taskset
        self.host = host
        self.wire = wire
        self.written = written
        self.allow_feedback = allow_feedback
        self.skipped = 0
        self._limit = limit
        self._constants = _constants(taskset)

    @cached_property
    def tasks(self) -> Sequence[Task]:
        """The tasks that are played: evenly spread over each split, without those that cannot be bound."""
        tasks = []
        for name in self.taskset:
            size = self.taskset.num_tasks(name)
            count = min(size, self._limit)
            for number in range(count):
                try:
                    tasks.append(self.taskset.task(name, number * size // count))
                except RowError:
                    self.skipped += 1
        return tasks

    @cached_property
    def hidden_names(self) -> tuple[str, ...]:
        """The hidden arguments whose values come from rows; a constant stands in the declaration for all to read."""
        names = {name: None for task in self.tasks for name in task.hidden.reveal()}
        return tuple(name for name in names if name not in self._constants)

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The published JSON Schema of an action."""
        published = self.wire.get("/schema").json
        action = published.get("action") if isinstance(published, dict) else None
        return action if isinstance(action, dict) else {}

    @property
    def top_reward(self) -> float:
        """The declared top of the range, else the threshold of success, else 1."""
        reward = self.taskset.environment.reward
        if not isinstance(reward, RewardDeclaration):
            return 1.0
        if reward.range is not None:
            return reward.range[1]
        return 1.0 if reward.success_threshold is None else reward.success_threshold

    def hidden_of(self, task: Task) -> dict[str, Any]:
        """The hidden values that come from the task's row."""
        return {name: value for name, value in task.hidden.reveal().items() if name not in self._constants}

    @cached_property
    def public_names(self) -> frozenset[str]:
        """The hidden arguments that are public under some name: in every task the same value is."""
        return frozenset(
            name
            for name in self.hidden_names
            if any(
                all(_is_same(task.hidden.reveal().get(name), task.public[public]) for task in self.tasks)
                for public in self.tasks[0].public
            )
        )

    def shows(self, channel: str, name: str) -> bool:
        """Whether a channel may show a hidden argument: a trainer's may, where the same value is public."""
        return "state" in channel and name in self.public_names

    @property
    def has_tools(self) -> bool:
        """Whether tools are called by steps, as in OpenEnv's MCP environments, whatever else a step may be."""
        return self.host.kind.tool_actions

    def play(self, session: Connection, task: Task) -> Iterator[Seen]:
        """An episode of somebody who knows nothing, until it is done or fails: each answer, and the state after it.

        The actions are the same in every episode of a task: a call of each tool that is listed, then what the
        published schema allows.
        """
        yield (seen := self.reset(session, task))
        if seen.failed or seen.done:
            return
        yield Seen.of(session.ask("state"))
        actions = [filled(self.schema, NONSENSE)] * MOST_STEPS
        if self.has_tools:
            yield (seen := self.step(session, LIST_TOOLS))
            calls = list(tool_calls(listed_tools(seen.output), NONSENSE))
            actions = calls if "tool_name" in self.schema.get("properties", {}) else [*calls, *actions]
        for action in actions:
            yield (seen := self.step(session, action))
            if seen.failed or seen.done:
                return
            yield Seen.of(session.ask("state"))

    def reset(self, session: Connection, task: Task) -> Seen:
        """The first answer of an episode of a task."""
        return Seen.of(session.ask("reset", {"split": task.split, "index": task.index, "episode_id": "audit"}))

    def step(self, session: Connection, action: Any) -> Seen:
        """One step. What is seen when the episode is done may rightly hold the answer: it is forgotten."""
        seen = Seen.of(session.ask("step", action))
        if seen.done:
            self.wire.heard.pop()
        return seen

    def total_reward(self, session: Connection, task: Task, action: Mapping[str, Any]) -> float | None:
        """What an episode earns in which only this action is taken: the sum, or the last reward if that is more.

        None where the environment refuses the task or the action.
        """
        seen = self.reset(session, task)
        rewards = []
        for _ in range(MOST_STEPS):
            if seen.failed or seen.done:
                break
            seen = self.step(session, action)
            if seen.reward is not None:
                rewards.append(seen.reward)
        if seen.failed and not rewards:
            return None
        return max(sum(rewards), rewards[-1]) if rewards else 0.0

    def acceptable(self, session: Connection, task: Task, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """What of other hidden values the environment takes in a reset: all of them, else those that it takes alone."""
        wanted = {name: wanted[name] for name in differing(self.hidden_of(task), wanted)}
        if not wanted or self._takes(session, task, wanted):
            return wanted
        alone = {name: value for name, value in wanted.items() if self._takes(session, task, {name: value})}
        return alone if self._takes(session, task, alone) else dict(list(alone.items())[:1])

    def progress(self, what: str) -> Iterator[Task]:
        """The tasks, with a bar on a terminal once it has taken a second."""
        yield from tqdm(self.tasks, desc=what, unit=" tasks", delay=1, disable=None, leave=False)

    def _takes(self, session: Connection, task: Task, hidden: Mapping[str, Any]) -> bool:
        with self.taskset.planted(task, hidden):
            return not self.reset(session, task).failed


def _is_same(one: Any, other: Any) -> bool:
    return not differing({"value": one}, {"value": other})


def _constants(taskset: PlantedTaskset) -> frozenset[str]:
    declared = taskset.environment.task
    if declared is None or not isinstance(declared.reset, Mapping):
        return frozenset()
    return frozenset(
        name
        for name, argument in declared.reset.items()
        if isinstance(argument, ValueArgument)
        or (isinstance(argument, TemplateArgument) and not parse_template(argument.template).columns)
    )
