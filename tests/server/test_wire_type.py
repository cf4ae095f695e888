"""Annotations of an environment: what an action is made into, and which schema is published."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Literal, TypedDict, TypeVar

import msgspec
import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from openenv_tasksets.loaders.errors import PolicyError
from openenv_tasksets.server.wire_type import method_types, wire_type


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    times: int = Field(default=1, ge=1)

    @field_validator("text")
    @classmethod
    def _not_poison(cls, text: str) -> str:
        if text == "poison":
            raise ValueError("poison is not allowed")
        return text


class Struct(msgspec.Struct):
    text: str
    times: int = 1


class Nested(msgspec.Struct):
    inner: Struct


@dataclass
class Data:
    text: str
    times: int = 1


class Typed(TypedDict):
    text: str


class Push(BaseModel):
    kind: Literal["push"]


class Pull(BaseModel):
    kind: Literal["pull"]
    weight: int = 1


class WithArray(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    text: str
    array: np.ndarray | None = None


class Opaque:
    pass


class OpaqueStruct(msgspec.Struct):
    text: str
    thing: Opaque | None = None


OPEN = {"title": "QuizAction", "type": "object", "additionalProperties": True}


@pytest.mark.parametrize(
    ("annotation", "sent", "decoded"),
    [
        (Model, {"text": "a"}, Model(text="a")),
        (Struct, {"text": "a", "times": 2}, Struct("a", 2)),
        (Nested, {"inner": {"text": "a"}}, Nested(Struct("a"))),
        (Data, {"text": "a"}, Data("a")),
        (Typed, {"text": "a"}, {"text": "a"}),
        (Push | Pull, {"kind": "pull"}, Pull(kind="pull")),
        (Annotated[Push | Pull, Field(discriminator="kind")], {"kind": "push"}, Push(kind="push")),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict, {"a": [None]}, {"a": [None]}),
        (None, {"a": [None]}, {"a": [None]}),
        (Any, {"a": [None]}, {"a": [None]}),
        (Opaque, {"a": 1}, {"a": 1}),
        (WithArray, {"text": "a"}, WithArray(text="a")),
        (OpaqueStruct, {"text": "a"}, OpaqueStruct("a")),
    ],
)
def test_an_action_is_made_what_the_annotation_says(annotation, sent, decoded):
    made = wire_type(annotation, "QuizAction").decode(sent)
    assert made == decoded
    assert type(made) is type(decoded)


def test_a_decoded_mapping_is_a_copy():
    sent = {"a": 1}
    wire_type(None, "QuizAction").decode(sent)["b"] = 2
    assert sent == {"a": 1}


@pytest.mark.parametrize(
    ("annotation", "sent", "details"),
    [
        (Model, {}, [{"type": "missing", "loc": ("text",), "msg": "Field required"}]),
        (
            Model,
            {"text": "a", "bogus": 1},
            [{"type": "extra_forbidden", "loc": ("bogus",), "msg": "Extra inputs are not permitted"}],
        ),
        (
            Model,
            {"text": "a", "times": 0},
            [{"type": "greater_than_equal", "loc": ("times",), "msg": "Input should be greater than or equal to 1"}],
        ),
        (
            Model,
            {"text": "poison"},
            [{"type": "value_error", "loc": ("text",), "msg": "Value error, poison is not allowed"}],
        ),
        (Data, {"text": 1}, [{"type": "string_type", "loc": ("text",), "msg": "Input should be a valid string"}]),
        (
            Struct,
            {"text": "a", "times": "b"},
            [{"type": "value_error", "loc": ["times"], "msg": "Expected `int`, got `str`"}],
        ),
        (
            Nested,
            {"inner": {"text": 1}},
            [{"type": "value_error", "loc": ["inner", "text"], "msg": "Expected `str`, got `int`"}],
        ),
        (Struct, {}, [{"type": "value_error", "loc": [], "msg": "Object missing required field `text`"}]),
        (str, {"a": 1}, [{"type": "string_type", "loc": (), "msg": "Input should be a valid string"}]),
    ],
)
def test_a_wrong_action_is_the_policys_error_without_the_input(annotation, sent, details):
    with pytest.raises(PolicyError, match="^Invalid message$") as caught:
        wire_type(annotation, "QuizAction").decode(sent)
    assert list(caught.value.details) == details


@pytest.mark.parametrize(
    ("annotation", "title", "required"),
    [(Model, "Model", ["text"]), (Struct, "Struct", ["text"]), (Data, "Data", ["text"]), (Typed, "Typed", ["text"])],
)
def test_a_schema_has_its_types_title_and_required_fields(annotation, title, required):
    schema = wire_type(annotation, "QuizAction").schema
    assert (schema["title"], schema["type"], schema["required"]) == (title, "object", required)


@pytest.mark.parametrize("annotation", [None, Any, Opaque, WithArray, OpaqueStruct])
def test_a_type_without_a_schema_is_published_as_any_object(annotation):
    assert wire_type(annotation, "QuizAction").schema == OPEN


def test_a_schema_of_structs_is_complete_in_itself():
    schema = wire_type(Nested, "QuizAction").schema
    assert schema["properties"]["inner"] == {"$ref": "#/$defs/Struct"}
    assert schema["$defs"]["Struct"]["required"] == ["text"]


def test_a_union_has_the_title_it_lacks():
    assert wire_type(Push | Pull, "QuizAction").schema["title"] == "QuizAction"


Act = TypeVar("Act")
Obs = TypeVar("Obs")
Other = TypeVar("Other")


class Base(Generic[Act, Obs]):
    def step(self, action: Act, timeout_s: float | None = None) -> Obs: ...

    @property
    def state(self) -> Obs: ...


class Direct(Base[Model, Data]):
    pass


class Middle(Base[Other, Data], Generic[Other]):
    pass


class Leaf(Middle[Struct]):
    pass


class Unannotated(Base[Model, Data]):
    def step(self, action, timeout_s=None):
        return None


class Own(Base[Model, Data]):
    def step(self, action: Push) -> Pull: ...


class Bare(Base):
    pass


class Missing:
    def step(self, action: "Model", extra: "Nowhere" = None) -> "Nowhere": ...  # noqa: F821


class MissingFirst(Base[Model, Data]):
    def step(self, action: "Nowhere") -> Pull: ...  # noqa: F821


class Returnless:
    def step(self, action: Model) -> None: ...


class Argumentless:
    def step(self): ...


class Stateful:
    @property
    def state(self) -> Model: ...


class StateAttribute:
    state: ClassVar = {"a": 1}


@pytest.mark.parametrize(
    ("owner", "name", "types"),
    [
        (Direct, "step", (Model, Data)),
        (Leaf, "step", (Struct, Data)),
        (Unannotated, "step", (Model, Data)),
        (Own, "step", (Push, Pull)),
        (Bare, "step", (None, None)),
        (Missing, "step", (Model, None)),
        (MissingFirst, "step", (Model, Pull)),
        (Returnless, "step", (Model, None)),
        (Argumentless, "step", (None, None)),
        (Direct, "state", (None, Data)),
        (Stateful, "state", (None, Model)),
        (StateAttribute, "state", (None, None)),
        (Opaque, "step", (None, None)),
    ],
)
def test_a_methods_types_come_from_its_annotations_its_bases_or_their_arguments(owner, name, types):
    assert method_types(owner, name) == types
