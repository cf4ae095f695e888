"""Frames of the WebSocket: JSON in and out, and which forms OpenEnv's protocol has.

OpenEnv 0.10.0 accepts what Python's json does (NaN, duplicate keys); msgspec is asked first because it is
faster, and its refusal is checked with json, so that nothing is refused that the peer can work with.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from pydantic import BaseModel

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.wire_value import wire_form

MAX_DEPTH = 128
"""How deep the objects and lists of a message may be nested."""
TOO_DEEP = f"nested more than {MAX_DEPTH} deep"
_LONG = 2 * MAX_DEPTH
_MOST_SHOWN = 100


class FrameError(Exception):
    """A frame that is answered with an error.

    Attributes:
        data: The ``data`` of the error frame.
    """

    def __init__(self, code: str, message: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.data: dict[str, Any] = {"message": message, "code": code}
        if errors is not None:
            self.data["errors"] = errors


class Call(msgspec.Struct, forbid_unknown_fields=True):
    """A frame that is plainly a reset or a step.

    Attributes:
        type: Which.
        data: Its arguments, or its action.
    """

    type: Literal["reset", "step"]
    data: dict[str, Any]


def read_call(text: str | bytes) -> Call | None:
    """The frame, if it is plainly a reset or a step; None is for ``read_frame``, which says what it is else."""
    if len(text) > _LONG and _brackets(text) > MAX_DEPTH:
        return None
    try:
        return _decode_call(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def read_frame(text: str | bytes) -> tuple[str, dict[str, Any]]:
    """The type and data of a client's frame; ``data`` is empty for ``state`` and ``close``.

    Raises:
        FrameError: It is not JSON, not an object, of an unknown type, or not of that type's form.
    """
    frame = decode_json(text)
    # Nearly every frame is one of these.
    if type(frame) is dict and len(frame) == 2:
        kind, data = frame.get("type"), frame.get("data")
        if type(data) is dict and (kind == "step" or kind == "reset"):
            return kind, data
    return _read_frame(frame)


def _read_frame(frame: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(frame, dict):
        raise FrameError("VALIDATION_ERROR", f"A message is a JSON object, not {_kind(frame)}", [])
    kind = frame.get("type", "")
    if kind not in ("reset", "step", "state", "close", "mcp"):
        shown = kind[:_MOST_SHOWN] if isinstance(kind, str) else _kind(kind)
        raise FrameError("UNKNOWN_TYPE", f"Unknown message type: {shown}")
    takes_data = kind in ("reset", "step", "mcp")
    allowed = ("type", "data") if takes_data else ("type",)
    errors = [
        {"type": "extra_forbidden", "loc": [name[:_MOST_SHOWN]], "msg": "Extra inputs are not permitted"}
        for name in frame
        if name not in allowed
    ]
    data = frame.get("data", {})
    if kind in ("step", "mcp") and "data" not in frame:
        errors.insert(0, {"type": "missing", "loc": ["data"], "msg": "Field required"})
    elif takes_data and not isinstance(data, dict):
        errors.insert(0, {"type": "dict_type", "loc": ["data"], "msg": "Input should be a valid dictionary"})
    if errors:
        raise FrameError("VALIDATION_ERROR", "Invalid message", errors)
    return kind, data


def decode_json(text: str | bytes) -> Any:
    """Decode as Python's json would, but for lone surrogates, which could not be sent back, and deep nesting.

    Raises:
        FrameError: With INVALID_JSON.
    """
    try:
        value = _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = _decode_as_python(text)
    # A short text cannot be nested deeply, and hardly any long one is worth the look.
    if len(text) > _LONG and _brackets(text) > MAX_DEPTH and is_too_deep(value):
        raise FrameError("INVALID_JSON", f"Invalid JSON: {TOO_DEEP}")
    return value


def is_too_deep(value: Any) -> bool:
    """Whether decoded JSON is nested more than ``MAX_DEPTH`` deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            if type(each) is dict or type(each) is list
            for inner in (each.values() if type(each) is dict else each)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _brackets(text: str | bytes) -> int:
    return text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")


def _decode_as_python(text: str | bytes) -> Any:
    try:
        value = json.loads(text if isinstance(text, str) else text.decode())
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as exc:
        reason = str(exc)
    except UnicodeEncodeError:
        reason = "a lone surrogate is no text"
    except UnicodeError:
        reason = "the frame is not UTF-8 text"
    except RecursionError:
        reason = TOO_DEEP
    except ValueError:
        reason = "a number has too many digits"
    else:
        return value
    raise FrameError("INVALID_JSON", f"Invalid JSON: {reason}")


def write_frame(kind: str, data: Mapping[str, Any]) -> bytes:
    """A server's frame as UTF-8 JSON; NaN and infinities become null.

    Raises:
        EnvironmentFailed: A value has no JSON form.
    """
    return encode_json({"type": kind, "data": data})


def encode_json(value: Any) -> bytes:
    """UTF-8 JSON of a value of the environment's; arrays and scalars of numpy and torch are lists and numbers.

    Raises:
        EnvironmentFailed: A value has no JSON form; the message names only its type.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        reason = str(exc) if isinstance(exc, _NoJsonForm) else type(exc).__name__
        raise EnvironmentFailed(f"the environment's answer cannot be written as JSON: {reason}") from exc


class _NoJsonForm(TypeError):
    pass


def _plain(value: Any) -> Any:
    """A form that JSON has, of a value that msgspec knows none for."""
    for kind in (str, int, float):
        if isinstance(value, kind):  # an instance of a subclass
            return kind(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    form = wire_form(value)
    if form is not None:
        return form
    raise _NoJsonForm(f"type {type(value).__name__} has no JSON form")


_decode = msgspec.json.Decoder().decode
_decode_call = msgspec.json.Decoder(Call).decode
_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def _kind(value: Any) -> str:
    names = {str: "a text", list: "a list", dict: "an object", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")
