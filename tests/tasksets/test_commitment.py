"""A commitment is the same for the same task, in every version, and another for every other one."""

import datetime as dt
import hashlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.commitment import commitment
from openenv_tasksets.loaders.errors import SourceError

NONCE = "00" * 31 + "01"

VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3) | st.binary(max_size=3) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


def test_the_encoding_never_changes():
    """What is published today must be verifiable in ten years."""
    values = {"answer": 42, "more": [1.5, None, True, b"x", {"b": "ü", "a": None}]}
    assert commitment(NONCE, "test", "t-1", values) == (
        "31076934e952ff1f3008bfc6ed8fa2f18ba392ebc311c72e673055c1f0266008"
    )


def test_it_is_a_hash_of_nonce_and_frames_that_anyone_can_compute():
    frames = b"l23:s4:tests1:1o9:s1:ai2:42"
    expected = hashlib.sha256(b"openenv-tasksets commitment 1" + bytes.fromhex(NONCE) + frames).hexdigest()
    assert commitment(NONCE, "test", "1", {"a": 42}) == expected


def tagged(value):
    """The value with its types, so that 1, 1.0 and True differ."""
    if isinstance(value, list):
        return ("list", tuple(map(tagged, value)))
    if isinstance(value, dict):
        return ("dict", tuple(sorted((name, tagged(member)) for name, member in value.items())))
    return (type(value).__name__, repr(value))


@given(VALUES, VALUES)
def test_two_values_have_one_commitment_only_if_they_are_equal(one, other):
    same = commitment(NONCE, "s", "i", {"x": one}) == commitment(NONCE, "s", "i", {"x": other})
    assert same == (tagged(one) == tagged(other))


def test_nonce_split_and_id_count():
    found = {
        commitment(nonce, split, task_id, {"x": 1})
        for nonce in (NONCE, "ff" * 32)
        for split in ("a", "ab")
        for task_id in ("bc", "c")
    }
    assert len(found) == 8


def test_the_order_of_columns_and_fields_that_are_null_do_not_count():
    one = commitment(NONCE, "s", "i", {"a": 1, "b": {"c": None, "d": 2}})
    assert one == commitment(NONCE, "s", "i", {"b": {"d": 2}, "a": 1, "e": None})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)),
        (dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        (dt.timedelta(1), dt.timedelta(2)),
        (Decimal("1"), 1),
        (0.0, -0.0),
        (("k", 1), ["k", 1]),
        (float("nan"), 0.0),
        ("a", b"a"),
    ],
)
def test_types_that_look_alike_differ(one, other):
    assert commitment(NONCE, "s", "i", {"x": one}) != commitment(NONCE, "s", "i", {"x": other})
    assert commitment(NONCE, "s", "i", {"x": one}) == commitment(NONCE, "s", "i", {"x": one})


def test_a_type_that_is_not_known_is_refused():
    with pytest.raises(SourceError, match="a hidden column holds a value of type object"):
        commitment(NONCE, "s", "i", {"x": object()})
