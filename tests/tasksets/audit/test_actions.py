"""Actions from a schema: valid as the schema's own validator sees it, and odd ones for errors."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field

from openenv_tasksets.answer import AnswerAction
from openenv_tasksets.audit.actions import filled, odd_ones, tool_calls, with_texts
from openenv_tasksets.server.wire_type import wire_type


class Colour(Enum):
    RED = "red"


class Point(BaseModel):
    x: int = Field(ge=3)
    label: str


class Action(BaseModel):
    reply: str
    where: Point
    colour: Colour
    kind: Literal["move"]
    weight: Annotated[float, Field(gt=0)]
    maybe: int | None
    tags: list[str]
    table: dict[str, int]
    sure: bool
    optional: str = "x"


@dataclass
class Plain:
    reply: str
    count: int
    rest: list[str] = field(default_factory=list)


@pytest.mark.parametrize("kind", [Action, Plain, AnswerAction])
@pytest.mark.parametrize("text", ["", "some text"])
def test_a_filled_action_is_valid_and_decoded(kind, text):
    action = wire_type(kind, "Action")
    made = filled(action.schema, text)
    jsonschema.validate(made, action.schema)
    action.decode(made)
    assert with_texts(action.schema, text) == made


def test_a_schema_without_a_text_has_none_to_fill():
    schema = {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}
    assert with_texts(schema, "text") is None
    assert filled(schema, "text") == {"row": 0}
    assert filled({}, "text") == {}


def test_a_schema_that_refers_to_itself_comes_to_an_end():
    schema = {"type": "object", "required": ["me"], "properties": {"me": {"$ref": "#"}}}
    assert "me" in filled(schema, "text")


def test_each_tool_is_called_with_its_arguments():
    tools = [{"name": "look", "input_schema": {"type": "object", "required": ["at"], "properties": {}}}, {"name": "go"}]
    assert list(tool_calls(tools, "x")) == [
        {"type": "call_tool", "tool_name": "look", "arguments": {"at": "x"}},
        {"type": "call_tool", "tool_name": "go", "arguments": {}},
    ]


def test_odd_actions_are_many_and_most_are_refused():
    action = wire_type(Plain, "Action")
    refused = 0
    made = list(odd_ones(action.schema))
    for odd in made:
        refused += not jsonschema.Draft202012Validator(action.schema).is_valid(odd)
    assert len(made) > 20
    assert refused > len(made) / 2
