import copy
import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from openenv_tasksets.declared_kind import ByName, Many, Nullable
from openenv_tasksets.declared_part import Contradictions, Declared, field
from openenv_tasksets.declared_value import PROSE, Integer, Json, Text
from openenv_tasksets.loaders.errors import DeclarationError
from openenv_tasksets.task_declaration import ColumnArgument


class Bounds(Declared):
    """Two numbers.

    The first is not above the second.
    """

    low: int = field(Integer(at_least=0), "The lowest.", default=0)
    high: int = field(Integer(at_least=0), "The highest.")

    @classmethod
    def _contradictions(cls, values: Mapping[str, Any]) -> Contradictions:
        if values.get("low", 0) > values.get("high", values.get("low", 0)):
            yield "low", "must be at most high"


class Part(Declared):
    """A part."""

    name: str = field(Text("a name"), "What it is called.")
    kind: str | None = field(Nullable(Text("a kind")), "Of what kind it is.", default=None, key="class")
    bounds: Bounds | None = field(Nullable(Bounds), "Its bounds.", default=None)
    tags: tuple[str, ...] = field(Many(Text("a tag")), "Its tags.", default=())
    options: Mapping[str, Any] = field(Json(is_object=True), "Its options.", default_factory=dict)


class Open(Declared):
    """A part with blocks of others."""

    ours: Bounds | None = field(Nullable(Bounds), "Our own block.", default=None)
    theirs: Mapping[str, Any] = field(ByName(PROSE, Json()), "Those of others.", default_factory=dict, init=False)


def mistakes(make: Any, *given: Any, **values: Any) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        make(*given, **values)
    return [str(issue) for issue in caught.value.issues]


def test_keywords_have_pythons_names_and_mappings_the_files() -> None:
    part = Part(name="a", kind="b", bounds=Bounds(high=3))
    assert part == Part.from_dict({"name": "a", "class": "b", "bounds": {"high": 3}})
    assert mistakes(Part, **{"name": "a", "class": "b"}) == [
        "class: unknown key 'class'. There are: 'bounds', 'kind', 'name', 'options', 'tags'"
    ]
    assert mistakes(Part.from_dict, {"name": "a", "kind": "b"}) == [
        "kind: unknown key 'kind'. There are: 'bounds', 'class', 'name', 'options', 'tags'"
    ]


def test_every_mistake_of_every_part_comes_at_once() -> None:
    assert mistakes(Part.from_dict, {"bounds": {"low": 5, "high": 3}, "tags": ["", 1], "naem": "a"}) == [
        "name: required, but missing",
        "bounds.low: must be at most high",
        "tags[0]: expected a tag; got ''",
        "tags[1]: expected a tag; got 1; in quotes it is text",
        "naem: unknown key 'naem'; did you mean 'name'? There are: 'bounds', 'class', 'name', 'options', 'tags'",
    ]


def test_a_wrong_field_does_not_hide_a_contradiction_and_makes_none() -> None:
    assert mistakes(Bounds, low=5, high=-1) == ["high: expected a whole number of at least 0; got -1"]


def test_a_contradiction_is_said_of_the_name_that_was_given() -> None:
    assert mistakes(ColumnArgument, column="a", extract="b", form="pil")[0].startswith("form: goes with a whole")
    given = {"column": "a", "extract": "b", "as": "pil"}
    assert mistakes(ColumnArgument.from_dict, given)[0].startswith("as: goes with a whole")


@pytest.mark.parametrize("given", [None, "a", ["a"], Bounds(high=1)])
def test_a_part_is_a_mapping_or_a_part(given: Any) -> None:
    assert mistakes(Part.from_dict, given)[0].startswith("expected a mapping; got ")


def test_a_part_that_is_one_already_is_taken_as_it_is() -> None:
    bounds = Bounds(high=1)
    assert Part(name="a", bounds=bounds).bounds is bounds


def test_keys_are_text() -> None:
    assert mistakes(Part.from_dict, {"name": "a", 1: 2, b"x": 3}) == [
        "[1]: Keys should be strings; got 1",
        "[\"b'x'\"]: Keys should be strings; got a bytes",
    ]


def test_what_is_written_has_the_files_keys_and_no_defaults() -> None:
    part = Part(name="a", kind="b", bounds=Bounds(low=0, high=3), tags=("x",), options={"y": [1, {"z": None}]})
    written = part.to_dict()
    assert written == {
        "name": "a",
        "class": "b",
        "bounds": {"high": 3},
        "tags": ["x"],
        "options": {"y": [1, {"z": None}]},
    }
    assert Part.from_dict(written) == part
    assert Part(name="a", options={}).to_dict() == {"name": "a"}


def test_a_default_that_can_be_changed_is_nobody_elses() -> None:
    first, second = Part(name="a"), Part(name="a")
    assert first.options is not second.options


def test_a_copy_has_other_values_which_are_not_checked() -> None:
    part = Part(name="a", tags=("x",))
    assert part.replace(name="b") == Part(name="b", tags=("x",))
    assert part.replace(name=1).to_dict() == {"name": 1, "tags": ["x"]}
    assert part.name == "a"


def test_a_part_is_a_value() -> None:
    part = Part(name="a", bounds=Bounds(high=3))
    assert part != Part(name="a")
    assert Bounds(high=0) != Part(name="a")
    assert len({Bounds(high=1), Bounds(high=1), Bounds(high=2)}) == 2
    assert repr(part) == "Part(name='a', kind=None, bounds=Bounds(low=0, high=3), tags=(), options={})"
    for twin in (copy.copy(part), copy.deepcopy(part), pickle.loads(pickle.dumps(part))):
        assert twin == part
    for change in (lambda: setattr(part, "name", "b"), lambda: delattr(part, "name")):
        with pytest.raises(AttributeError, match="name: a Part is frozen"):
            change()


def test_what_stands_under_no_fields_name_may_be_kept() -> None:
    given = {"ours": {"high": 1}, "a b": [1], "theirs": 2}
    part = Open.from_dict(given)
    assert part.theirs == {"a b": [1], "theirs": 2}
    assert part == Open(**given)
    assert part.to_dict() == given
    assert mistakes(Open, x={"y": {1}}) == [
        "x.y: a set is not JSON: use text, numbers, true, false, null, lists and mappings"
    ]


def test_the_schema_of_a_part_says_what_the_part_takes() -> None:
    schema = Part.whole_schema()
    assert schema["title"] == "Part"
    assert schema["description"] == "A part."
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == ["name", "class", "bounds", "tags", "options"]
    assert schema["properties"]["tags"]["default"] == []
    assert schema["properties"]["tags"]["description"] == "Its tags."
    assert schema["properties"]["bounds"]["anyOf"] == [{"$ref": Bounds}, {"type": "null"}]
    assert Bounds.whole_schema()["description"] == "Two numbers."
    assert Open.whole_schema()["additionalProperties"] == {}
    assert list(Open.whole_schema()["properties"]) == ["ours"]
