"""What an annotation means on the wire: decode an action from JSON values, and the JSON Schema to publish."""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from openenv_tasksets.loaders.errors import PolicyError


@dataclass(frozen=True, slots=True)
class WireType:
    """An annotated type.

    Attributes:
        decode: From a JSON object to an instance; raises PolicyError.
        schema: Its JSON Schema, with a title.
    """

    decode: Callable[[Mapping[str, Any]], Any]
    schema: Mapping[str, Any]


def wire_type(annotation: Any, title: str) -> WireType:
    """Read an annotation: a msgspec struct, or anything that pydantic knows (models, dataclasses, unions, ...).

    Args:
        annotation: The type. None where there is no annotation: any JSON object then, passed on as it is; so is
            one of a type that pydantic does not know.
        title: The schema's title where the type has no name of its own.
    """
    opaque = {"title": title, "type": "object", "additionalProperties": True}
    if annotation is None or annotation is Any:
        return WireType(dict, opaque)
    # Pydantic takes typing's TypedDict only from Python 3.12 on.
    if inspect.isclass(annotation) and (issubclass(annotation, msgspec.Struct) or typing.is_typeddict(annotation)):
        return WireType(_msgspec_decoder(annotation), _msgspec_schema(annotation) or opaque)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except PydanticUserError:
        return WireType(dict, opaque)
    try:
        schema = {"title": title, **adapter.json_schema()}
    except PydanticUserError:  # a field that can be validated, but has no schema
        schema = opaque
    return WireType(_pydantic_decoder(adapter), schema)


def method_types(owner: type, name: str) -> tuple[Any, Any]:
    """Annotations of a method's first argument after self and of its result; None where there is none.

    A class that leaves one out, or whose annotation names what cannot be found, has its base's. Type variables
    of a generic base are looked up: ``class Echo(Environment[EchoAction, EchoObservation, State])``.
    """
    variables = _type_arguments(owner)
    first = result = None
    for cls in owner.__mro__:
        function = inspect.getattr_static(cls, name, None) if name in vars(cls) else None
        if isinstance(function, property):
            function = function.fget
        if not inspect.isfunction(function):
            continue
        names = list(inspect.signature(function).parameters)[1:]
        first = first or (_concrete(_hint(function, names[0]), variables) if names else None)
        result = result or _concrete(_hint(function, "return"), variables)
    return first, result


def _hint(function: Callable[..., Any], name: str) -> Any:
    """One annotation alone: another one that cannot be resolved does not matter."""
    if name not in function.__annotations__:
        return None
    alone = SimpleNamespace(__annotations__={name: function.__annotations__[name]})
    try:
        return typing.get_type_hints(alone, globalns=inspect.unwrap(function).__globals__)[name]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return None


def _type_arguments(cls: type) -> dict[Any, Any]:
    arguments: dict[Any, Any] = {}
    for ancestor in cls.__mro__:
        for base in getattr(ancestor, "__orig_bases__", ()):
            parameters = getattr(typing.get_origin(base), "__parameters__", ())
            for parameter, argument in zip(parameters, typing.get_args(base), strict=False):
                arguments.setdefault(parameter, argument)
    return arguments


def _concrete(annotation: Any, variables: Mapping[Any, Any]) -> Any:
    while isinstance(annotation, typing.TypeVar) and annotation in variables:
        annotation = variables[annotation]
    if isinstance(annotation, typing.TypeVar) or annotation is type(None):
        return None
    return annotation


def _pydantic_decoder(adapter: TypeAdapter[Any]) -> Callable[[Mapping[str, Any]], Any]:
    # The adapter's own method does the same, and gathers arguments that are not given.
    validate = adapter.validator.validate_python

    def decode(data: Mapping[str, Any]) -> Any:
        try:
            return validate(data)
        except ValidationError as exc:
            # Without input, context and url: they echo what was sent and name pydantic's version.
            details = exc.errors(include_url=False, include_context=False, include_input=False)
            raise PolicyError("Invalid message", [dict(detail) for detail in details]) from None

    return decode


def _msgspec_decoder(annotation: type) -> Callable[[Mapping[str, Any]], Any]:
    def decode(data: Mapping[str, Any]) -> Any:
        try:
            return msgspec.convert(data, annotation)
        except msgspec.ValidationError as exc:
            message, _, path = str(exc).partition(" - at `$")
            location = [part for part in path.rstrip("`").split(".") if part]
            raise PolicyError("Invalid message", [{"type": "value_error", "loc": location, "msg": message}]) from None

    return decode


def _msgspec_schema(annotation: type) -> Mapping[str, Any] | None:
    """The type's JSON Schema; None where one of its fields has none."""
    try:
        (_, definitions) = msgspec.json.schema_components([annotation], ref_template="#/$defs/{name}")
    except TypeError:
        return None
    own = dict(definitions.pop(annotation.__name__))
    if definitions:
        own["$defs"] = definitions
    return own
