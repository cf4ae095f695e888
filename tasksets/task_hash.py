"""The content hash of a task: the same in every process, on every machine, in every version of the library.

What is hashed is what makes the task the problem that it is: its visible and hidden arguments, its public
values and its gold action, each group apart. What only says where it is does not enter (id, split, index, row),
so that the same problem under another id has the same hash.

The hash is BLAKE2b with 16 bytes, personalised with ``task content 1``, over this encoding. Every value is one
byte for its type, then its payload; a size or a count is 8 bytes; numbers are big-endian.

====  ==================  ============================================================================
byte  value               payload
====  ==================  ============================================================================
N     null
T F   true, false
i     whole number        size; two's complement, as short as it can be
f     float               8 bytes of IEEE 754; every NaN is one NaN, and -0.0 is not 0.0
c     decimal             size; its digits as Python prints them: 1.0 is not 1.00
s     text                size; UTF-8
b     bytes               size; the bytes
d     date                its ordinal as a whole number
w     date and time       whole number: nanoseconds since 1970 on the clock of its place; its offset
t     time of day         whole number: nanoseconds since midnight; its offset
p     duration            whole number: nanoseconds
u     UUID                its 16 bytes
l     list                count; its members in their order
m     struct              count; name and value of each member, ordered by the encoded name
====  ==================  ============================================================================

An offset is null where there is no time zone, else a whole number: microseconds ahead of UTC. So 1, 1.0, "1"
and true differ, the order of a struct's members does not matter, and that of a list's does. A task is a list
of four structs: visible, hidden, public, gold.

A hash tells nothing about a long text, but whoever has it can try out which of a few answers is the right one.
Where hidden values are to stay hidden, so must the hashes.
"""

import hashlib
import math
import struct
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from openenv_tasksets.task import Task
from openenv_tasksets.task_declaration import TaskDeclaration

HASH_BYTES = 16

_PERSON = b"task content 1"
_NAN = struct.pack(">d", math.nan)
_EPOCH = date(1970, 1, 1).toordinal()
_DAY_NS = 86_400 * 10**9


def task_hash(task: Task, id_names: Collection[str] = ()) -> bytes:
    """The hash of a task's content, ``HASH_BYTES`` long; see the module for what it is made of.

    Args:
        task: The task.
        id_names: Public values that only repeat the id, and are left out; ``id_names`` gives them.

    Raises:
        TypeError: A value is of a type that no file of rows gives; the message names the type only.
    """
    public = {name: value for name, value in task.public.items() if name not in id_names}
    parts: list[bytes] = []
    _list([task.visible, task.hidden.reveal(), public, task.gold.reveal()], parts.append)
    return hashlib.blake2b(b"".join(parts), digest_size=HASH_BYTES, person=_PERSON).digest()


def id_names(task: TaskDeclaration | None) -> frozenset[str]:
    """The public names whose column is the one that ids come from."""
    if task is None or task.id is None:
        return frozenset()
    columns = {**{name: name for name in task.public}, "difficulty": task.difficulty, "group": task.group}
    return frozenset(name for name, column in columns.items() if column == task.id)


_Put = Callable[[bytes], None]


def _value(value: Any, put: _Put) -> None:
    encode = _BY_TYPE.get(type(value)) or _by_base(value)
    encode(value, put)


def _by_base(value: Any) -> Callable[[Any, _Put], None]:
    # pandas' timestamps are datetimes, and a datetime is a date: the order of the table decides.
    for kind, encode in _BY_TYPE.items():
        if isinstance(value, kind):
            return encode
    if isinstance(value, Mapping):
        return _struct
    raise TypeError(f"{type(value).__name__} has no content hash")


def _sized(tag: bytes, payload: bytes, put: _Put) -> None:
    put(tag + len(payload).to_bytes(8, "big"))
    put(payload)


def _integer(value: int, put: _Put) -> None:
    bits = (value if value >= 0 else ~value).bit_length()
    _sized(b"i", int(value).to_bytes(bits // 8 + 1, "big", signed=True), put)


def _float(value: float, put: _Put) -> None:
    put(b"f" + (_NAN if math.isnan(value) else struct.pack(">d", value)))


def _text(value: str, put: _Put) -> None:
    _sized(b"s", value.encode("utf-8", "surrogatepass"), put)


def _datetime(value: datetime, put: _Put) -> None:
    put(b"w")
    # pandas' timestamps have nanoseconds beside Python's fields.
    finer: int = getattr(value, "nanosecond", 0)
    _integer((value.toordinal() - _EPOCH) * _DAY_NS + _clock_ns(value) + finer, put)
    _offset(value.utcoffset(), put)


def _time(value: time, put: _Put) -> None:
    put(b"t")
    _integer(_clock_ns(value), put)
    _offset(value.utcoffset(), put)


def _clock_ns(value: datetime | time) -> int:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 10**9 + value.microsecond * 1000


def _duration(value: timedelta, put: _Put) -> None:
    put(b"p")
    finer: int = getattr(value, "nanoseconds", 0)
    _integer(value.days * _DAY_NS + value.seconds * 10**9 + value.microseconds * 1000 + finer, put)


def _date(value: date, put: _Put) -> None:
    put(b"d")
    _integer(value.toordinal(), put)


def _list(value: list[Any] | tuple[Any, ...], put: _Put) -> None:
    put(b"l" + len(value).to_bytes(8, "big"))
    for member in value:
        _value(member, put)


def _struct(value: Mapping[Any, Any], put: _Put) -> None:
    members = []
    for name, member in value.items():
        key: list[bytes] = []
        _value(name, key.append)
        members.append((b"".join(key), member))
    members.sort(key=lambda pair: pair[0])
    put(b"m" + len(members).to_bytes(8, "big"))
    for encoded, member in members:
        put(encoded)
        _value(member, put)


def _offset(offset: timedelta | None, put: _Put) -> None:
    if offset is None:
        put(b"N")
    else:
        _integer(offset // timedelta(microseconds=1), put)


_BY_TYPE: dict[type, Callable[[Any, _Put], None]] = {
    type(None): lambda _value, put: put(b"N"),
    bool: lambda value, put: put(b"T" if value else b"F"),
    str: _text,
    int: _integer,
    float: _float,
    list: _list,
    dict: _struct,
    tuple: _list,
    bytes: lambda value, put: _sized(b"b", value, put),
    Decimal: lambda value, put: _sized(b"c", str(value).encode(), put),
    datetime: _datetime,
    date: _date,
    time: _time,
    timedelta: _duration,
    UUID: lambda value, put: put(b"u" + value.bytes),
}
