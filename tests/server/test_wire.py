"""JSON frames in and out."""

import collections
import datetime
import decimal
import enum
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.wire import (
    MAX_DEPTH,
    FrameError,
    decode_json,
    encode_json,
    is_too_deep,
    read_call,
    read_frame,
    write_frame,
)
from openenv_tasksets.task import Hidden

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.text() | st.binary() | JSON.map(json.dumps) | JSON.map(lambda value: json.dumps({"type": "step", "data": value}))
)
def test_any_frame_is_understood_or_answered_with_an_error(frame):
    try:
        kind, data = read_frame(frame)
    except FrameError as exc:
        kind, data = exc.data["code"], exc.data
    assert kind in ("reset", "step", "state", "close", "mcp", "INVALID_JSON", "UNKNOWN_TYPE", "VALIDATION_ERROR")
    assert isinstance(data, dict)
    json.loads(write_frame("any", data))


@given(JSON)
def test_what_python_writes_is_read_and_written_back_the_same(value):
    assert decode_json(json.dumps(value)) == value
    assert json.loads(encode_json(value)) == value


@pytest.mark.parametrize(
    ("frame", "kind", "data"),
    [
        ('{"type":"reset"}', "reset", {}),
        ('{"type":"reset","data":{"seed":1}}', "reset", {"seed": 1}),
        ('{"data":{"a":null},"type":"step"}', "step", {"a": None}),
        ('{"type":"state"}', "state", {}),
        ('{"type":"close"}', "close", {}),
        ('{"type":"mcp","data":{}}', "mcp", {}),
        (b'{"type":"state"}', "state", {}),
        (' {"type" : "state"} \n', "state", {}),
        ('{"type":"step","data":{"a":1,"a":2}}', "step", {"a": 2}),
        ('{"type":"wat","type":"state"}', "state", {}),
        ('{"type":"step","data":{"x":1e999}}', "step", {"x": math.inf}),
        ('{"type":"step","data":{"x":Infinity,"y":-Infinity}}', "step", {"x": math.inf, "y": -math.inf}),
        ('{"type":"step","data":{"x":%s}}' % (10**4000), "step", {"x": 10**4000}),
        (r'{"type":"step","data":{"x":"\ud83d\ude00"}}', "step", {"x": "\U0001f600"}),
    ],
)
def test_frames_of_the_protocol(frame, kind, data):
    assert read_frame(frame) == (kind, data)


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"step","data":{"a":[1,{"b":null}]}}',
        '{"data":{},"type":"reset"}',
        '{"type":"reset","data":{"a":1,"a":2}}',
        '{"type":"reset","data":{"seed":123456789012345678901234567890}}',
        '{"type":"step","data":{"text":"Gr\u00fc\u00dfe"}}',
    ],
)
def test_a_plain_call_is_read_alike_on_the_shorter_way(frame):
    for text in (frame, frame.encode()):
        call = read_call(text)
        assert (call.type, call.data) == read_frame(text)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"reset"}',
        b'{"type":"state"}',
        b'{"type":"step","data":[]}',
        b'{"type":"step","data":{},"more":1}',
        b'{"type":"stop","data":{}}',
        b'{"type":"step","data":{"a":NaN}}',
        b'{"type":"step","data":{"a":"\xff"}}',
        b'{"type":"step","data":{"\xc3":1}}',
        b'{"type":"step","data":{"a":' + b"[" * 200 + b"]" * 200 + b"}}",
        b"[]",
        b"",
    ],
)
def test_what_is_no_plain_call_is_left_to_the_longer_way(frame):
    assert read_call(frame) is None


def test_nan_is_read_as_the_peer_reads_it():
    assert math.isnan(read_frame('{"type":"step","data":{"x":NaN}}')[1]["x"])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("", "Invalid JSON: Expecting value: line 1 column 1 (char 0)"),
        ("not json", "Invalid JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"type":"state"} {}', "Invalid JSON: Extra data: line 1 column 18 (char 17)"),
        ('{"type":"state",}', "Invalid JSON: "),
        ("[" * 100_000, "Invalid JSON: nested more than 128 deep"),
        ('{"a":' * 100_000, "Invalid JSON: nested more than 128 deep"),
        ("1" * 5000, "Invalid JSON: a number has too many digits"),
        (b"\xff\xfe\x00\xd8", "Invalid JSON: the frame is not UTF-8 text"),
        (b'{"type":"\xff"}', "Invalid JSON: the frame is not UTF-8 text"),
        (r'{"type":"step","data":{"x":"\ud800"}}', "Invalid JSON: a lone surrogate is no text"),
        (r'{"\udfff":1}', "Invalid JSON: a lone surrogate is no text"),
    ],
)
def test_what_is_no_json_says_why(frame, message):
    with pytest.raises(FrameError) as caught:
        read_frame(frame)
    assert caught.value.data["code"] == "INVALID_JSON"
    assert caught.value.data["message"].startswith(message)


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        ("[]", "a list"),
        ('"reset"', "a text"),
        ("7", "a number"),
        ("1.5", "a number"),
        ("true", "a boolean"),
        ("null", "null"),
    ],
)
def test_a_frame_that_is_no_object_is_refused(frame, found):
    with pytest.raises(FrameError) as caught:
        read_frame(frame)
    assert caught.value.data == {
        "message": f"A message is a JSON object, not {found}",
        "code": "VALIDATION_ERROR",
        "errors": [],
    }


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        ("{}", ""),
        ('{"type":"wat"}', "wat"),
        ('{"type":null}', "null"),
        ('{"type":7}', "a number"),
        ('{"type":["reset"]}', "a list"),
        ('{"type":{"a":1}}', "an object"),
        ('{"type":"RESET"}', "RESET"),
        ('{"type":"%s"}' % ("x" * 1_000_000), "x" * 100),
    ],
)
def test_an_unknown_type_is_named(frame, shown):
    with pytest.raises(FrameError) as caught:
        read_frame(frame)
    assert caught.value.data == {"message": f"Unknown message type: {shown}", "code": "UNKNOWN_TYPE"}


