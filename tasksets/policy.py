"""Policies: what turns an observation into an action.

A policy is asked for a fresh ``Act`` at the start of every episode, so that what it remembers (a conversation)
ends with the episode.
"""

import importlib
import inspect
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from openenv_tasksets.daemon_call import daemon_call
from openenv_tasksets.loaders.errors import PolicyError, TasksetError
from openenv_tasksets.loaders.spelling import nearest

Act = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""From an observation to an action; raises PolicyError."""


class Policy(Protocol):
    """Makes an ``Act`` for each episode. Several episodes may be played at once."""

    def begin(self) -> Act:
        """What plays the next episode."""
        ...


class FunctionPolicy:
    """A user's function, called with each observation.

    Args:
        function: Takes the observation as a dict and returns an action as a dict, or text for the action's only
            required text field; sync or async. A sync one runs on threads, as many at once as there are
            episodes in flight.
        field: That text field, as ``text_field`` finds it; None where there is none.
    """

    def __init__(self, function: Callable[[dict[str, Any]], Any], field: str | None) -> None:
        self._function = function
        self._field = field

    def begin(self) -> Act:
        """The function itself: it remembers nothing."""
        return self._act

    async def _act(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        try:
            if inspect.iscoroutinefunction(self._function):
                reply = await self._function(dict(observation))
            else:
                reply = await daemon_call(lambda: self._function(dict(observation)))
                if inspect.isawaitable(reply):
                    reply = await reply
        except Exception as exc:
            raise PolicyError(f"the policy raised {_told(exc)}") from exc
        return to_action(reply, self._field)


def to_action(reply: Any, field: str | None) -> dict[str, Any]:
    """A policy's reply as an action of plain JSON values.

    Raises:
        PolicyError: It is neither a mapping nor text that the action has a field for, or has no JSON form.
    """
    if isinstance(reply, str):
        if field is None:
            raise PolicyError(
                "the policy returned text, but the action has no single required text field; return a mapping"
            )
        reply = {field: reply}
    if not isinstance(reply, Mapping):
        raise PolicyError(f"the policy returned {type(reply).__name__}; an action is a mapping or text")
    try:
        return dict(msgspec.json.decode(msgspec.json.encode(dict(reply))))
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise PolicyError(f"the policy's action has no JSON form: {exc}") from exc


def text_field(schema: Mapping[str, Any]) -> str | None:
    """The action's only required field, where it is text; None otherwise.

    Args:
        schema: The action's JSON Schema.
    """
    required: list[str] = schema.get("required", [])
    if len(required) != 1:
        return None
    name = required[0]
    field = schema.get("properties", {}).get(name, {})
    return name if field.get("type") == "string" else None


def load_function(reference: str) -> Callable[..., Any]:
    """Import what ``module:function`` names.

    Raises:
        TasksetError: There is no colon, no such module, the module raises when it is imported, or it has no
            such function; the message says which.
    """
    module_name, colon, path = reference.partition(":")
    if not (module_name and colon and path):
        raise TasksetError(f"a policy is named as module:function, not {reference!r}")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            raise TasksetError(f"module {module_name!r} cannot be imported: {_told(exc)}") from exc
        raise TasksetError(
            f"there is no module {module_name!r}; the current folder and what is installed were searched"
        ) from None
    except Exception as exc:
        raise TasksetError(f"module {module_name!r} cannot be imported: {_told(exc)}") from exc
    for name in path.split("."):
        if not hasattr(found, name):
            raise TasksetError(f"{module_name!r} has no {path!r}{nearest(name, _public_names(found))}")
        found = getattr(found, name)
    if not callable(found):
        raise TasksetError(f"{reference} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def _public_names(found: Any) -> list[str]:
    return [name for name in dir(found) if not name.startswith("_") and callable(getattr(found, name, None))]


def _told(exc: Exception) -> str:
    """The exception with the place that raised it, for a user who sees no traceback."""
    frames = traceback.extract_tb(exc.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(exc).__name__}: {exc}{place}"
