"""JSON values as they compare: the order of keys is irrelevant, 1 is 1.0, true is not 1."""

import json
from decimal import Decimal
from typing import Any

_MAX_DEPTH = 100


class _Flag:
    """A JSON bool; unlike Python's it equals no number."""

    __slots__ = ()


_FLAGS = {True: _Flag(), False: _Flag()}


def read_json(text: str) -> object:
    """The value of a JSON text, to be compared with ``==``.

    Raises:
        ValueError: It is no JSON text, or has duplicate keys, NaN, Infinity, or more than 100 levels.
    """
    try:
        value = json.loads(
            text, parse_int=Decimal, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except (RecursionError, ArithmeticError) as exc:
        raise ValueError("nested too deep, or a number out of range") from exc
    return comparable(value)


def comparable(value: Any, depth: int = _MAX_DEPTH) -> object:
    """A decoded JSON value in the form that ``read_json`` gives; ``depth`` is how many levels it may have.

    Raises:
        ValueError: It holds what JSON has no value for, or has too many levels.
    """
    if isinstance(value, bool):
        return _FLAGS[value]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if number.is_finite():
            return number
    elif depth == 0:
        raise ValueError("nested too deep")
    elif isinstance(value, list | tuple):
        return [comparable(item, depth - 1) for item in value]
    elif isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: comparable(item, depth - 1) for name, item in value.items()}
    raise ValueError("not a JSON value")


def last_fenced(text: str) -> str | None:
    """The content of the last Markdown block between fences of three backticks, without a language's name."""
    end = text.rfind("```")
    start = text.rfind("```", 0, max(end, 0))
    if start < 0:
        return None
    language, newline, content = text[start + 3 : end].partition("\n")
    return content if newline and language.strip().isalnum() else text[start + 3 : end]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key occurs twice")
    return values


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")
