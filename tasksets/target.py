"""What a run plays against: a taskset in this process, or a server behind a URL."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from openenv_tasksets.declaration import RewardDeclaration
from openenv_tasksets.index_sequence import Shuffled
from openenv_tasksets.loaders.errors import RowError
from openenv_tasksets.loaders.order import epoch_key
from openenv_tasksets.play import TaskSpec
from openenv_tasksets.players import LocalPlayer, Player, RemotePlayer
from openenv_tasksets.report import Label
from openenv_tasksets.server.host import Host
from openenv_tasksets.split import Split
from openenv_tasksets.task_client import ServerUnusable, TaskClient
from openenv_tasksets.task_provider import MAX_PAGE

DEFAULT_SUCCESS_THRESHOLD = 1.0


class Target(Protocol):
    """Something to play against."""

    @property
    def identity(self) -> str:
        """Which tasks these are, for records: a run is resumed only on the same ones."""
        ...

    @property
    def action_schema(self) -> Mapping[str, Any]:
        """JSON Schema of the actions."""
        ...

    @property
    def success_threshold(self) -> float:
        """The reward from which an episode is a success."""
        ...

    def specs(self, indices: Sequence[int]) -> Iterator[TaskSpec]:
        """What is known of the tasks at these indices of the split, read as they are asked for."""
        ...

    async def open_player(self) -> Player:
        """A player of its own for one worker; raises CapacityReached where there is no room."""
        ...


class LocalTarget:
    """A split of a host in this process."""

    def __init__(self, host: Host, split: Split) -> None:
        self._host = host
        self._split = split

    @property
    def identity(self) -> str:
        """Environment and split, and a hash of the rows and of how they are served; reads the files once."""
        content = hashlib.blake2b(self._split.identity.encode(), digest_size=8).hexdigest()
        return f"{self._host.id}/{self._split.name}@{content}"

    @property
    def action_schema(self) -> Mapping[str, Any]:
        """As ``Target.action_schema``."""
        return self._host.kind.action.schema

    @property
    def success_threshold(self) -> float:
        """The declared one, else the top of the declared range, else 1."""
        reward = self._host.taskset.environment.reward
        if not isinstance(reward, RewardDeclaration):
            return DEFAULT_SUCCESS_THRESHOLD
        if reward.success_threshold is not None:
            return reward.success_threshold
        return DEFAULT_SUCCESS_THRESHOLD if reward.range is None else reward.range[1]

    def specs(self, indices: Sequence[int]) -> Iterator[TaskSpec]:
        """As ``Target.specs``; a row that cannot be bound is told of by its episode."""
        for index in indices:
            try:
                yield _spec(self._split.name, index, self._split.task(index).spec())
            except RowError:
                yield _spec(self._split.name, index, {})

    async def open_player(self) -> Player:
        """As ``Target.open_player``."""
        return await LocalPlayer.open(self._host)


class RemoteTarget:
    """A split of a server's environment."""

    def __init__(self, client: TaskClient, split: str) -> None:
        self._client = client
        self._split = split
        self._schema = client.schema()

    @property
    def identity(self) -> str:
        """Environment and split: OpenEnv's routes tell no more of the rows."""
        return f"{self._client.environment}/{self._split}"

    @property
    def action_schema(self) -> Mapping[str, Any]:
        """As ``Target.action_schema``."""
        action = self._schema.get("action")
        return action if isinstance(action, dict) else {}

    @property
    def success_threshold(self) -> float:
        """1: OpenEnv's routes do not tell what is declared."""
        return DEFAULT_SUCCESS_THRESHOLD

    def indices(self, shuffle_seed: int | None = None) -> Sequence[int]:
        """All indices of the split, in their order or in one that the seed determines.

        Raises:
            ServerUnusable: The server does not tell how many there are.
        """
        size = self._client.num_tasks(self._split)
        if shuffle_seed is None or not size:
            return range(size)
        return Shuffled(size, epoch_key(f"{self._client.environment}/{self._split}/shuffle {shuffle_seed}", 0))

    def specs(self, indices: Sequence[int]) -> Iterator[TaskSpec]:
        """As ``Target.specs``; neighbours are asked for a page at a time."""
        if not isinstance(indices, range) or indices.step != 1:
            yield from (self._spec(index) for index in indices)
            return
        for start in range(indices.start, indices.stop, MAX_PAGE):
            yield from self._page(range(start, min(start + MAX_PAGE, indices.stop)))

    async def open_player(self) -> Player:
        """As ``Target.open_player``."""
        return await RemotePlayer.open(self._client.base_url)

    def _page(self, indices: range) -> Iterator[TaskSpec]:
        try:
            specs = self._client.task_range(self._split, indices.start, indices.stop)
        except ServerUnusable as exc:
            if exc.status is None:
                raise
            # One row of the page cannot be bound.
            yield from (self._spec(index) for index in indices)
            return
        yield from (_spec(self._split, index, spec) for index, spec in zip(indices, specs, strict=True))

    def _spec(self, index: int) -> TaskSpec:
        try:
            return _spec(self._split, index, self._client.task(self._split, index))
        except ServerUnusable as exc:
            if exc.status is None:
                raise
            return _spec(self._split, index, {})


def _spec(split: str, index: int, spec: Mapping[str, Any]) -> TaskSpec:
    return TaskSpec(
        id=str(spec.get("id", f"{split}-{index}")),
        split=split,
        index=index,
        difficulty=_label(spec.get("difficulty")),
        group=_label(spec.get("group")),
    )


def _label(value: Any) -> Label:
    return value if value is None or isinstance(value, str | int | float) else str(value)
