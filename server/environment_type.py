"""What is known of an environment class before any instance is made: signature, types, how to call it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from openenv_tasksets.environment import Accepts, Environment, accepts, method_name
from openenv_tasksets.server.environment_thread import EnvironmentThread, shared_thread
from openenv_tasksets.server.wire_type import WireType, method_types, wire_type


@dataclass(frozen=True, slots=True)
class EnvironmentType:
    """An environment class, read once.

    Attributes:
        name: The class's name.
        make: Makes an instance.
        accepted: What its reset() takes.
        action: The action's type.
        observation: The type that step() returns.
        reset_observation: The type that reset() returns.
        state: The type of ``state``.
        reset_method: ``reset`` or ``reset_async``.
        step_method: ``step`` or ``step_async``.
        blocking: Whether calls must be kept off the event loop.
        concurrent: Whether several instances may live at once.
        executes_rows: Whether it runs code from the rows.
        thread: Where a blocking instance is made, called and closed: on a thread of its own, or on one for all
            instances where the class says ``REQUIRES_SINGLE_THREAD_EXECUTOR``.
    """

    name: str
    make: Callable[[], Environment]
    accepted: Accepts
    action: WireType
    observation: WireType
    reset_observation: WireType
    state: WireType
    reset_method: str
    step_method: str
    blocking: bool
    concurrent: bool
    executes_rows: bool
    thread: Callable[[], EnvironmentThread]

    @classmethod
    def of(cls, environment: type[Any], arguments: Mapping[str, Any] | None = None) -> "EnvironmentType":
        """Read a class.

        Args:
            environment: The class.
            arguments: Its constructor's, by name; None is none.
        """
        reset, step = method_name(environment, "reset"), method_name(environment, "step")
        action, observation = method_types(environment, step)
        _, reset_observation = method_types(environment, reset)
        _, state = method_types(environment, "state")
        name = environment.__name__
        step_type = wire_type(observation, f"{name}Observation")
        return cls(
            name=name,
            make=lambda: environment(**(arguments or {})),
            accepted=accepts(getattr(environment, reset), skip_self=True),
            action=wire_type(action, f"{name}Action"),
            observation=step_type,
            reset_observation=step_type
            if reset_observation is None
            else wire_type(reset_observation, f"{name}Observation"),
            state=wire_type(state, "State"),
            reset_method=reset,
            step_method=step,
            blocking=bool(getattr(environment, "blocking", True)),
            concurrent=bool(getattr(environment, "SUPPORTS_CONCURRENT_SESSIONS", True)),
            executes_rows=bool(getattr(environment, "executes_rows", False)),
            thread=partial(shared_thread, environment)
            if getattr(environment, "REQUIRES_SINGLE_THREAD_EXECUTOR", False)
            else partial(EnvironmentThread, name),
        )
