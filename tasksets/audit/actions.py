"""Actions made from an environment's published schema, by somebody who knows nothing of the task."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openenv_tasksets.audit.texts import texts_in

Json = Mapping[str, Any]

_DEEPEST = 8


def filled(schema: Json, text: str) -> dict[str, Any]:
    """An action with every required field filled in.

    Args:
        schema: JSON Schema of an object.
        text: For its texts; numbers are 0, or the least that they may be.
    """
    value = _value(schema, schema, text, 0)
    return value if isinstance(value, dict) else {}


def with_texts(schema: Json, text: str) -> dict[str, Any] | None:
    """An action whose required texts are ``text``; None where it has no text of the agent's own."""
    marked = filled(schema, text)
    return marked if text in texts_in(marked) or not text else None


def listed_tools(output: Any) -> Sequence[Json]:
    """The tools that an answer to ``list_tools`` names; none where it is an error."""
    observation = output.get("observation") if isinstance(output, dict) else None
    tools = observation.get("tools") if isinstance(observation, dict) else None
    return tools if isinstance(tools, list) else []


def tool_calls(tools: Sequence[Json], text: str) -> Iterator[dict[str, Any]]:
    """A call of each tool, with its required arguments filled in."""
    for tool in tools:
        arguments = filled(tool.get("input_schema") or tool.get("inputSchema") or {}, text)
        yield {"type": "call_tool", "tool_name": str(tool.get("name")), "arguments": arguments}


def odd_ones(schema: Json) -> Iterator[Any]:
    """What no environment expects: to provoke its errors, and the server's."""
    odd: Sequence[Any] = (None, "", [], {}, -1, 2**63, "\x00", "9" * 400, {"a": [{"b": None}]}, [[[]]], True)
    yield {}
    yield {"no_such_field": 1}
    for name in schema.get("properties", {}):
        for value in odd:
            yield {**filled(schema, "x"), name: value}


def _value(schema: Json, root: Json, text: str, depth: int) -> Any:
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if kind is None and (one := _alternatives(schema)):
        return _value(one[0], root, text, depth + 1) if depth < _DEEPEST else None
    kind = kind[0] if isinstance(kind, list) else kind or "object"
    if kind in ("integer", "number"):
        return max(0, int(schema.get("minimum", 0)), int(schema.get("exclusiveMinimum", -1)) + 1)
    simple: dict[str, Any] = {"string": text, "boolean": False, "array": [], "null": None}
    if kind in simple:
        return simple[kind]
    properties = schema.get("properties", {})
    return {
        name: _value(properties.get(name, {"type": "string"}), root, text, depth + 1)
        for name in schema.get("required", ())
        if depth < _DEEPEST
    }


def _resolved(schema: Json, root: Json) -> Json:
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            break
        found: Any = root
        for step in reference.removeprefix("#/").split("/"):
            found = found.get(step, {})
        schema = found
    return schema


def _alternatives(schema: Json) -> Sequence[Json]:
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return list(schema[word])
    return []
