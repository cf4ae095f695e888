"""Kinds of single values, from a file and from Python alike: text, numbers, truth values, free JSON.

From a file, text that stood without quotes arrives as ``PlainScalar``: only here, where the field is known,
does it become a number or a truth value.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from openenv_tasksets.declaration_issues import Mistake, Wrong, wrong
from openenv_tasksets.declared_kind import JsonSchema
from openenv_tasksets.field_path import Step
from openenv_tasksets.issue_list import shown
from openenv_tasksets.yaml_scalar import CoreValue, PlainScalar, checked_number, core_value

MOST_JSON_DEPTH = 50


class Text(msgspec.Struct, frozen=True):
    """Text, also where YAML would read a number or a truth value in it.

    Attributes:
        shape: What is wanted, for messages.
        pattern: What the whole text must match, in the syntax that Python and ECMAScript share.
        shortest: Fewest characters.
        longest: Most characters; None for prose.
    """

    shape: str = "text"
    pattern: str | None = None
    shortest: int = 1
    longest: int | None = 1024

    def check(self, value: Any) -> str:
        """The text as ``str``."""
        if not isinstance(value, str):
            hint = "; in quotes it is text" if isinstance(value, bool | int | float) else ""
            raise wrong(f"expected {self.shape}; got {shown(value)}{hint}")
        text = str(value)
        if self.longest is not None and len(text) > self.longest:
            raise wrong(f"expected {self.shape} of at most {self.longest:,} characters; got {len(text):,}")
        if not self.fits(text):
            raise wrong(f"expected {self.shape}; got {shown(text)}")
        if not _is_unicode(text):
            raise wrong("half of a surrogate pair is not a character")
        return text

    def fits(self, text: str) -> bool:
        """Whether the text is of the wanted shape."""
        if len(text) < self.shortest or (self.longest is not None and len(text) > self.longest):
            return False
        return self.pattern is None or re.fullmatch(self.pattern, text) is not None

    def json_schema(self) -> JsonSchema:
        """Text, or the numbers and truth values that are taken as text."""
        schema: JsonSchema = {"type": ["string", "number", "boolean"]}
        if self.shortest:
            schema["minLength"] = self.shortest
        if self.longest is not None:
            schema["maxLength"] = self.longest
        if self.pattern is not None:
            schema["pattern"] = f"^(?:{self.pattern})$"
        return schema


PROSE = Text(shortest=0, longest=None)
ENTRY_POINT = Text("an entry point's name (no module path)", r"[A-Za-z0-9_][A-Za-z0-9_.-]*", longest=96)
HUB_NAME = Text("namespace/name", r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
RELATIVE_PATH = Text(
    "a relative path with '/' between its parts, without '..'",
    r"(?!/)(?![A-Za-z][A-Za-z0-9+.-]*:)(?!(?:.*/)?\.\.(?:/|$))[^\\\x00-\x1f]+",
)


class Integer(msgspec.Struct, frozen=True):
    """A whole number of at least ``at_least``."""

    at_least: int

    def check(self, value: Any) -> int:
        """The number as ``int``."""
        number = _core(value)
        if isinstance(number, bool) or not isinstance(number, int) or number < self.at_least:
            raise wrong(f"expected a whole number of at least {self.at_least}; got {_given(value)}")
        return number

    def json_schema(self) -> JsonSchema:
        """An integer with its lower bound."""
        return {"type": "integer", "minimum": self.at_least}


class Number(msgspec.Struct, frozen=True):
    """A finite number; above 0 where ``is_positive``."""

    is_positive: bool = False

    def check(self, value: Any) -> float:
        """The number as ``float``."""
        number = _core(value)
        shape = "a number above 0" if self.is_positive else "a number"
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise wrong(f"expected {shape}; got {_given(value)}")
        try:
            number = float(checked_number(number))
        except ValueError as exc:
            raise wrong(f"expected {shape}; got {_given(value)}") from exc
        if self.is_positive and number <= 0:
            raise wrong(f"expected {shape}; got {_given(value)}")
        return number

    def json_schema(self) -> JsonSchema:
        """A number, with the bound where there is one."""
        return {"type": "number", "exclusiveMinimum": 0} if self.is_positive else {"type": "number"}


class Boolean(msgspec.Struct, frozen=True):
    """``true`` or ``false``."""

    def check(self, value: Any) -> bool:
        """The value as ``bool``."""
        truth = _core(value)
        if not isinstance(truth, bool):
            raise wrong(f"expected true or false; got {_given(value)}")
        return truth

    def json_schema(self) -> JsonSchema:
        """A boolean."""
        return {"type": "boolean"}


class Json(msgspec.Struct, frozen=True):
    """Free JSON: plain scalars mean what YAML 1.2 says; a mapping at the top where ``is_object``."""

    is_object: bool = False

    def check(self, value: Any) -> Any:
        """The value as None, bool, int, float, str, list and dict."""
        if self.is_object and not isinstance(value, Mapping):
            raise wrong(f"expected a mapping; got {shown(value)}")
        mistakes: list[Mistake] = []
        resolved = _json(value, (), mistakes)
        if mistakes:
            raise Wrong(mistakes)
        return resolved

    def json_schema(self) -> JsonSchema:
        """Anything, or any object."""
        return {"type": "object"} if self.is_object else {}


def given(name: str) -> JsonSchema:
    """JSON Schema of a mapping that has ``name``, and not as null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def filled(name: str) -> JsonSchema:
    """JSON Schema of a mapping that has ``name``, with something in it."""
    return {"required": [name], "properties": {name: {"minProperties": 1}}}


def _json(value: Any, steps: tuple[Step, ...], mistakes: list[Mistake]) -> Any:
    if len(steps) > MOST_JSON_DEPTH:
        mistakes.append(Mistake(f"nested more than {MOST_JSON_DEPTH} levels deep", steps[:1]))
        return None
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not _is_unicode(key):
                mistakes.append(Mistake(f"the key {shown(key)} is not text, as keys in JSON are", steps))
        return {key: _json(member, (*steps, str(key)), mistakes) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_json(member, (*steps, index), mistakes) for index, member in enumerate(value)]
    try:
        return _json_leaf(value)
    except ValueError as exc:
        mistakes.append(Mistake(str(exc), steps))
        return None


def _json_leaf(value: Any) -> CoreValue:
    if isinstance(value, PlainScalar):
        return core_value(value)
    if isinstance(value, str) and not _is_unicode(value):
        raise ValueError("half of a surrogate pair is not a character")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return checked_number(value)
    raise ValueError(f"{shown(value)} is not JSON: use text, numbers, true, false, null, lists and mappings")


def _core(value: Any) -> Any:
    """What a value from the file means; any other value is itself."""
    if not isinstance(value, PlainScalar):
        return value
    try:
        return core_value(value)
    except ValueError:
        return value


def _given(value: Any) -> str:
    if isinstance(value, PlainScalar) or not isinstance(value, str):
        return shown(_core(value))
    is_only_quoted = not isinstance(_core(PlainScalar(value)), str)
    return f"the text {shown(value)} (leave the quotes out)" if is_only_quoted else shown(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
