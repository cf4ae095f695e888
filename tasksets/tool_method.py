"""A tool as a Python method whose signature and docstring say what its JSON Schema says.

Trainers know tools as functions: transformers' ``get_json_schema`` reads annotations and a Google-style docstring,
and writes from them the schema that the model sees.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union

import msgspec

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.tool import Tool

_PLAIN: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": None,
    "array": list,
    "object": dict,
}
_ACTION = {"properties": {"action": {"type": "object", "description": "The action's fields"}}, "required": ["action"]}
_DEEPEST = 8
# What begins a section of a Google-style docstring, or says more of an argument, wherever it stands.
_SECTION = re.compile(r"\b(Args|Returns|Raises|choices):", re.IGNORECASE)
_SECTIONS = re.compile(r"\n\s*(?:Args|Returns|Raises):")


def tool_method(tool: Tool, use: Callable[[Any, Tool, dict[str, Any]], str]) -> Callable[..., str]:
    """A method that takes the tool's arguments by name.

    Args:
        tool: The tool.
        use: Called with the instance, the tool and the arguments that were given.

    Raises:
        TasksetError: An argument has a name that Python has no argument for.
    """
    schema = inlined(tool.schema if tool.has_fields else _ACTION, tool.schema.get("$defs", {}))
    arguments: Mapping[str, Any] = schema.get("properties", {})
    required = schema.get("required", ())

    def method(self: Any, **given: Any) -> str:
        return use(self, tool, given)

    try:
        parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)] + [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation(each),
                default=inspect.Parameter.empty if name in required else each.get("default"),
            )
            for name, each in arguments.items()
        ]
        signature = inspect.Signature(parameters, return_annotation=str)
    except ValueError as exc:
        raise TasksetError(f"tool {tool.name!r} cannot be a trainer's, whose tools are functions: {exc}") from exc
    method.__name__ = method.__qualname__ = tool.name
    method.__doc__ = _docstring(tool, arguments)
    method.__annotations__ = {each.name: each.annotation for each in parameters[1:]} | {"return": str}
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method


def annotation(schema: Mapping[str, Any]) -> Any:
    """The Python type that a JSON Schema without references stands for, as near as there is one."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values and all(isinstance(each, bool | int | str | None) for each in values):
        return Literal[tuple(values)]
    several = schema.get("anyOf") or schema.get("oneOf")
    kind = schema.get("type")
    if isinstance(kind, list):
        several = [{**schema, "type": each} for each in kind]
    if several:
        return Union[tuple(annotation(each) for each in several)]  # noqa: UP007 - of any number
    if kind == "array" and isinstance(schema.get("items"), Mapping) and schema["items"]:
        return list[annotation(schema["items"])]  # type: ignore[misc]
    return _PLAIN.get(kind, Any) if isinstance(kind, str) else Any


def inlined(schema: Any, definitions: Mapping[str, Any], depth: int = 0) -> Any:
    """A schema with its references to ``definitions`` replaced by what they name; those to itself end at some depth."""
    if isinstance(schema, list):
        return [inlined(each, definitions, depth) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if isinstance(schema.get("$ref"), str):
        named = definitions.get(schema["$ref"].rpartition("/")[2], {}) if depth < _DEEPEST else {}
        return {
            **inlined(named, definitions, depth + 1),
            **{key: value for key, value in schema.items() if key not in ("$ref", "$defs")},
        }
    return {key: inlined(value, definitions, depth) for key, value in schema.items() if key != "$defs"}


def _docstring(tool: Tool, arguments: Mapping[str, Any]) -> str:
    about = _SECTIONS.split(tool.description)[0]
    lines = [_line(about) or f"Call {tool.name}."]
    if arguments:
        lines += ["", "Args:"]
        lines += [f"    {name}: {_about(name, each)}" for name, each in arguments.items()]
    return "\n".join(lines)


def _about(name: str, schema: Mapping[str, Any]) -> str:
    """What an argument is; fields that the annotation cannot hold are said as JSON Schema."""
    about = _line(str(schema.get("description") or schema.get("title") or name))
    nested = {key: value for key, value in schema.items() if key not in ("description", "title", "default")}
    text = msgspec.json.encode(nested).decode()
    return f"{about}. JSON Schema: {_line(text)}" if '"properties"' in text else about


def _line(text: str) -> str:
    return _SECTION.sub(r"\1", " ".join(text.split()))
