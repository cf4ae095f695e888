"""JSON Schema of ``environment.yaml``, generated from the models: what editors complete and check by."""

from typing import Any

from openenv_tasksets.declaration import Declaration

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def declaration_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of the file read by YAML 1.2's core rules.

    What it cannot say is left to the models: names that must exist elsewhere in the file, ids that must be
    unique, the syntax of regular expressions and templates.
    """
    schema = Declaration.model_json_schema(by_alias=True, mode="validation")
    closed: dict[str, Any] = _without_open_names(schema)
    return {"$schema": _DIALECT, **closed, "title": "environment.yaml"}


def _without_open_names(schema: Any) -> Any:
    """Names in a mapping that do not match their pattern are wrong, where pydantic lets them pass."""
    if isinstance(schema, list):
        return [_without_open_names(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _without_open_names(value) for key, value in schema.items()}
    patterns = inner.pop("patternProperties", None)
    if patterns is None:
        return inner
    ((pattern, values),) = patterns.items()
    return {**inner, "propertyNames": {"pattern": pattern}, "additionalProperties": values}
