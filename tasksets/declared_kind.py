"""The kinds of values that a declaration is made of: what all of them can, and those that are made of others.

Each kind checks a value, says in plain words what it wanted, and knows its JSON Schema.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from openenv_tasksets.declaration_issues import Found, wrong
from openenv_tasksets.field_path import Step
from openenv_tasksets.issue_list import shown

JsonSchema = dict[str, Any]
"""JSON Schema, draft 2020-12; under ``$ref`` stands the class of a part, which ``declaration_schema`` names."""

Value = TypeVar("Value")
Made = TypeVar("Made", covariant=True)
Word = TypeVar("Word", bound=str)


class Kind(Protocol[Made]):
    """A kind of value."""

    def check(self, value: Any, /) -> Made:
        """The typed value.

        Raises:
            Wrong: Every mistake in it.
        """
        ...

    def json_schema(self) -> JsonSchema:
        """JSON Schema of what a file may hold."""
        ...


class Nullable(msgspec.Struct, Generic[Value], frozen=True):
    """A kind of value, or nothing."""

    kind: Kind[Value]

    def check(self, value: Any) -> Value | None:
        """The value, or None."""
        return None if value is None else self.kind.check(value)

    def json_schema(self) -> JsonSchema:
        """The value, or null."""
        return _any_of(self.kind.json_schema(), {"type": "null"})


class Choice(msgspec.Struct, Generic[Word], frozen=True):
    """One of a few words."""

    words: tuple[Word, ...]

    def check(self, value: Any) -> Word:
        """The word."""
        for word in self.words:
            if isinstance(value, str) and value == word:
                return word
        *most, last = map(repr, self.words)
        raise wrong(f"expected {', '.join(most)} or {last}; got {shown(value)}")

    def json_schema(self) -> JsonSchema:
        """The words."""
        return {"type": "string", "enum": list(self.words)}


class Many(msgspec.Struct, Generic[Value], frozen=True):
    """A list in the file; in Python a tuple, where a list is taken too.

    Attributes:
        item: The kind of each.
        least: What there must be at least one of, in words; None: it may be empty.
        is_shown: Whether a message may show what stands in the list's place.
    """

    item: Kind[Value]
    least: str | None = None
    is_shown: bool = True

    def check(self, value: Any) -> tuple[Value, ...]:
        """The values as a tuple."""
        if not isinstance(value, list | tuple):
            raise wrong(f"expected a list; got {shown(value) if self.is_shown else 'something else'}")
        if self.least is not None and not value:
            raise wrong(f"expected at least one {self.least}; got none")
        found = Found()
        items = []
        for index, item in enumerate(value):
            with found.below(index):
                items.append(self.item.check(item))
        found.raise_all()
        return tuple(items)

    def json_schema(self) -> JsonSchema:
        """A list of them."""
        schema: JsonSchema = {"type": "array", "items": self.item.json_schema()}
        return schema if self.least is None else {**schema, "minItems": 1}


class ByName(msgspec.Struct, Generic[Value], frozen=True):
    """A mapping whose keys are names.

    Attributes:
        name: The kind of the keys.
        value: The kind of the values.
    """

    name: Kind[str]
    value: Kind[Value]

    def check(self, value: Any) -> Mapping[str, Value]:
        """The values by name."""
        if not isinstance(value, Mapping):
            raise wrong(f"expected a mapping; got {shown(value)}")
        found = Found()
        checked = {}
        for key, member in value.items():
            step: Step = key if isinstance(key, str | int) else str(key)
            with found.below(step):
                self.name.check(key)
            with found.below(step):
                checked[str(key)] = self.value.check(member)
        found.raise_all()
        return checked

    def json_schema(self) -> JsonSchema:
        """A mapping of them; the lengths of keys are those of their pattern."""
        schema: JsonSchema = {"type": "object", "additionalProperties": self.value.json_schema()}
        pattern = self.name.json_schema().get("pattern")
        return {**schema, "propertyNames": {"pattern": pattern}} if pattern else schema


class Checked(msgspec.Struct, Generic[Value], frozen=True):
    """A kind of value that more is asked of.

    Attributes:
        kind: What it is.
        check_further: Raises ``Wrong`` for a value of the kind that will not do.
        further_schema: What JSON Schema can say of that.
    """

    kind: Kind[Value]
    check_further: Callable[[Value], None]
    further_schema: JsonSchema = {}

    def check(self, value: Any) -> Value:
        """The value."""
        checked = self.kind.check(value)
        self.check_further(checked)
        return checked

    def json_schema(self) -> JsonSchema:
        """That of the kind, and more."""
        return {**self.kind.json_schema(), **self.further_schema}


class Parsed(msgspec.Struct, Generic[Value], frozen=True):
    """A value of several forms.

    Attributes:
        parse: From any of the forms to the typed value; raises ``Wrong``.
        forms: What a file may hold: kinds, or their JSON Schema.
    """

    parse: Callable[[Any], Value]
    forms: tuple[Kind[Any] | JsonSchema, ...]

    def check(self, value: Any) -> Value:
        """The typed value."""
        return self.parse(value)

    def json_schema(self) -> JsonSchema:
        """Any of the forms."""
        return _any_of(*(form if isinstance(form, dict) else form.json_schema() for form in self.forms))


def _any_of(*schemas: JsonSchema) -> JsonSchema:
    flat = [each for schema in schemas for each in (schema["anyOf"] if schema.keys() == {"anyOf"} else [schema])]
    return flat[0] if len(flat) == 1 else {"anyOf": flat}
