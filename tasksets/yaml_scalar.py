"""What a plain scalar means: text, until somebody asks for more; then YAML 1.2's core schema.

YAML 1.1 reads ``revision: 0123456`` as 42798 and a column ``on`` as true. Here the plain text goes on to
whoever knows what the field is, and only free values are resolved. Null alone is read at once: it is no text.
"""

import math
import re
from typing import Any, TypeVar

from openenv_tasksets.yaml_tree import NULL_WORDS, Mapping, Node, Scalar

CoreValue = str | bool | int | float | None
Number = TypeVar("Number", int, float)

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_NOT_FINITE = r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_MOST_DIGITS = 400
_MOST_BITS = 1024


class PlainScalar(str):
    """Text that stood without quotes, and so may be read as a number or a truth value."""

    __slots__ = ()


def values_of(node: Node) -> Any:
    """The tree as mappings, lists and leaves: None, ``PlainScalar``, or ``str`` where it was quoted."""
    if isinstance(node, Scalar):
        if not node.is_plain:
            return node.text
        return None if node.text in NULL_WORDS else PlainScalar(node.text)
    if isinstance(node, Mapping):
        return {key: values_of(entry.value) for key, entry in node.entries.items()}
    return [values_of(item) for item in node.items]


def core_value(text: str) -> CoreValue:
    """What a plain scalar is by YAML 1.2's core schema.

    Raises:
        ValueError: A number that JSON has no form for: infinite, not a number, or beyond 64-bit floats.
    """
    if text in NULL_WORDS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if re.fullmatch(_NOT_FINITE, text):
        raise ValueError(f"{text} is not a number that JSON can hold; quote it if it is text")
    is_integer = re.fullmatch(_INTEGER, text)
    if not is_integer and not re.fullmatch(_FLOAT, text):
        return str(text)
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} characters; quote it if it is text")
    if is_integer:
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return checked_number(int(text, base))
    return checked_number(float(text))


def checked_number(number: Number) -> Number:
    """The number itself.

    Raises:
        ValueError: It is not finite, or larger than any 64-bit float.
    """
    too_large = not math.isfinite(number) if isinstance(number, float) else number.bit_length() > _MOST_BITS
    if too_large:
        raise ValueError("a number beyond what JSON can hold; quote it if it is text")
    return number
