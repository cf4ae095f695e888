"""A tool as a method: transformers reads back from it what the tool's JSON Schema says."""

from typing import Any, Literal, Union

import pytest
from pydantic import BaseModel

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.tool import Tool
from openenv_tasksets.tool_method import inlined, tool_method

pytestmark = pytest.mark.filterwarnings("ignore")


def place(name: str, count: int, share: float, urgent: bool, tags: list[str], more: dict, anything: Any):
    """Place an order.

    Args:
        name: Whose.
        count: How many.
        share: Of what.
        urgent: Whether it is.
        tags: Some words.
        more: What else.
        anything: Whatever.
    """


def choose(
    size: Literal["small", "large"],
    note: str | None = None,
    number: Union[int, str] = 3,  # noqa: UP007 - both spellings
    grid: list[list[int]] = [],  # noqa: B006 - as it is in a schema
):
    """Choose one.

    Args:
        size: Which size.
        note: A note.
        number: As a number or a word.
        grid: Some numbers.
    """


def nothing():
    """Do nothing."""


def made_of(function):
    """The method of the tool that FastMCP makes of a function; transformers' own reading of the function."""
    from fastmcp.tools import Tool as FastTool
    from transformers.utils import get_json_schema

    listed = FastTool.from_function(function)
    own = get_json_schema(function)["function"]
    properties = own["parameters"]["properties"]
    schema = {
        **listed.parameters,
        "properties": {
            name: {**each, "description": properties[name]["description"]}
            for name, each in listed.parameters.get("properties", {}).items()
        },
    }
    tool = Tool(listed.name, listed.description, schema, of_step=False)
    holder = type("Holder", (), {listed.name: tool_method(tool, lambda self, tool, given: (tool.name, given))})
    made = get_json_schema(getattr(holder(), listed.name))["function"]
    assert made.pop("return") == {"type": "string"}
    return getattr(holder(), listed.name), made, own


@pytest.mark.parametrize("function", [place, choose, nothing])
def test_transformers_reads_the_same_from_the_method_as_from_the_function(function):
    method, made, own = made_of(function)
    assert made == own
    assert method(anything=1) == (function.__name__, {"anything": 1})


class Order(BaseModel):
    item: str
    amount: int = 1


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []


def test_fields_of_an_object_are_told_in_its_description():
    from transformers.utils import get_json_schema

    schema = {"properties": {"order": {"$ref": "#/$defs/Order"}}, "$defs": {"Order": Order.model_json_schema()}}
    method = tool_method(Tool("buy", "Buy.", schema, of_step=False), lambda *_: "")
    order = get_json_schema(method)["function"]["parameters"]["properties"]["order"]
    assert order["type"] == "object"
    assert '"item":{"title":"Item","type":"string"}' in order["description"]


def test_an_action_of_any_form_is_one_argument():
    tool = Tool("step", "", {"type": "object", "additionalProperties": True}, of_step=True)
    method = tool_method(tool, lambda _self, tool, given: tool.action(given))
    assert method(None, action={"move": "e4"}) == {"move": "e4"}
    assert method(None) == {}


def test_a_description_with_sections_of_its_own_does_no_harm():
    from transformers.utils import get_json_schema

    schema = {
        "properties": {"a": {"type": "string", "description": 'One of:\n  Returns: nothing (choices: ["x"])'}},
        "required": ["a"],
    }
    tool = Tool("look", "Look around.\n\nArgs:\n    a: where\nReturns:\n    what is there", schema, of_step=False)
    read = get_json_schema(tool_method(tool, lambda *_: ""))["function"]
    assert read["description"] == "Look around."
    assert read["parameters"]["properties"]["a"] == {
        "type": "string",
        "description": 'One of: Returns nothing (choices ["x"])',
    }


@pytest.mark.parametrize("name", ["two words", "class", "self", "1st"])
def test_an_argument_that_python_cannot_name_is_refused(name):
    tool = Tool("look", "", {"properties": {name: {"type": "string"}}}, of_step=False)
    with pytest.raises(TasksetError, match="tool 'look' cannot be a trainer's"):
        tool_method(tool, lambda *_: "")


def test_a_schema_that_holds_itself_ends():
    schema = Tree.model_json_schema()
    flat = inlined(schema, schema["$defs"])
    assert "$ref" not in str(flat)
    assert flat["properties"]["children"]["items"]["properties"]["value"]["type"] == "integer"
