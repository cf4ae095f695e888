"""``tasksets schema``: the whole stdout is one JSON Schema, which takes a declaration and refuses a wrong one."""

import json

import jsonschema
import pytest
import yaml


def test_the_schema_takes_what_is_right_and_refuses_what_is_wrong(tasksets, taskset):
    result = tasksets("schema")
    assert result.code == 0
    schema = json.loads(result.out)
    declared = yaml.safe_load((taskset / "environment.yaml").read_text())

    jsonschema.validate(declared, schema)
    declared["environments"][0]["task"]["visble"] = []
    with pytest.raises(jsonschema.ValidationError, match="visble"):
        jsonschema.validate(declared, schema)
