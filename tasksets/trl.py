"""A taskset for TRL's ``GRPOTrainer``: one object with the arguments that the trainer takes.

    from trl import GRPOConfig, GRPOTrainer
    from openenv_tasksets.trl import TasksetSpec

    spec = TasksetSpec("hf://datasets/acme/word-problems/grade-school-math@v1")
    trainer = GRPOTrainer(
        model="Qwen/Qwen3-0.6B",
        args=GRPOConfig(num_generations=8),
        train_dataset=spec.train_dataset,
        environment_factory=spec.environment_factory,
    )

It has the three properties of TRL's own specs (``HarborSpec``, ``OpenRewardSpec``). Neither TRL nor torch is imported.
"""

import hashlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openenv_tasksets.consent import Consent
from openenv_tasksets.installed import find_environment
from openenv_tasksets.loaders.errors import SelectionError, SplitEndless
from openenv_tasksets.loaders.order import positions
from openenv_tasksets.loop_thread import LoopThread
from openenv_tasksets.open_taskset import open_taskset
from openenv_tasksets.players import LocalPlayer, Player, RemotePlayer
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.task_client import ServerUnusable, TaskClient
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.tool import Tool, tools_of_host, tools_of_server
from openenv_tasksets.trainer_environment import TrainerEnvironment, environment_class

if TYPE_CHECKING:
    import datasets

    from openenv_tasksets.loaders.hub import Hub


class TasksetSpec:
    """What a trainer takes of a taskset, played in this process or at a server.

    Every rank makes the same one. ``close``, or the end of a ``with``, gives the environments back.

    Args:
        taskset: A taskset, or what ``open_taskset`` takes: ``hf://datasets/...``, ``namespace/name``, or a folder.
        url: A server of a taskset, instead: ``http://host:port``, or with the path of one environment behind it.
        environment: Which environment of it; may be left out where there is one.
        split: What is trained on; None takes ``train``, else the first.
        start: The first position, in [0, 2**63).
        stop: The position to end before; None takes one epoch from ``start`` on.
        trust_remote_code: The user's word that the environment may execute code from its rows, in this process.
        consent: The rest of the user's word, such as for secrets; None is none.
        hub: None takes the Hub of the environment's variables.

    Raises:
        SelectionError: Not exactly one of ``taskset`` and ``url`` is given; or there is no such split.
        TasksetError: There is no such taskset.
        ServerUnusable: There is no server of tasks at ``url``.
        ValueError: ``start`` or ``stop`` is out of range.
    """

    def __init__(
        self,
        taskset: Taskset | str | Path | None = None,
        *,
        url: str | None = None,
        environment: str | None = None,
        split: str | None = None,
        start: int = 0,
        stop: int | None = None,
        trust_remote_code: bool = False,
        consent: Consent | None = None,
        hub: "Hub | None" = None,
    ) -> None:
        if (taskset is None) == (url is None):
            raise SelectionError("a TasksetSpec is of a taskset or of a server: give a taskset, or url=")
        self._venue: _Server | _Process
        if url is not None:
            self._venue = _Server(url, TaskClient(url, environment).environment)
        else:
            opened = _opened(taskset, environment, hub)
            consent = consent or Consent()
            if trust_remote_code:
                consent = replace(consent, execution=consent.execution | {opened.environment.id})
            self._venue = _Process(opened, consent)
        self.split = self._venue.resolve_split(split)
        self._start = start
        self._stop = stop
        positions(start, stop=stop)

    def __enter__(self) -> "TasksetSpec":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TasksetSpec of {self._venue.name!r}, split {self.split!r}>"

    @cached_property
    def train_dataset(self) -> "datasets.Dataset":
        """One row a position, with the one column ``seed``: what a task is, its environment says in reset().

        Reads no row. Takes 8 bytes a position.

        Raises:
            SplitEndless: The split has no end, and no ``stop`` was given.
            ServerUnusable: The server does not answer.
        """
        stop = self._start + self._venue.num_tasks(self.split) if self._stop is None else self._stop
        return _dataset("seed", range(self._start, stop))

    def eval_dataset(self, split: str, *, stop: int | None = None) -> "datasets.Dataset":
        """One row a task of another split, in order, for ``eval_dataset``: the same environments play it.

        Args:
            split: Which.
            stop: The index to end before; None takes all.

        Raises:
            SelectionError: There is no such split.
            SplitEndless: The split has no end, and ``stop`` is not given.
            ServerUnusable: The server does not answer.
        """
        split = self._venue.resolve_split(split)
        stop = self._venue.num_tasks(split) if stop is None else stop
        return _dataset("index", range(stop), split)

    @cached_property
    def environment_factory(self) -> "EnvironmentFactory":
        """Makes an instance for each rollout of a batch. Pickled, it makes them in another process."""
        return EnvironmentFactory(self._venue, self.split)

    @property
    def reward_funcs(self) -> list[Callable[..., Any]]:
        """None at all, since the environment's ``get_reward`` is the reward; TRL adds others to it."""
        return []

    def close(self) -> None:
        """Give the environments back; the factory makes new ones."""
        if "environment_factory" in vars(self):
            self.environment_factory.close()


