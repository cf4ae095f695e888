"""What is known of an environment class before any instance is made: signature, types, how to call it."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

from openenv_tasksets.environment import Accepts, Environment, accepts, method_name
from openenv_tasksets.loaders.errors import EnvironmentNotFound
from openenv_tasksets.server.environment_pool import pooled_environment
from openenv_tasksets.server.environment_thread import EnvironmentThread, shared_thread
from openenv_tasksets.server.pooled_environment import PooledEnvironment
from openenv_tasksets.server.tool_actions import RESERVED_NAMES, takes_tool_actions, with_tool_actions
from openenv_tasksets.server.wire_type import WireType, method_types, wire_type

Blocking = Literal[False, "thread", "pool", "process"]


@dataclass(frozen=True, slots=True)
class EnvironmentType:
    """An environment class, read once.

    Attributes:
        name: The class's name.
        cls: The class.
        arguments: Its constructor's, by name.
        accepted: What its reset() takes.
        action: The action's type.
        observation: The type that step() returns.
        reset_observation: The type that reset() returns.
        state: The type of ``state``.
        reset_method: ``reset`` or ``reset_async``.
        step_method: ``step`` or ``step_async``.
        step_options: What step() takes beside the action.
        blocking: Where its calls run: False is on the event loop, else a thread of its own, any thread of a pool, or
            a process of its own.
        asynchronous: Whether reset and step are coroutines, which run on the event loop in any case.
        concurrent: Whether several instances may live at once.
        executes_rows: Whether it runs code from the rows.
        thread: Where a blocking instance is made, called and closed: on a thread of its own, or on one for all
            instances where the class says ``REQUIRES_SINGLE_THREAD_EXECUTOR``, or on any of the pool.
        tool_actions: Whether its step() takes OpenEnv's actions to list and to call tools.
        step_tool: The name of the tool that a step() is offered as, or None.
        forwards_tools: False: its tools are known here.
    """

    name: str
    cls: type[Any]
    arguments: Mapping[str, Any]
    accepted: Accepts
    action: WireType
    observation: WireType
    reset_observation: WireType
    state: WireType
    reset_method: str
    step_method: str
    step_options: Accepts
    blocking: Blocking
    asynchronous: tuple[bool, bool]
    concurrent: bool
    executes_rows: bool
    thread: Callable[[], EnvironmentThread | PooledEnvironment]
    tool_actions: bool = False
    step_tool: str | None = None
    forwards_tools: bool = False

    def make(self) -> Environment:
        """A new instance."""
        made: Environment = self.cls(**self.arguments)
        return made

    @property
    def inline(self) -> bool:
        """Whether every call is a plain one on the event loop, so that nothing is ever waited for."""
        return self.blocking is False and not any(self.asynchronous)

    @property
    def pooled(self) -> bool:
        """Whether every call runs on the pool, so that nothing is waited for that needs a task."""
        return self.blocking == "pool" and not any(self.asynchronous)

    @classmethod
    def of(
        cls, environment: type[Any], arguments: Mapping[str, Any] | None = None, blocking: Blocking | None = None
    ) -> "EnvironmentType":
        """Read a class.

        Args:
            environment: The class.
            arguments: Its constructor's, by name; None is none.
            blocking: Where its calls run; None is where the class says.

        Raises:
            EnvironmentNotFound: The ``blocking`` is none of the five values; or it is a process, and the class cannot
                be imported there; or it is the pool, and the class wants one thread; or its ``step_tool`` is no name
                for a tool.
        """
        reset, step = method_name(environment, "reset"), method_name(environment, "step")
        action, observation = method_types(environment, step)
        _, reset_observation = method_types(environment, reset)
        _, state = method_types(environment, "state")
        name = environment.__name__
        blocking = _blocking(environment, blocking)
        asynchronous = tuple(inspect.iscoroutinefunction(getattr(environment, each)) for each in (reset, step))
        step_type = wire_type(observation, f"{name}Observation")
        action_type = wire_type(action, f"{name}Action")
        tool_actions = takes_tool_actions(environment, action)
        return cls(
            name=name,
            cls=environment,
            arguments=dict(arguments or {}),
            accepted=accepts(getattr(environment, reset), skip_self=True),
            action=with_tool_actions(action_type) if tool_actions else action_type,
            observation=step_type,
            reset_observation=step_type
            if reset_observation is None
            else wire_type(reset_observation, f"{name}Observation"),
            state=wire_type(state, "State"),
            reset_method=reset,
            step_method=step,
            step_options=_step_options(getattr(environment, step)),
            blocking=blocking,
            asynchronous=(asynchronous[0], asynchronous[1]),
            concurrent=bool(getattr(environment, "SUPPORTS_CONCURRENT_SESSIONS", True)),
            executes_rows=bool(getattr(environment, "executes_rows", False)),
            thread=_thread(environment, blocking),
            tool_actions=tool_actions,
            step_tool=_step_tool(environment),
        )


def class_at(module: str, path: str) -> type[Any]:
    """The class of a module by its qualified name.

    Raises:
        ImportError: There is no such module.
        AttributeError: It has nothing of that name.
    """
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return cast("type[Any]", found)


def _step_options(step: Callable[..., Any]) -> Accepts:
    accepted = accepts(step, skip_self=True)
    action = next(iter(list(inspect.signature(step).parameters)[1:]), "")
    return Accepts(accepted.names - {action}, accepted.any_name, frozenset())


def _step_tool(environment: type[Any]) -> str | None:
    name = getattr(environment, "step_tool", None)
    if name is None or (isinstance(name, str) and name.isidentifier() and name not in RESERVED_NAMES):
        return name
    raise EnvironmentNotFound(
        f"environment {environment.__name__!r} has step_tool = {name!r:.60}; expected a name such as 'submit', "
        f"and none of {', '.join(sorted(RESERVED_NAMES))}"
    )


def _thread(environment: type[Any], blocking: Blocking) -> Callable[[], EnvironmentThread | PooledEnvironment]:
    if blocking == "pool":
        return pooled_environment
    if getattr(environment, "REQUIRES_SINGLE_THREAD_EXECUTOR", False):
        return partial(shared_thread, environment)
    return partial(EnvironmentThread, environment.__name__)


def _blocking(environment: type[Any], wanted: Blocking | None) -> Blocking:
    """Where the calls run, as it is wanted, or else as the class says.

    Raises:
        EnvironmentNotFound: They cannot.
    """
    name = environment.__name__
    declared = getattr(environment, "blocking", True) if wanted is None else wanted
    if declared is False or declared is True:
        return "thread" if declared else False
    if declared not in ("thread", "pool", "process"):
        has = f"environment {name!r} has" if wanted is None else f"environment {name!r} was given"
        raise EnvironmentNotFound(
            f"{has} blocking = {declared!r:.60}; expected False, True, 'thread', 'pool' or 'process'"
        )
    if declared == "pool" and getattr(environment, "REQUIRES_SINGLE_THREAD_EXECUTOR", False):
        raise EnvironmentNotFound(
            f"environment {name!r} has REQUIRES_SINGLE_THREAD_EXECUTOR, so it cannot have blocking = 'pool', where any "
            "thread may call it; take 'thread', which is one thread for all its instances"
        )
    if declared == "process":
        _check_importable(environment)
    return cast("Blocking", declared)


def _check_importable(environment: type[Any]) -> None:
    module, path = environment.__module__, environment.__qualname__
    try:
        found = class_at(module, path)
    except (ImportError, AttributeError):
        found = None
    if found is not environment:
        raise EnvironmentNotFound(
            f"environment {environment.__name__!r} has blocking = 'process', but {module}:{path} is not where another "
            "process finds it; define the class at the top of a module that can be imported"
        )
