import math
from typing import Any

import pytest

from openenv_tasksets.declared_kind import Nullable
from openenv_tasksets.declared_part import Declared, field
from openenv_tasksets.declared_value import MOST_JSON_DEPTH, Boolean, Integer, Json, Number, Text
from openenv_tasksets.loaders.errors import DeclarationError
from openenv_tasksets.yaml_scalar import PlainScalar


class Fields(Declared):
    text: str | None = field(Nullable(Text(longest=10)), "", default=None)
    word: str | None = field(Nullable(Text("a word", r"[a-z]+")), "", default=None)
    prose: str | None = field(Nullable(Text(shortest=0, longest=None)), "", default=None)
    integer: int | None = field(Nullable(Integer(at_least=1)), "", default=None)
    number: float | None = field(Nullable(Number()), "", default=None)
    positive: float | None = field(Nullable(Number(is_positive=True)), "", default=None)
    boolean: bool | None = field(Nullable(Boolean()), "", default=None)
    free: Any = field(Json(), "", default=None)
    mapping: Any = field(Nullable(Json(is_object=True)), "", default=None)


def plain(text):
    return PlainScalar(text)


def mistakes(**values):
    with pytest.raises(DeclarationError) as caught:
        Fields(**values)
    assert caught.value.source is None
    assert all(issue.line is None for issue in caught.value.issues)
    return [f"{issue.path}: {issue.message}" for issue in caught.value.issues]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"text": plain("0123")}, "0123"),
        ({"text": plain("on")}, "on"),
        ({"text": "~"}, "~"),
        ({"text": None}, None),
        ({"word": "abc"}, "abc"),
        ({"prose": ""}, ""),
        ({"integer": plain("0x10")}, 16),
        ({"integer": 2}, 2),
        ({"number": plain("1e3")}, 1000.0),
        ({"number": plain("-1")}, -1.0),
        ({"number": 3}, 3.0),
        ({"positive": plain(".5")}, 0.5),
        ({"boolean": plain("True")}, True),
        ({"boolean": False}, False),
        ({"free": plain("0123")}, 123),
        ({"free": "0123"}, "0123"),
        ({"free": [plain("1.0"), (plain("yes"), None)]}, [1.0, ["yes", None]]),
        ({"mapping": {"a": {"b": plain("true")}}}, {"a": {"b": True}}),
        ({"free": 2**1023}, 2**1023),
    ],
)
def test_each_kind_reads_plain_scalars_its_own_way(values, wanted):
    (name,) = values
    value = getattr(Fields(**values), name)
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": 5}, "text: expected text; got 5; in quotes it is text"),
        ({"text": ["a"]}, "text: expected text; got a list"),
        ({"text": ""}, "text: expected text; got ''"),
        ({"text": "x" * 11}, "text: expected text of at most 10 characters; got 11"),
        ({"text": "\ud800"}, "text: half of a surrogate pair is not a character"),
        ({"word": "a1"}, "word: expected a word; got 'a1'"),
        ({"word": "a\n"}, "word: expected a word; got 'a\\n'"),
        ({"integer": plain("1_000")}, "integer: expected a whole number of at least 1; got '1_000'"),
        ({"integer": plain("0")}, "integer: expected a whole number of at least 1; got 0"),
        ({"integer": plain("1.0")}, "integer: expected a whole number of at least 1; got 1.0"),
        ({"integer": "30"}, "integer: expected a whole number of at least 1; got the text '30' (leave the quotes out)"),
        ({"integer": True}, "integer: expected a whole number of at least 1; got true"),
        ({"integer": plain("true")}, "integer: expected a whole number of at least 1; got true"),
        ({"number": plain(".nan")}, "number: expected a number; got '.nan'"),
        ({"number": math.inf}, "number: expected a number; got inf"),
        ({"number": 2**1024}, "number: expected a number; got a huge number"),
        ({"number": plain("1e999")}, "number: expected a number; got '1e999'"),
        ({"number": "x"}, "number: expected a number; got 'x'"),
        ({"positive": 0}, "positive: expected a number above 0; got 0"),
        ({"boolean": plain("yes")}, "boolean: expected true or false; got 'yes'"),
        ({"boolean": "true"}, "boolean: expected true or false; got the text 'true' (leave the quotes out)"),
        ({"boolean": 1}, "boolean: expected true or false; got 1"),
        ({"free": {1: 2}}, "free: the key 1 is not text, as keys in JSON are"),
        ({"free": {"\ud800": 2}}, "free: the key '\\ud800' is not text, as keys in JSON are"),
        ({"free": {"a": [b"x"]}}, "free.a[0]: a bytes is not JSON: use text, numbers, true, false, null"),
        ({"free": [1, plain(".inf")]}, "free[1]: .inf is not a number that JSON can hold; quote it if it is text"),
        ({"free": math.nan}, "free: a number beyond what JSON can hold"),
        ({"free": ["\udfff"]}, "free[0]: half of a surrogate pair is not a character"),
        ({"mapping": [1]}, "mapping: expected a mapping; got a list"),
        ({"nummer": 1}, "nummer: unknown key 'nummer'; did you mean 'number'? There are: 'boolean', 'free'"),
        ({"zzz": 1}, "zzz: unknown key 'zzz'. There are: 'boolean'"),
    ],
)
def test_each_kind_says_what_it_wanted_and_what_it_got(values, message):
    (given,) = mistakes(**values)
    assert given.startswith(message)


def test_the_mistakes_of_a_whole_come_together():
    assert len(mistakes(text=1, integer=0, free=[math.nan, math.inf], other=1)) == 5


def test_free_json_is_only_so_deep():
    deep: Any = None
    for _ in range(MOST_JSON_DEPTH):
        deep = [deep]
    assert Fields(free=deep).free == deep
    assert mistakes(free=[deep])[0].endswith("nested more than 50 levels deep")


def test_a_value_that_holds_itself_is_refused():
    endless: list[Any] = []
    endless.append(endless)
    assert mistakes(free=endless)


def test_a_declared_value_is_frozen():
    with pytest.raises(AttributeError, match="frozen"):
        Fields(text="a").text = "b"


def test_no_message_speaks_of_the_checking_library():
    for given in mistakes(text=1, integer=[], boolean=object(), free=object(), other=1):
        assert "pydantic" not in given
        assert "http" not in given
        assert "Input should" not in given
