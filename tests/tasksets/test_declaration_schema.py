from pathlib import Path

import jsonschema
import pytest

from openenv_tasksets.declaration_file import parse_declaration
from openenv_tasksets.declaration_schema import declaration_schema
from openenv_tasksets.loaders.errors import DeclarationError
from openenv_tasksets.yaml_scalar import core_value
from openenv_tasksets.yaml_tree import Mapping, Scalar, read_tree

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*/*.yaml"))

BEYOND_JSON_SCHEMA = {
    "good/newer-minor": "keys of a newer version are ignored with a warning; an editor should mark them",
    "bad/extract-lookahead": "the syntax of regular expressions",
    "bad/id-repeated": "values that must differ between list items",
    "bad/limits-fraction": "1.0 is an integer in JSON Schema, and a float in YAML",
    "bad/min-version": "a number in the place of patterned text: patterns hold for strings only",
    "bad/order-split": "names that must exist elsewhere in the file",
    "bad/reward-near-miss": "an object of other keys is allowed; a near miss of ours is a guess",
    "bad/reward-range": "a number that must be less than another",
    "bad/reward-threshold": "a number that must lie between two others",
    "bad/visible": "names that must exist elsewhere in the file",
}


def plain_json(node):
    """The tree as any YAML 1.2 tool reads it."""
    if isinstance(node, Scalar):
        return core_value(node.text) if node.is_plain else node.text
    if isinstance(node, Mapping):
        return {key: plain_json(entry.value) for key, entry in node.entries.items()}
    return [plain_json(item) for item in node.items]


def is_accepted(data):
    try:
        parse_declaration(data, "file.yaml")
    except DeclarationError:
        return False
    return True


def properties(schema):
    """Every property's name and schema, wherever it is."""
    if isinstance(schema, list):
        for each in schema:
            yield from properties(each)
    elif isinstance(schema, dict):
        if "title" in schema:
            yield from schema.get("properties", {}).items()
        for each in schema.values():
            yield from properties(each)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(declaration_schema())


def test_every_property_says_what_it_is_for():
    found = list(properties(declaration_schema()))
    assert len(found) > 40
    assert [name for name, schema in found if not schema.get("description")] == []


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_schema_and_declaration_agree(file):
    data = file.read_bytes()
    valid = jsonschema.Draft202012Validator(declaration_schema()).is_valid(plain_json(read_tree(data, "file.yaml")))
    agrees = valid == is_accepted(data)
    assert agrees is (f"{file.parent.name}/{file.stem}" not in BEYOND_JSON_SCHEMA)


def test_the_exceptions_exist():
    assert set(BEYOND_JSON_SCHEMA) <= {f"{file.parent.name}/{file.stem}" for file in CORPUS}