@dataclass(frozen=True, slots=True)
class _Process:
    """A taskset whose environment runs in this process."""

    taskset: Taskset
    consent: Consent

    @property
    def name(self) -> str:
        return self.taskset.environment.id

    def resolve_split(self, split: str | None) -> str:
        return self.taskset.resolve_split(split)

    def num_tasks(self, split: str) -> int:
        return len(self.taskset.split(split))

    def open(self, thread: LoopThread) -> tuple[list[Tool], Callable[[], Awaitable[Player]]]:
        # A trainer may take longer for an update than a server waits for a client.
        settings = HostSettings(session_timeout=None)
        environment = find_environment(self.taskset.environment)
        host = Host(self.taskset, environment, consent=self.consent, settings=settings)
        return thread.call(tools_of_host(host)), partial(LocalPlayer.open, host)


@dataclass(frozen=True, slots=True)
class _Server:
    """A taskset that a server serves."""

    url: str
    name: str

    def resolve_split(self, split: str | None) -> str:
        return TaskClient(self.url, self.name).resolve_split(split)

    def num_tasks(self, split: str) -> int:
        try:
            return TaskClient(self.url, self.name).num_tasks(split)
        except ServerUnusable as exc:
            if exc.status != 501:
                raise
            raise SplitEndless(f"split {split!r} has no end, or the server does not count it: give stop=") from exc

    def open(self, _thread: LoopThread) -> tuple[list[Tool], Callable[[], Awaitable[Player]]]:
        client = TaskClient(self.url, self.name)
        return tools_of_server(client), partial(RemotePlayer.open, client.base_url)


class EnvironmentFactory:
    """Makes a trainer's environments, all of one class. Thread-safe.

    Args:
        venue: Where they play.
        split: What rows that name no split are of.
    """

    def __init__(self, venue: "_Server | _Process", split: str) -> None:
        self._venue = venue
        self._split = split
        self._lock = threading.Lock()
        self._opened: tuple[LoopThread, Callable[[], Awaitable[Player]], type[TrainerEnvironment]] | None = None
        self._made: list[TrainerEnvironment] = []

    def __call__(self) -> TrainerEnvironment:
        """An instance of its own for each rollout; the first one opens the rows, or asks the server for its tools.

        Raises:
            TasksetError: The environment is not installed, lacks the user's consent, or cannot be played so.
        """
        with self._lock:
            thread, open_player, cls = self._opened = self._opened or self._open()
            self._made.append(cls(thread, open_player, self._split))
            return self._made[-1]

    def close(self) -> None:
        """Give the environments back."""
        with self._lock:
            for each in self._made:
                each._close()
            if self._opened is not None:
                self._opened[0].stop()
            self._made, self._opened = [], None

    def __reduce__(self) -> tuple[Any, ...]:
        return EnvironmentFactory, (self._venue, self._split)

    def _open(self) -> tuple[LoopThread, Callable[[], Awaitable[Player]], type[TrainerEnvironment]]:
        thread = LoopThread("trainer's environments")
        try:
            tools, open_player = self._venue.open(thread)
            return thread, open_player, environment_class(self._venue.name, tools)
        except BaseException:
            thread.stop()
            raise


def _opened(taskset: Any, environment: str | None, hub: "Hub | None") -> Taskset:
    if not isinstance(taskset, Taskset):
        return open_taskset(taskset, environment=environment, hub=hub)
    if environment not in (None, taskset.environment.id):
        raise SelectionError(f"the taskset is of environment {taskset.environment.id!r}, not {environment!r}")
    return taskset


def _dataset(name: str, numbers: range, split: str | None = None) -> "datasets.Dataset":
    import datasets
    import numpy as np
    import pyarrow as pa

    columns = {name: pa.array(np.arange(numbers.start, numbers.stop, dtype=np.int64))}
    if split is not None:
        columns["split"] = pa.repeat(split, len(numbers))
    # Without one, the library hashes a copy of the table.
    fingerprint = hashlib.blake2b(repr((name, numbers, split)).encode(), digest_size=8).hexdigest()
    return datasets.Dataset(pa.table(columns), fingerprint=fingerprint)
