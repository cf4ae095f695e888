"""What a trainer holds for one rollout at a time: an episode with reset(), tools as methods, and the reward.

The protocol is that of TRL's ``environment_factory``; nothing of TRL is imported.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from openenv_tasksets.loaders.errors import (
    EnvironmentFailed,
    PolicyError,
    ResetNeeded,
    SelectionError,
    TasksetError,
    TimeExceeded,
)
from openenv_tasksets.loop_thread import LoopThread
from openenv_tasksets.players import Player
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.tools import read_answer
from openenv_tasksets.task_client import ServerUnusable
from openenv_tasksets.tool import Tool
from openenv_tasksets.tool_method import tool_method

_SELECTORS = ("seed", "index", "task_id")


class TrainerEnvironment:
    """Plays one episode after the other; a subclass made by ``environment_class`` has the tools as methods.

    Public methods other than ``reset`` and ``get_reward`` are the model's tools, so there are none here.

    Args:
        thread: Where its player runs.
        open_player: Makes its player, at the first reset().
        split: The split of rows that name none.
    """

    def __init__(self, thread: LoopThread, open_player: Callable[[], Awaitable[Player]], split: str) -> None:
        self._thread = thread
        self._open_player = open_player
        self._split = split
        self._player: Player | None = None
        self._state: Mapping[str, Any] = {}
        self._reward = 0.0
        self._done = True
        self._failed = False

    def reset(self, **row: Any) -> str:
        """Begin an episode on the task that a row of the trainer's dataset names.

        Args:
            row: ``seed`` (a position), or ``index`` or ``task_id``, with or without ``split``. What else it has is
                the trainer's, and not passed on.

        Returns:
            The observation, as text for the model.

        Raises:
            SelectionError: The row names no task.
            ServerUnusable: The server is gone, or plays another task.
            TasksetError: The episode could not begin.
        """
        request = {name: row[name] for name in _SELECTORS if row.get(name) is not None}
        if not request:
            raise SelectionError(
                f"a row names its task by one of {', '.join(_SELECTORS)}, or the members of a group would each get "
                "another: give the trainer the spec's train_dataset"
            )
        request["split"] = row.get("split") or self._split
        self._reward, self._done, self._failed, self._state = 0.0, True, False, {}
        outcome, state = self._thread.call(self._begin(request))
        _check_selected(request, state)
        self._state = state
        self._done = outcome.done
        return observation_text(outcome.observation)

    def get_reward(self) -> float | None:
        """The sum of the episode's rewards, 0.0 where the model took no action; None where the environment failed."""
        return None if self._failed else self._reward

    @property
    def task_id(self) -> str | None:
        """The id of the task that is played; None before the first reset()."""
        return self._state.get("task_id")

    @property
    def split(self) -> str | None:
        """Its split."""
        return self._state.get("split")

    @property
    def index(self) -> int | None:
        """Its index in the split."""
        return self._state.get("index")

    @property
    def position(self) -> int | None:
        """The position that selected it; None where an index or an id did."""
        return self._state.get("position")

    @property
    def done(self) -> bool:
        """Whether the episode is over, so that tools are refused."""
        return self._done

    def __repr__(self) -> str:
        return f"<{type(self).__name__} playing {self.task_id!r}>"

    async def _begin(self, request: Mapping[str, Any]) -> tuple[Outcome, Mapping[str, Any]]:
        if self._player is None:
            self._player = await self._open_player()
        try:
            outcome = await self._player.reset(request)
        except EnvironmentFailed:
            # Perhaps the server ended the session since the last episode, which is noticed only now.
            lost, self._player = self._player, None
            await lost.close()
            self._player = await self._open_player()
            outcome = await self._player.reset(request)
        return outcome, await self._player.state()

    def _use(self, tool: Tool, arguments: dict[str, Any]) -> str:
        """Call a tool; its reward is added up and its answer is the model's."""
        if self._done or self._player is None:
            raise ResetNeeded("the episode is over: no tool can be used any more")
        try:
            outcome = self._thread.call(self._player.step(tool.action(arguments)))
        except PolicyError as exc:
            raise PolicyError(_told(exc), exc.details) from exc
        except (EnvironmentFailed, ServerUnusable, TimeExceeded):
            self._failed = True
            raise
        self._reward += float(outcome.reward or 0.0)
        self._done = outcome.done or outcome.truncated_by is not None
        blocks = read_answer(outcome, of_step=tool.of_step).content
        return "\n".join(str(each.get("text", "")) for each in blocks if each.get("type") == "text")

    def _close(self) -> None:
        player, self._player = self._player, None
        self._done = True
        if player is not None:
            self._thread.call(player.close())


def environment_class(name: str, tools: Sequence[Tool]) -> type[TrainerEnvironment]:
    """The class of an environment's instances; trainers log its reward under its name.

    Raises:
        TasksetError: A tool cannot be a method.
    """
    methods = {tool.name: tool_method(tool, TrainerEnvironment._use) for tool in tools}
    taken = [each for each in methods if each.startswith("_") or hasattr(TrainerEnvironment, each)]
    if taken:
        raise TasksetError(
            f"environment {name!r} has a tool named {taken[0]!r}, which means something else to trainers"
        )
    return type(name, (TrainerEnvironment,), methods)


def observation_text(observation: Mapping[str, Any]) -> str:
    """What a model reads of the first observation: its prompt, and what else there is in it as JSON."""
    shown = {name: value for name, value in observation.items() if value is not None and (name, value) != _NO_METADATA}
    prompt = shown.get("prompt")
    parts = []
    if isinstance(prompt, str):
        parts.append(prompt)
    elif isinstance(prompt, list) and prompt and all(_is_message(each) for each in prompt):
        alone = len(prompt) == 1
        parts += [each["content"] if alone else f"{each['role']}: {each['content']}" for each in prompt]
    if parts:
        del shown["prompt"]
    if shown:
        parts.append(msgspec.json.encode(shown).decode())
    return "\n\n".join(parts)


_NO_METADATA: tuple[str, dict[str, Any]] = ("metadata", {})


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), str)


def _told(error: PolicyError) -> str:
    """What is wrong with an action, for the model to read: trainers show it an error's text."""
    issues = [(each.get("loc"), each.get("msg")) for each in error.details]
    told = [f"{'.'.join(map(str, loc)) if isinstance(loc, list | tuple) else loc}: {msg}" for loc, msg in issues]
    return "; ".join([error.message, *told])


def _check_selected(request: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Whether the player plays what was asked for: else a group's members might play different tasks unnoticed."""
    position = "index" not in request and "task_id" not in request
    asked = {"position": request["seed"]} if position else {k: request[k] for k in ("index", "task_id") if k in request}
    asked["split"] = request["split"]
    played = {name: state.get(name) for name in asked}
    if played != asked:
        raise ServerUnusable(f"asked for the task at {asked}, the environment's state tells {played}")
