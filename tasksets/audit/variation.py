"""Other values in place of hidden ones: of the same type and shape, recognisable anywhere, or malformed.

All of it is a function of the value and a key, so that an audit does the same in every process.
"""

import datetime
import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

_SHORTEST_NEEDLE = 8
_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_ALPHABETS = (_DIGITS, _LOWER, _LOWER.upper())
_NUMERIC = re.compile(r"\s*[-+]?[\d.,]+\s*")

Leaf = Callable[[Any, str], Any]


def same_shape(value: Any, key: str, visible: Mapping[str, Any]) -> Any:
    """Another value of the same type and shape; the value itself where there is none.

    A boolean is turned round; what is one of the visible choices, its index or its letter becomes another one;
    digits and letters become other ones at the same places; members of lists and structs change each for itself.

    Args:
        value: The hidden value.
        key: Another key gives other values.
        visible: What the agent sees beside it, where choices are looked for.
    """
    choices = [each for each in visible.values() if isinstance(each, list) and len(each) > 1]
    return _each_leaf(value, key, lambda leaf, leaf_key: _other_leaf(leaf, leaf_key, choices))


def canary(value: Any, key: str) -> Any:
    """A value of the same type that occurs nowhere by chance; the value itself where its type has too few."""
    return _each_leaf(value, key, _canary_leaf)


def malformed(value: Any, key: str) -> Any:
    """A canary of another type than the value's: what an environment should refuse without showing it."""
    word = _word(key)
    return {"malformed": word} if isinstance(value, str | list) else word


def needles(value: Any) -> Iterator[str]:
    """The texts and numbers in a value that are long enough to be recognised elsewhere."""
    if isinstance(value, Mapping):
        for member in value.values():
            yield from needles(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from needles(member)
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if len(text) >= _SHORTEST_NEEDLE:
            yield text


def _each_leaf(value: Any, key: str, change: Leaf) -> Any:
    if isinstance(value, Mapping):
        return {name: _each_leaf(member, f"{key}.{name}", change) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_each_leaf(member, f"{key}[{number}]", change) for number, member in enumerate(value)]
    return change(value, key)


def _other_leaf(value: Any, key: str, choices: Sequence[Sequence[Any]]) -> Any:
    if isinstance(value, bool):
        return not value
    for each in choices:
        other = _other_choice(value, each)
        if other is not None:
            return other
    if isinstance(value, str):
        return _other_text(value, key)
    if isinstance(value, int):
        return int(_other_text(str(value), key))
    if isinstance(value, float | Decimal):
        text = _other_text(str(value), key)
        return type(value)(text) if _NUMERIC.fullmatch(str(value)) else value
    if isinstance(value, bytes):
        return bytes(byte ^ 1 for byte in value)
    if isinstance(value, datetime.date):
        return value + datetime.timedelta(days=1) if value.year < datetime.MAXYEAR else value
    return value


def _other_choice(value: Any, choices: Sequence[Any]) -> Any:
    """Another one of the choices, of their indices or of their letters; None where the value is none of these."""
    if value in choices:
        others = [each for each in choices if each != value]
        return others[0] if others else None
    if isinstance(value, int) and 0 <= value < len(choices):
        return (value + 1) % len(choices)
    if isinstance(value, str) and len(value) == 1:
        for letters in (_LOWER, _LOWER.upper()):
            if 0 <= (place := letters.find(value)) < len(choices):
                return letters[(place + 1) % len(choices)]
    return None


def _other_text(text: str, key: str) -> str:
    noise = hashlib.shake_128(key.encode()).digest(len(text))
    return "".join(_other_character(char, byte) for char, byte in zip(text, noise, strict=True))


def _other_character(char: str, byte: int) -> str:
    for alphabet in _ALPHABETS:
        if char in alphabet:
            # A number keeps its length: no digit becomes a zero.
            others = alphabet.replace(char, "").removeprefix("0" if alphabet == _DIGITS else "")
            return others[byte % len(others)]
    other = chr(ord(char) ^ 1)
    return other if char.isalnum() and other.isalnum() else char


def _canary_leaf(value: Any, key: str) -> Any:
    if isinstance(value, bool):
        return value
    number = 100_000_000 + int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") % 900_000_000
    if isinstance(value, str):
        return str(number) if _NUMERIC.fullmatch(value) else _word(key)
    if isinstance(value, int | float | Decimal):
        return type(value)(number)
    return _word(key).encode() if isinstance(value, bytes) else value


def _word(key: str) -> str:
    return "canary" + hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Collection[str]:
    """The names whose values differ, also in type: 1 and True do."""
    return [name for name in before if name in after and _typed(before[name]) != _typed(after[name])]


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _typed(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_typed(member) for member in value]
    return type(value).__name__, value
