"""What a server and an environment's process say to each other, over a socket pair.

A call is pickled: values of rows keep their types, and the process may trust who started it. An answer is JSON: the
server trusts no code of an environment's, so it never unpickles anything.
"""

import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, ResetNeeded, RowRefused, TasksetError
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.wire import encode_json

Name = Literal["make", "reset", "step", "state", "close"]

LENGTH_BYTES = 8
MOST_BYTES = 2**28
"""The largest answer: a quarter of a gibibyte."""

_KINDS: dict[str, Callable[[str], TasksetError]] = {
    each.__name__: each for each in (EnvironmentFailed, ResetNeeded, RowRefused)
}


def pack(message: bytes) -> bytes:
    """The message with its length before it."""
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


def write_call(name: Name, payload: Any = None) -> bytes:
    """A call as bytes.

    Raises:
        EnvironmentFailed: The payload cannot be handed to another process; the message says only its type.
    """
    try:
        return pickle.dumps((name, payload), pickle.HIGHEST_PROTOCOL)
    except Exception as exc:
        raise EnvironmentFailed(f"the arguments cannot be handed to a process: {type(exc).__name__}") from exc


def read_call(message: bytes) -> tuple[Name, Any]:
    """The name and payload of a call."""
    call: tuple[Name, Any] = pickle.loads(message)  # noqa: S301 - from the server that started this process
    return call


def write_answer(value: Outcome | Mapping[str, Any] | None) -> bytes:
    """An answer as bytes.

    Raises:
        EnvironmentFailed: A value has no JSON form.
    """
    if isinstance(value, Outcome):
        value = {"observation": value.observation, "reward": value.reward, "done": value.done}
    return encode_json({"answer": value})


def write_error(exc: TasksetError, where: str) -> bytes:
    """An error as bytes.

    Args:
        exc: The error.
        where: For the log: where it was raised, without the text of foreign exceptions.
    """
    details = list(exc.details) if isinstance(exc, PolicyError) else []
    error = {"type": type(exc).__name__, "message": exc.message, "details": details, "where": where}
    return encode_json({"error": error})


def read_answer(message: bytes) -> Any:
    """What the call came to: None, a state, or the three fields of an outcome.

    Raises:
        TasksetError: What the call raised.
        ValueError: It is no answer.
    """
    try:
        said = msgspec.json.decode(message)
    except msgspec.DecodeError:
        said = json.loads(message)  # numbers beyond msgspec's
    if "error" not in said:
        return said["answer"]
    error = said["error"]
    if error["type"] == PolicyError.__name__:
        raise PolicyError(error["message"], error["details"])
    raised = _KINDS.get(error["type"], EnvironmentFailed)(error["message"])
    raised.add_note(error["where"])
    raise raised


def read_outcome(fields: Mapping[str, Any]) -> Outcome:
    """The outcome of its three fields."""
    return Outcome(fields["observation"], fields["reward"], fields["done"])
