"""The parts of a declaration: frozen values whose fields are declared, checked and described in one place."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NoReturn, Self, TypeVar, dataclass_transform, overload

import msgspec

from openenv_tasksets.declaration_issues import MISSING, Found, Mistake, Wrong, issues_of, unknown_key, wrong
from openenv_tasksets.declared_kind import JsonSchema, Kind
from openenv_tasksets.issue_list import shown
from openenv_tasksets.loaders.errors import DeclarationError

Value = TypeVar("Value")
Contradictions = Iterable[tuple[str | None, str]]
"""The field that is wrong, None for the whole, and what is."""


class Field(msgspec.Struct, frozen=True):
    """A field of a part.

    Attributes:
        kind: What its values are.
        description: What it is for; editors show it.
        default: The value where nothing is given; ``msgspec.UNSET`` where something must be.
        make: Makes the default, where it could be changed.
        key: Its key in the file, where that is another name.
        is_rest: It holds what stands under every other key.
    """

    kind: Kind[Any]
    description: str
    default: Any = msgspec.UNSET
    make: Callable[[], Any] | None = None
    key: str | None = None
    is_rest: bool = False

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.make is None and self.default is msgspec.UNSET

    def default_value(self) -> Any:
        """The value where nothing is given."""
        return self.default if self.make is None else self.make()

    def json_schema(self) -> JsonSchema:
        """JSON Schema of its values, with what it is for."""
        default = {} if self.default is msgspec.UNSET else {"default": plain(self.default)}
        return {**self.kind.json_schema(), "description": self.description, **default}


@overload
def field(kind: Kind[Value], description: str) -> Value: ...
@overload
def field(kind: Kind[Value], description: str, *, default: Value, key: str | None = None) -> Value: ...
@overload
def field(kind: Kind[Value], description: str, *, default_factory: Callable[[], Value], init: bool = True) -> Value: ...


def field(
    kind: Kind[Any],
    description: str,
    *,
    default: Any = msgspec.UNSET,
    default_factory: Callable[[], Any] | None = None,
    key: str | None = None,
    init: bool = True,
) -> Any:
    """A field, where a class of ``Declared`` is written down.

    Args:
        kind: What its values are.
        description: What it is for; editors show it.
        default: The value where nothing is given; without it, and without ``default_factory``, something must be.
        default_factory: Makes the default, where it could be changed.
        key: Its key in the file, where that is no name in Python.
        init: False for the one field that is not given by its name, but holds what stands under every other key.
    """
    return Field(kind, description, default, default_factory, key, not init)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Declared:
    """A frozen part of a declaration.

    Keywords of the constructor have Python's names, mappings the file's, and either is checked: parts may be
    given as values or as mappings.

    Raises:
        DeclarationError: Every mistake at once.
    """

    _fields: ClassVar[Mapping[str, Field]] = {}
    _rest: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        own = {name: each for name, each in vars(cls).items() if isinstance(each, Field)}
        for name in own:
            delattr(cls, name)
        cls._fields = {**cls._fields, **own}
        cls._rest = next((name for name, each in cls._fields.items() if each.is_rest), None)

    def __init__(self, **values: Any) -> None:
        try:
            self.__dict__.update(self._checked(values, {name: name for name in self._fields}))
        except Wrong as exc:
            raise DeclarationError(issues_of(exc.mistakes)) from exc

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """A part from what a file would hold, as a mapping with the file's keys.

        Raises:
            DeclarationError: Every mistake at once.
        """
        try:
            return cls.check(values)
        except Wrong as exc:
            raise DeclarationError(issues_of(exc.mistakes)) from exc

    def to_dict(self) -> dict[str, Any]:
        """What a file would hold, as plain JSON with the file's keys; values that are the default are left out."""
        written: dict[str, Any] = {}
        for name, each in self._fields.items():
            value = self.__dict__[name]
            if each.is_rest:
                written.update(plain(value))
            elif each.is_required or value != each.default_value():
                written[each.key or name] = plain(value)
        return written

    def replace(self, **values: Any) -> Self:
        """A copy with other values, in Python's names; they are not checked before the copy is written."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update({**self.__dict__, **values})
        return copy

    @classmethod
    def check(cls, value: Any) -> Self:
        """As a kind of value: a part as it is, or one from a mapping with the file's keys.

        Raises:
            Wrong: Every mistake in it.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise wrong(f"expected a mapping; got {shown(value)}")
        part = cls.__new__(cls)
        part.__dict__.update(cls._checked(value, {each.key or name: name for name, each in cls._fields.items()}))
        return part

    @classmethod
    def json_schema(cls) -> JsonSchema:
        """As a kind of value: a reference to ``whole_schema``."""
        return {"$ref": cls}

    @classmethod
    def whole_schema(cls) -> JsonSchema:
        """JSON Schema of a mapping with the fields."""
        properties = {each.key or name: each.json_schema() for name, each in cls._fields.items() if not each.is_rest}
        schema: JsonSchema = {
            "title": cls.__name__,
            "description": (cls.__doc__ or "").partition("\n")[0],
            "type": "object",
            "properties": properties,
            "required": [each.key or name for name, each in cls._fields.items() if each.is_required],
            "additionalProperties": False,
        }
        if cls._rest is not None:
            schema.update(cls._fields[cls._rest].kind.json_schema())
        return {**schema, **cls._rules()}

    @classmethod
    def _checked(cls, given: Mapping[Any, Any], names: Mapping[str, str]) -> dict[str, Any]:
        """The value of every field.

        Args:
            given: What was given, by key.
            names: The fields' names by key.
        """
        _check_keys(given)
        found = Found(cls._mistakes_as_given(given))
        others = {key: value for key, value in given.items() if names.get(key, cls._rest) == cls._rest}
        values: dict[str, Any] = {}
        for key, name in names.items():
            each = cls._fields[name]
            if each.is_rest:
                with found.below():
                    values[name] = each.kind.check(others)
            elif key in given:
                with found.below(key):
                    values[name] = each.kind.check(given[key])
            elif each.is_required:
                found.add([Mistake(MISSING, (key,))])
            else:
                values[name] = each.default_value()
        keys = {name: key for key, name in names.items()}
        for at, message in cls._contradictions(values):
            found.add([Mistake(message, () if at is None else (keys[at],))])
        if cls._rest is None:
            found.add(unknown_key(key, names) for key in others)
        found.raise_all()
        return values

    @classmethod
    def _mistakes_as_given(cls, _given: Mapping[Any, Any]) -> Iterable[Mistake]:
        """Mistakes between fields, found before the fields are checked, so that no other hides them."""
        return ()

    @classmethod
    def _contradictions(cls, _values: Mapping[str, Any]) -> Contradictions:
        """Mistakes between the fields that passed; a field that did not is absent, and counts as given."""
        return ()

    @classmethod
    def _rules(cls) -> JsonSchema:
        """What JSON Schema can say of the contradictions."""
        return {}

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"{name}: a {type(self).__name__} is frozen; replace() makes a changed copy")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), *self._values().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._values().items())})"

    def _values(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self._fields}


def _check_keys(given: Mapping[Any, Any]) -> None:
    mistakes = [
        Mistake(f"Keys should be strings; got {shown(key)}", (key if isinstance(key, int) else str(key),))
        for key in given
        if not isinstance(key, str)
    ]
    if mistakes:
        raise Wrong(mistakes)


def plain(value: Any) -> Any:
    """A value as plain JSON."""
    if isinstance(value, Declared):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