MISSING = {"type": "missing", "loc": ["data"], "msg": "Field required"}
NO_OBJECT = {"type": "dict_type", "loc": ["data"], "msg": "Input should be a valid dictionary"}


def extra(name):
    return {"type": "extra_forbidden", "loc": [name], "msg": "Extra inputs are not permitted"}


@pytest.mark.parametrize(
    ("frame", "errors"),
    [
        ('{"type":"step"}', [MISSING]),
        ('{"type":"mcp"}', [MISSING]),
        ('{"type":"step","data":null}', [NO_OBJECT]),
        ('{"type":"step","data":[]}', [NO_OBJECT]),
        ('{"type":"reset","data":null}', [NO_OBJECT]),
        ('{"type":"reset","data":"x"}', [NO_OBJECT]),
        ('{"type":"state","data":{}}', [extra("data")]),
        ('{"type":"close","data":{},"x":1}', [extra("data"), extra("x")]),
        ('{"type":"step","timeout_s":1,"id":2}', [MISSING, extra("timeout_s"), extra("id")]),
    ],
)
def test_every_mistake_of_an_envelope_is_reported(frame, errors):
    with pytest.raises(FrameError) as caught:
        read_frame(frame)
    assert caught.value.data == {"message": "Invalid message", "code": "VALIDATION_ERROR", "errors": errors}


class Colour(enum.Enum):
    RED = "red"


class Name(str):
    pass


class Count(int):
    pass


class Point(BaseModel):
    x: int = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"x": math.nan, "y": math.inf}, '{"x":null,"y":null}'),
        (2**70, str(2**70)),
        (-(10**4000), str(-(10**4000))),
        (np.float64(1.5), "1.5"),
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        (np.bool_(True), "true"),
        (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (np.array([math.nan]), "[null]"),
        (Name("a"), '"a"'),
        (Count(7), "7"),
        (Colour.RED, '"red"'),
        (Point(), '{"x":1}'),
        ({"p": [Point()]}, '{"p":[{"x":1}]}'),
        (collections.OrderedDict(a=1), '{"a":1}'),
        (decimal.Decimal("1.50"), '"1.50"'),
        (datetime.date(2024, 2, 29), '"2024-02-29"'),
        ((1, "a"), '[1,"a"]'),
        (b"ab", '"YWI="'),
    ],
)
def test_values_that_environments_return_have_a_json_form(value, text):
    assert encode_json(value).decode() == text


class Secret:
    def __repr__(self):
        return "canary"


def test_a_value_without_a_json_form_is_named_by_its_type_only():
    with pytest.raises(EnvironmentFailed, match="cannot be written as JSON: type Secret has no JSON form") as caught:
        encode_json({"x": Secret()})
    assert "canary" not in str(caught.value)


def test_hidden_values_have_no_json_form():
    with pytest.raises(EnvironmentFailed, match="type Hidden has no JSON form"):
        encode_json({"task": Hidden({"answer": 42})})


def recursive_list():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize("value", [{"x": "\ud800"}, {(1, 2): 3}, recursive_list()])
def test_a_value_that_json_cannot_hold_is_the_environments_failure(value):
    with pytest.raises(EnvironmentFailed, match="the environment's answer cannot be written as JSON: "):
        encode_json(value)


@given(st.recursive(st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)))
def test_what_is_nested_as_deep_as_allowed_is_allowed(value):
    def depth(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    for wrapped in range(MAX_DEPTH - 4, MAX_DEPTH + 2):
        deep = value
        for _ in range(wrapped):
            deep = [deep]
        assert is_too_deep(deep) is (depth(deep) > MAX_DEPTH)
