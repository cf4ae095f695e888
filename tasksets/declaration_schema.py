"""JSON Schema of ``environment.yaml``, generated from the declaration: what editors complete and check by."""

from typing import Any

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.declared_kind import JsonSchema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def declaration_schema() -> JsonSchema:
    """The schema (draft 2020-12) of the file read by YAML 1.2's core rules.

    What it cannot say is left to the declaration: names that must exist elsewhere in the file, ids that must be
    unique, the syntax of regular expressions and templates.
    """
    definitions: dict[str, JsonSchema] = {}
    schema = _with_names(Declaration.whole_schema(), definitions)
    return {"$schema": _DIALECT, **schema, "title": "environment.yaml", "$defs": definitions}


def _with_names(schema: Any, definitions: dict[str, JsonSchema]) -> Any:
    """The schema with the names of parts in the place of their classes; each part is defined once."""
    if isinstance(schema, list):
        return [_with_names(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    named = {key: _with_names(each, definitions) for key, each in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return named
    part = schema["$ref"]
    if part.__name__ not in definitions:
        definitions[part.__name__] = _with_names(part.whole_schema(), definitions)
    return {"$ref": f"#/$defs/{part.__name__}", **named}
