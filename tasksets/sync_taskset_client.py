"""The client of a taskset without ``await``: the same calls, on an event loop in a thread of its own."""

from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from openenv_tasksets.loop_thread import LoopThread
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.taskset_client import StepResult, TasksetClient
from openenv_tasksets.view import TaskView

Result = TypeVar("Result")


class SyncTasksetClient:
    """As ``TasksetClient``; ``with`` opens and closes it.

    Args:
        client: What it calls; not to be used elsewhere meanwhile.
    """

    def __init__(self, client: TasksetClient) -> None:
        self._client = client
        self._thread = LoopThread("taskset client")

    def __enter__(self) -> "SyncTasksetClient":
        self._call(self._client.__aenter__())
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[StepResult]:
        """Each task of ``dataset`` once, in order: the first result of each episode, which you then step through."""
        return self._iterate(self._client.__aiter__())

    def __repr__(self) -> str:
        return f"{self._client!r}.sync()"

    @property
    def taskset(self) -> Taskset:
        """The tasks, in all splits."""
        return self._client.taskset

    @property
    def split(self) -> str:
        """As ``TasksetClient.split``."""
        return self._client.split

    @property
    def dataset(self) -> TaskView:
        """As ``TasksetClient.dataset``."""
        return self._client.dataset

    @property
    def dataset_ref(self) -> str:
        """As ``TasksetClient.dataset_ref``."""
        return self._client.dataset_ref

    @property
    def dataset_index(self) -> int | None:
        """As ``TasksetClient.dataset_index``."""
        return self._client.dataset_index

    @property
    def position(self) -> int | None:
        """As ``TasksetClient.position``."""
        return self._client.position

    @property
    def current_row(self) -> dict[str, Any]:
        """As ``TasksetClient.current_row``."""
        return self._client.current_row

    def whole_row(self) -> dict[str, Any]:
        """As ``TasksetClient.whole_row``."""
        return self._client.whole_row()

    def reset(self, **selectors: Any) -> StepResult:
        """As ``TasksetClient.reset``."""
        return self._call(self._client.reset(**selectors))

    def step(self, action: Mapping[str, Any]) -> StepResult:
        """As ``TasksetClient.step``."""
        return self._call(self._client.step(action))

    def state(self) -> dict[str, Any]:
        """As ``TasksetClient.state``."""
        return self._call(self._client.state())

    def close(self) -> None:
        """Give the environment back, and end the thread: this is the last call."""
        if self._thread.is_running:
            self._call(self._client.close())
            self._thread.stop()

    def episodes(self, start: int = 0, *, shard_index: int = 0, shard_count: int = 1) -> Iterator[StepResult]:
        """As ``TasksetClient.episodes``."""
        return self._iterate(self._client.episodes(start, shard_index=shard_index, shard_count=shard_count))

    def _iterate(self, results: AsyncIterator[StepResult]) -> Iterator[StepResult]:
        while True:
            try:
                yield self._call(_next(results))
            except StopAsyncIteration:
                return

    def _call(self, call: Coroutine[Any, Any, Result]) -> Result:
        return self._thread.call(call)


async def _next(results: AsyncIterator[StepResult]) -> StepResult:
    return await anext(results)
