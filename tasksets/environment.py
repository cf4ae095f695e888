"""The contract of an environment, and what its signatures and annotations say."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from openenv_tasksets.loaders.errors import EnvironmentNotFound
from openenv_tasksets.loaders.spelling import nearest


@runtime_checkable
class Environment(Protocol):
    """What runs episodes. OpenEnv's ``Environment`` subclasses are such, and so is a class that never heard of it.

    Class attributes that are read where they exist:

    - ``blocking`` (default True): where its code runs. False promises that no call waits or computes for long, so
      that all may be made on the server's event loop. ``"thread"``, which is what True means, is a thread of its own:
      for code that waits. ``"pool"`` is for the same, where it does not matter which thread makes a call: any of some
      threads that all sessions share. ``"process"`` is a process of its own: for code that computes, or that can take
      its process down; the class must be importable by its module and name.
    - ``step_tool`` (default None): the name of the one tool that agents are offered over MCP. Its arguments are the
      fields of the action, and calling it is a step(). OpenEnv's ``MCPEnvironment`` has tools of its own.
    - ``executes_rows`` (default False): True says that it runs code from the rows; the user's consent is asked.
    - OpenEnv's ``SUPPORTS_CONCURRENT_SESSIONS`` (default True for a class without it), and
      ``REQUIRES_SINGLE_THREAD_EXECUTOR`` (default False): True has all instances on one thread, in turn.
    """

    def reset(self, *args: Any, **kwargs: Any) -> Any:
        """Begin an episode; called with the task's bound arguments by name. Returns the first observation."""
        ...

    def step(self, action: Any, /) -> Any:
        """Take one action; returns the next observation, which carries ``reward`` and ``done``."""
        ...

    @property
    def state(self) -> Any:
        """What the trainer may see of the environment between steps."""
        ...

    def close(self) -> None:
        """Give back what the environment holds. Called once, after the last step."""
        ...


def method_name(environment: type[Any], name: str) -> str:
    """``name``, or ``name_async`` where the class has one of its own, which is then the one to call.

    OpenEnv's base class has both, and its ``*_async`` only calls the other.

    Args:
        environment: The environment class.
        name: ``reset`` or ``step``.
    """
    function = getattr(environment, f"{name}_async", None)
    if function is None:
        return name
    inherited = (
        getattr(function, "__module__", "").endswith("env_server.interfaces")
        and getattr(function, "__qualname__", "") == f"Environment.{name}_async"
    )
    return name if inherited else f"{name}_async"


@dataclass(frozen=True, slots=True)
class Accepts:
    """Which keyword arguments a function takes.

    Attributes:
        names: Those it names.
        any_name: Whether it has ``**kwargs``.
        required: Those without a default.
        instance: What a method calls its instance, which ``**kwargs`` cannot carry; empty for a function.
    """

    names: frozenset[str]
    any_name: bool
    required: frozenset[str]
    instance: str = ""

    def __contains__(self, name: str) -> bool:
        return name in self.names or (self.any_name and name != self.instance)


def accepts(function: Callable[..., Any], *, skip_self: bool = False) -> Accepts:
    """Read a function's signature.

    Args:
        function: A function or a bound method.
        skip_self: Leave out the first parameter: for a method looked up on its class.
    """
    parameters = list(inspect.signature(function).parameters.values())
    instance = parameters.pop(0).name if skip_self else ""
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return Accepts(
        names=frozenset(p.name for p in named),
        any_name=any(p.kind is p.VAR_KEYWORD for p in parameters),
        required=frozenset(p.name for p in named if p.default is p.empty),
        instance=instance,
    )


def check_arguments(accepted: Accepts, bound: Iterable[str], environment_name: str) -> None:
    """Refuse a binding that the environment's reset() would drop or that leaves it short.

    Raises:
        EnvironmentNotFound: A bound argument that reset() does not take, or a required one that is not bound.
    """
    names = set(bound)
    for name in sorted(names):
        if name not in accepted:
            raise EnvironmentNotFound(
                f"environment {environment_name!r} takes no reset() argument {name!r}, which the task binds"
                + nearest(name, sorted(accepted.names))
            )
    missing = sorted(accepted.required - names - {"seed", "episode_id"})
    if missing:
        raise EnvironmentNotFound(
            f"environment {environment_name!r} needs reset() arguments that the task does not bind: "
            f"{', '.join(missing)}; bind them under task.reset"
        )
