"""Task API and row selection for any OpenEnv ``Environment``, to run under OpenEnv's own server.

    from openenv.core.env_server import create_app

    app = create_app(bind_environment(MyEnvironment, taskset), MyAction, MyObservation, env_name="my-env")

This module needs no OpenEnv: it only adds methods that OpenEnv's server looks for.
"""

from collections.abc import Mapping
from typing import Any

from openenv_tasksets.environment import Accepts, accepts, check_arguments, method_name
from openenv_tasksets.episode import Episode, select
from openenv_tasksets.position_counter import PositionCounter
from openenv_tasksets.task_provider import TaskProvider
from openenv_tasksets.taskset import Taskset


class TasksetMixin:
    """Stands before an ``Environment`` class; made by ``bind_environment``."""

    _provider: TaskProvider
    _taskset: Taskset
    _accepted: Accepts
    _positions: PositionCounter
    _arguments: Mapping[str, Any]
    _episode: Episode | None = None

    def __init__(self) -> None:
        super().__init__(**self._arguments)

    def list_splits(self) -> list[dict[str, str]]:
        """See ``TaskProvider``."""
        return self._provider.list_splits()

    def list_tasks(self, split: str) -> list[dict[str, Any]]:
        """See ``TaskProvider``."""
        return self._provider.list_tasks(split)

    def num_tasks(self, split: str) -> int:
        """See ``TaskProvider``."""
        return self._provider.num_tasks(split)

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """See ``TaskProvider``."""
        return self._provider.get_task(split, index)

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[dict[str, Any]]:
        """See ``TaskProvider``."""
        return self._provider.get_task_range(split, start, stop)

    def reset(self, **request: Any) -> Any:
        """Select a task (see ``openenv_tasksets.episode.select``) and reset the environment to it."""
        episode = self._select(request)
        observation = super().reset(**episode.arguments)  # type: ignore[misc]
        self._episode = episode
        return observation

    @property
    def state(self) -> Any:
        """The environment's state, with what the trainer may know of the task."""
        state = super().state  # type: ignore[misc]
        if self._episode is None:
            return state
        if hasattr(state, "model_copy"):
            return state.model_copy(update=self._episode.state())
        return {**(state or {}), **self._episode.state()}

    def _select(self, request: Mapping[str, Any]) -> Episode:
        return select(request, self._taskset, self._accepted, self._positions.next)


class _AsyncResetMixin(TasksetMixin):
    """For environments whose reset is ``reset_async``: OpenEnv's server calls only that one then."""

    async def reset_async(self, **request: Any) -> Any:
        episode = self._select(request)
        observation = await super().reset_async(**episode.arguments)  # type: ignore[misc]
        self._episode = episode
        return observation


def bind_environment(
    environment: type[Any],
    taskset: Taskset,
    *,
    arguments: Mapping[str, Any] | None = None,
    start_position: int = 0,
) -> type[Any]:
    """A subclass of ``environment`` whose reset() selects tasks and which has the Task API.

    Args:
        environment: An OpenEnv ``Environment`` subclass.
        taskset: Its tasks.
        arguments: For the environment's constructor; the result's constructor takes none.
        start_position: The first position for a reset() that names no task, in [0, 2**63).

    Raises:
        EnvironmentNotFound: The tasks bind arguments that the environment's reset() does not take.
    """
    method = method_name(environment, "reset")
    accepted = accepts(getattr(environment, method), skip_self=True)
    for name in taskset:
        if not taskset.split(name).is_empty:
            check_arguments(accepted, taskset.task(name, 0).arguments(), environment.__name__)
    return type(
        environment.__name__,
        (TasksetMixin if method == "reset" else _AsyncResetMixin, environment),
        {
            "__doc__": environment.__doc__,
            "__module__": environment.__module__,
            "_taskset": taskset,
            "_provider": TaskProvider(taskset),
            "_accepted": accepted,
            "_positions": PositionCounter(start_position),
            "_arguments": dict(arguments or {}),
        },
    )
