"""A client bound to a taskset: it plays episodes, and knows which row each one is (RFC 006, "The client").

Tasks are selected by ``reset()`` and by nothing else; ``step()`` never moves to another. Where a walk through the
tasks is, its iterator knows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openenv_tasksets.loaders.errors import ResetNeeded, TasksetError
from openenv_tasksets.loaders.order import positions
from openenv_tasksets.players import Player
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.task import Task
from openenv_tasksets.task_client import ServerUnusable
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.view import TaskView

if TYPE_CHECKING:
    from openenv_tasksets.sync_taskset_client import SyncTasksetClient


@dataclass(frozen=True, slots=True)
class StepResult:
    """What reset() and step() give: OpenEnv's fields, of plain JSON values.

    Attributes:
        observation: What the agent sees.
        reward: The environment's reward, or None.
        done: Whether the episode is over, also where a limit ended it.
        metadata: The observation's metadata, or None.
        truncated_by: The limit that ended it (``max_steps``, ``episode_seconds``), or None.
    """

    observation: Mapping[str, Any]
    reward: float | None
    done: bool
    metadata: Mapping[str, Any] | None = None
    truncated_by: str | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> "StepResult":
        """Read a player's answer."""
        reward = None if outcome.reward is None else float(outcome.reward)
        done = outcome.done or outcome.truncated_by is not None
        return cls(outcome.observation, reward, done, outcome.metadata, outcome.truncated_by)


class TasksetClient:
    """Plays one split of a taskset; made by ``AutoEnv.from_env``. Calls must not overlap.

    ``async with`` opens and closes it; without that, the first reset() opens it and ``close()`` is yours to call.
    ``sync()`` has the same without ``await``.

    Args:
        taskset: The tasks.
        open_player: Makes what plays: in this process, or at a server.
        is_remote: Whether that is a server.

    Attributes:
        taskset: The tasks, in all splits.
    """

    def __init__(self, taskset: Taskset, open_player: Callable[[], Awaitable[Player]], *, is_remote: bool) -> None:
        self.taskset = taskset
        self._open_player = open_player
        self._is_remote = is_remote
        self._player: Player | None = None
        self._task: Task | None = None
        self._position: int | None = None

    async def __aenter__(self) -> "TasksetClient":
        await self._opened()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[StepResult]:
        """Each task of ``dataset`` once, in order: the first result of each episode, which you then step through."""
        for index in self.dataset.indices:
            yield await self.reset(index=index)

    def __repr__(self) -> str:
        return f"<TasksetClient of {self.dataset_ref}, split {self.split!r}>"

    @property
    def split(self) -> str:
        """The split that is played where reset() names none."""
        return self.taskset.default_split

    @property
    def dataset(self) -> TaskView:
        """The tasks of that split."""
        return self.taskset[self.split]

    @property
    def dataset_ref(self) -> str:
        """The reference at its commit; of a taskset that is not from the Hub, the path of its declaration."""
        if self.taskset.reference is not None:
            return str(self.taskset.reference)
        return str(self.taskset.declaration.source or self.taskset.environment.id)

    @property
    def dataset_index(self) -> int | None:
        """The index of the task that is being played, in its split; None before the first reset()."""
        return None if self._task is None else self._task.index

    @property
    def position(self) -> int | None:
        """The position that selected the task; None where an index or an id did, and before the first reset()."""
        return self._position

    @property
    def current_row(self) -> dict[str, Any]:
        """What of the row the agent or the trainer may see: id, split, index, row, public and visible values.

        Raises:
            ResetNeeded: No task is being played.
        """
        task = self._current()
        return {**task.spec(), **task.visible}

    def whole_row(self) -> dict[str, Any]:
        """Every bound column of the row, hidden ones included: not for the agent.

        Raises:
            ResetNeeded: No task is being played.
            TasksetError: A server plays it: who plays at a server is not shown answers.
        """
        task = self._current()
        if self._is_remote:
            raise TasksetError("the whole row is shown only where the environment runs in this process")
        return dict(self.taskset.split(task.split).rows[task.row])

    async def reset(self, **selectors: Any) -> StepResult:
        """Begin an episode.

        Args:
            selectors: ``index``, ``task_id`` or ``seed`` (a position), ``split``, ``episode_id``; none gives the next
                position. What else is given goes to the environment, where it takes it.

        Raises:
            TasksetError: No such task, or the environment cannot play it.
            ServerUnusable: The server is gone, or plays another taskset.
        """
        player = await self._opened()
        request = {"split": self.split, **selectors}
        self._task = self._position = None
        outcome = await player.reset(request)
        self._task, self._position = self._selected(await player.state(), request["split"])
        return StepResult.of(outcome)

    async def step(self, action: Mapping[str, Any]) -> StepResult:
        """Take one action.

        Raises:
            ResetNeeded: No episode is running.
            PolicyError: The action is not one that the environment takes; the episode goes on.
            TasksetError: The environment failed, or did not answer in time.
        """
        return StepResult.of(await (await self._opened()).step(action))

    async def state(self) -> dict[str, Any]:
        """What the trainer may know of the episode: the environment's state, and which task it is."""
        return dict(await (await self._opened()).state())

    def sync(self) -> "SyncTasksetClient":
        """The same client without ``await``; use only one of the two."""
        from openenv_tasksets.sync_taskset_client import SyncTasksetClient

        return SyncTasksetClient(self)

    async def close(self) -> None:
        """Give the environment back; a later reset() makes a new one."""
        player, self._player = self._player, None
        self._task = self._position = None
        if player is not None:
            await player.close()

    def episodes(self, start: int = 0, *, shard_index: int = 0, shard_count: int = 1) -> AsyncIterator[StepResult]:
        """The first result of one episode after another, endlessly, along the positions from ``start`` on.

        To resume elsewhere, start behind the last ``position``. Shard i of c has the positions p with p % c == i.

        Raises:
            ValueError: ``start`` or the shard is out of range.
        """
        return self._episodes(positions(start, shard_index=shard_index, shard_count=shard_count))

    async def _episodes(self, seeds: Any) -> AsyncIterator[StepResult]:
        for seed in seeds:
            yield await self.reset(seed=seed)

    async def _opened(self) -> Player:
        if self._player is None:
            self._player = await self._open_player()
        return self._player

    def _current(self) -> Task:
        if self._task is None:
            raise ResetNeeded("no task is being played: call reset() first")
        return self._task

    def _selected(self, state: Mapping[str, Any], split: str) -> tuple[Task, int | None]:
        """The task that was selected, compared with what the player says it is."""
        index, position = state.get("index"), state.get("position")
        if not isinstance(index, int):
            raise ServerUnusable("the server's state does not tell which task it plays")
        task = self.taskset.task(split, index)
        elsewhere = position is not None and self.taskset.locate(split, position)[1] != index
        if elsewhere or (state.get("split"), state.get("task_id")) != (split, task.id):
            raise ServerUnusable(
                f"the server plays task {state.get('task_id')!r} where {self.dataset_ref} has {task.id!r}: it serves "
                f"other rows, or in another order"
            )
        return task, position
