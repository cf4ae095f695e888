"""Commitments: a hash that says nothing of a task's hidden values, and that no other values have.

A commitment is SHA-256 over a nonce of 256 random bits and the task: its split, its id and its hidden columns,
encoded so that no two different tasks have one encoding. Only who has the nonce can test a guess, which is why a
salt that everybody knows would not do: an answer that is a small number would be found in milliseconds.
"""

import datetime as dt
import hashlib
import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from openenv_tasksets.loaders.errors import SourceError

COMMITMENT_COLUMN = "tasksets_commitment"
NONCE_COLUMN = "tasksets_nonce"

_PREFIX = b"openenv-tasksets commitment 1"


def commitment(nonce: str, split: str, task_id: str, values: Mapping[str, Any]) -> str:
    """The commitment to a task's hidden columns, in hexadecimal digits.

    Args:
        nonce: 64 hexadecimal digits.
        split: The task's split.
        task_id: Its id.
        values: Its hidden columns. Struct fields that are null count as absent, as they do in a task.

    Raises:
        SourceError: A value has a type that is not known here.
        ValueError: The nonce is no hexadecimal number.
    """
    secret = bytes.fromhex(nonce)
    encoded = _encode([split, task_id, dict(values)])
    return hashlib.sha256(_PREFIX + secret + encoded).hexdigest()


def _encode(value: Any) -> bytes:
    if isinstance(value, list):
        return _framed(b"l", b"".join(map(_encode, value)))
    if isinstance(value, dict):
        members = sorted((str(name), member) for name, member in value.items() if member is not None)
        return _framed(b"o", b"".join(_encode(name) + _encode(member) for name, member in members))
    if isinstance(value, tuple):
        return _framed(b"p", b"".join(map(_encode, value)))
    return _plain(value)


def _plain(value: Any) -> bytes:
    # The order matters: a bool is an int, a datetime a date.
    match value:
        case None:
            return _framed(b"n", b"")
        case bool():
            return _framed(b"b", b"1" if value else b"0")
        case int():
            return _framed(b"i", str(value).encode())
        case float():
            return _framed(b"f", b"nan" if value != value else struct.pack(">d", value))
        case str():
            return _framed(b"s", value.encode("utf-8", "surrogatepass"))
        case bytes():
            return _framed(b"y", value)
        case dt.datetime() | dt.date() | dt.time():
            return _framed(b"t", f"{_kind(value)} {value.isoformat()}".encode())
        case dt.timedelta():
            return _framed(b"d", str(value // dt.timedelta(microseconds=1)).encode())
        case Decimal():
            return _framed(b"m", str(value.normalize()).encode())
    raise SourceError(f"a hidden column holds a value of type {type(value).__name__}, which cannot be committed to")


def _kind(value: object) -> str:
    return next(kind.__name__ for kind in (dt.datetime, dt.date, dt.time) if isinstance(value, kind))


def _framed(tag: bytes, content: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(content), content)
