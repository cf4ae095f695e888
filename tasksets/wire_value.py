"""The one wire form of values that JSON does not have, whatever runs the environment.

====================  ==========================================================
in process            on the wire
====================  ==========================================================
bytes                 text: base64 (RFC 4648)
date and time         text: ISO 8601, with the offset if it has one
date, time of day     text: ISO 8601
duration              text: ISO 8601, ``P1DT2S``
decimal               text: its digits, so that 1.0 is not 1.00
whole number          a JSON number, exact at any size
NaN, infinity         null
UUID                  text
image (Pillow's)      text: a data URI, without loss
tuple, set            list
numpy's, torch's      lists and numbers
====================  ==========================================================

``to_wire`` gives these forms, and so does the server's encoder; ``from_wire`` gets the value back where the type is
known, as an environment knows its own arguments.
"""

from typing import Any

import msgspec

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.media_value import NoMedia, is_picture, media_bytes, picture, picture_uri

FRAME_BYTES = 16 * 2**20
"""The largest frame that an OpenEnv server takes from a client."""


class NoWireForm(TasksetError, TypeError):
    """A value that has no wire form; the message names only its type."""


def wire_form(value: Any) -> Any:
    """The wire form of a value that ``msgspec`` knows none for; None where there is none."""
    if is_picture(value):
        return picture_uri(value)
    return value.tolist() if hasattr(value, "tolist") else None


def to_wire(value: Any) -> Any:
    """A value as what Python's json writes: None, bool, int, float, str, list, tuple and dict, at every depth.

    Raises:
        NoWireForm: There is none.
    """
    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_encode)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise NoWireForm(str(exc) if isinstance(exc, NoWireForm) else type(exc).__name__) from exc


def wire_bytes(value: Any) -> int:
    """How long the JSON of a value is, in UTF-8.

    Raises:
        NoWireForm: It has no wire form.
    """
    return len(wire_json(value))


def wire_json(value: Any) -> bytes:
    """The JSON of a value, in UTF-8.

    Raises:
        NoWireForm: It has no wire form.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise NoWireForm(str(exc) if isinstance(exc, NoWireForm) else type(exc).__name__) from exc


def from_wire(value: Any, kind: Any) -> Any:
    """The value of a type that a wire form stands for.

    Args:
        value: As it was decoded from JSON.
        kind: The type: ``bytes``, ``datetime``, ``Decimal``, ``PIL.Image.Image``, ``list[bytes]``, …; for bytes a data
            URI is taken too.

    Raises:
        NoWireForm: It is not the form of such a value.
    """
    try:
        if kind is bytes and isinstance(value, str) and value.startswith("data:"):
            return media_bytes(value)
        return msgspec.convert(value, kind, dec_hook=_decode)
    except (msgspec.ValidationError, NoMedia, TypeError) as exc:
        raise NoWireForm(f"{type(value).__name__} is not the wire form of {getattr(kind, '__name__', kind)}") from exc


def _encode(value: Any) -> Any:
    form = wire_form(value)
    if form is None:
        raise NoWireForm(f"type {type(value).__name__} has no JSON form")
    return form


def _decode(kind: Any, value: Any) -> Any:
    if kind.__module__.startswith("PIL."):
        return picture(value)
    raise NoWireForm(f"type {kind.__name__} has no JSON form")


_ENCODER = msgspec.json.Encoder(enc_hook=_encode)
