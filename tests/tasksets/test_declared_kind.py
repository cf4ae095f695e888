from typing import Any, get_args

import jsonschema
import pytest

from openenv_tasksets.declaration_issues import Wrong, wrong
from openenv_tasksets.declared_kind import ByName, Checked, Choice, Kind, Many, Nullable, Parsed
from openenv_tasksets.declared_value import Integer, Text
from openenv_tasksets.task_declaration import OrderKind
from openenv_tasksets.yaml_scalar import PlainScalar

WORD = Text("a word", r"[a-z]+")


def is_even(number: int) -> None:
    if number % 2:
        raise wrong("odd")


def one_or_many(value: Any) -> tuple[str, ...]:
    return Many(WORD).check([value] if isinstance(value, str) else value)


CHOICE: Choice[OrderKind] = Choice(get_args(OrderKind))
EVEN = Checked(Integer(at_least=0), is_even, {"multipleOf": 2})
FORMS = Parsed(one_or_many, (WORD, Many(WORD)))


def mistakes(kind: Kind[Any], value: Any) -> list[tuple[Any, ...]]:
    with pytest.raises(Wrong) as caught:
        kind.check(value)
    return [(*each.steps, each.message) for each in caught.value.mistakes]


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (Nullable(WORD), None, None),
        (Nullable(WORD), "a", "a"),
        (CHOICE, PlainScalar("blocks"), "blocks"),
        (Many(WORD), [], ()),
        (Many(WORD), ("a", "b"), ("a", "b")),
        (ByName(WORD, Integer(at_least=1)), {"a": 2}, {"a": 2}),
        (EVEN, 4, 4),
        (FORMS, "a", ("a",)),
        (FORMS, ["a", "b"], ("a", "b")),
        (Nullable(FORMS), None, None),
    ],
)
def test_a_value_of_the_kind_passes_here_and_in_the_schema(kind: Kind[Any], value: Any, wanted: Any) -> None:
    checked = kind.check(value)
    assert checked == wanted
    assert type(checked) is type(wanted)
    assert accepts(kind, list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (CHOICE, "random", [("expected 'shuffled', 'sequential' or 'blocks'; got 'random'",)]),
        (CHOICE, ["blocks"], [("expected 'shuffled', 'sequential' or 'blocks'; got a list",)]),
        (Many(WORD), "ab", [("expected a list; got 'ab'",)]),
        (Many(WORD, is_shown=False), "ab", [("expected a list; got something else",)]),
        (Many(WORD, least="word"), [], [("expected at least one word; got none",)]),
        (
            Many(Many(WORD)),
            [["a", "B"], 3, ["C"]],
            [(0, 1, "expected a word; got 'B'"), (1, "expected a list; got 3"), (2, 0, "expected a word; got 'C'")],
        ),
        (
            ByName(WORD, Integer(at_least=1)),
            {"A": 0, "b": 1},
            [("A", "expected a word; got 'A'"), ("A", "expected a whole number of at least 1; got 0")],
        ),
        (ByName(WORD, WORD), ["a"], [("expected a mapping; got a list",)]),
        (EVEN, 3, [("odd",)]),
        (EVEN, -1, [("expected a whole number of at least 0; got -1",)]),
        (FORMS, ["A"], [(0, "expected a word; got 'A'")]),
    ],
)
def test_every_mistake_is_found_where_it_is_and_by_the_schema(kind: Kind[Any], value: Any, wanted: Any) -> None:
    assert mistakes(kind, value) == wanted
    assert not accepts(kind, value)


def accepts(kind: Kind[Any], value: Any) -> bool:
    schema = kind.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


def test_alternatives_stand_side_by_side() -> None:
    assert [form.get("type") for form in Nullable(FORMS).json_schema()["anyOf"]] == [
        ["string", "number", "boolean"],
        "array",
        "null",
    ]
