"""The wire form, both ways, against Python's json and the server's own encoder."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.wire import encode_json
from openenv_tasksets.wire_value import NoWireForm, from_wire, to_wire, wire_bytes

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TYPED = st.one_of(
    st.tuples(st.just(bytes), st.binary()),
    st.tuples(st.just(datetime), st.datetimes(timezones=st.none() | OFFSETS)),
    st.tuples(st.just(date), st.dates()),
    st.tuples(st.just(time), st.times()),
    st.tuples(st.just(timedelta), st.timedeltas(timedelta(-9999), timedelta(9999))),
    st.tuples(st.just(Decimal), st.decimals(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just(int), st.integers(-(2**200), 2**200)),
    st.tuples(st.just(UUID), st.uuids()),
    st.tuples(st.just(str), st.text()),
    st.tuples(st.just(list[bytes]), st.lists(st.binary(), max_size=3)),
    st.tuples(st.just(dict[str, Decimal]), st.dictionaries(st.text(), st.integers().map(Decimal), max_size=3)),
)


@given(TYPED)
def test_a_value_comes_back_where_its_type_is_known(typed):
    kind, value = typed

    there = json.loads(json.dumps(to_wire(value)))

    assert from_wire(there, kind) == value


@given(TYPED)
def test_the_servers_encoder_writes_the_same_form(typed):
    _, value = typed

    assert json.loads(encode_json({"value": value})) == json.loads(json.dumps({"value": to_wire(value)}))
    assert wire_bytes(value) == len(encode_json(value))


def test_the_forms_are_as_documented():
    assert to_wire(
        {
            "bytes": b"ab",
            "moment": datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
            "day": date(2024, 2, 29),
            "span": timedelta(days=1, seconds=2),
            "decimal": Decimal("1.00"),
            "big": 2**70,
            "id": UUID(int=3),
            "pair": (1, [b""]),
            "array": np.array([[1, 2]]),
            "one": np.float64(0.5),
        }
    ) == {
        "bytes": "YWI=",
        "moment": "2024-02-29T12:30:00Z",
        "day": "2024-02-29",
        "span": "P1DT2S",
        "decimal": "1.00",
        "big": 2**70,
        "id": "00000000-0000-0000-0000-000000000003",
        "pair": (1, [""]),
        "array": [[1, 2]],
        "one": 0.5,
    }
    assert json.loads(encode_json([float("nan"), float("-inf")])) == [None, None]


def test_an_image_is_a_data_uri_and_comes_back():
    image = Image.new("RGBA", (2, 3), (1, 2, 3, 4))

    uri = to_wire([image])[0]

    assert uri.startswith("data:image/png;base64,")
    assert json.loads(encode_json({"image": image})) == {"image": uri}
    assert from_wire(uri, Image.Image).tobytes() == image.tobytes()
    assert from_wire(uri, bytes).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("secret", bytes, "str is not the wire form of bytes"),
        ("secret", datetime, "str is not the wire form of datetime"),
        ("data:image/png;base64,secret!", bytes, "str is not the wire form of bytes"),
        ("data:image/png;base64,YWI=", Image.Image, "str is not the wire form of Image"),
        ("secret", Decimal | None, r"^str is not the wire form of decimal.Decimal \| None$"),
    ],
)
def test_another_form_is_refused_without_its_value(value, kind, message):
    with pytest.raises(NoWireForm, match=message) as caught:
        from_wire(value, kind)
    assert "secret" not in str(caught.value)


def test_what_has_no_form_is_refused_by_all():
    for encode in (to_wire, wire_bytes):
        with pytest.raises(NoWireForm, match="type object has no JSON form"):
            encode({"a": [object()]})
    with pytest.raises(EnvironmentFailed, match="type object has no JSON form"):
        encode_json({"a": [object()]})
    assert msgspec.json.decode(encode_json({"a": None})) == {"a": None}
