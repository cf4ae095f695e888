"""The content hash: the same for the same problem everywhere, and another one for any other."""

import hashlib
import io
import math
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.task import Hidden, Task
from openenv_tasksets.task_declaration import TaskDeclaration
from openenv_tasksets.task_hash import HASH_BYTES, id_names, task_hash


def make_task(visible=None, hidden=None, public=None, gold=None, **place):
    return Task(
        **{"id": "a", "split": "train", "index": 0, "row": 0, **place},
        visible=visible or {},
        hidden=Hidden(hidden or {}),
        public=public or {},
        gold=Hidden(gold or {}),
    )


def hash_of(value):
    return task_hash(make_task(visible={"value": value})).hex()


GOLDEN = {
    "none": (None, "0b469698f64ce6bcf9926baad218b529"),
    "true": (True, "87d2d92ec916cc2de2e00d182be15232"),
    "one": (1, "956bd21575e285c1f5ef3807439463af"),
    "float": (1.0, "35d2be124439ca1034d03e754b58e94a"),
    "text": ("1", "a52dfcd7a9ec53300993cd3a09b0c6d2"),
    "unicode": ("naïve 日本 \U0001f600", "6a2db77c5ae13b12ec1369b844e7d1b9"),
    "empty": ("", "0df9ad18f3368a60de1f9c9f88c3ddc3"),
    "bytes": (b"1", "7d4cde94ce00f6bb6186fb35223a7e66"),
    "negative": (-(2**63) - 1, "767d9af92c16048795cce72f879f283b"),
    "big": (10**5000, "13b3a5392878b906b30d3d0bc82c18dd"),
    "nan": (math.nan, "c76437889892900dfc0d5f24b5ab9945"),
    "minus zero": (-0.0, "88795e9113737e71b320816944221e13"),
    "decimal": (Decimal("1.00"), "a1d66d15950d92c89ddcf9136790e8c0"),
    "date": (date(2024, 2, 29), "0e4b6357f954e88615aef8ab90abb41b"),
    "naive": (datetime(2024, 2, 29, 12, 0, 0, 1), "f3bf0b009916d22d640fb5d68378ebc1"),
    "aware": (datetime(2024, 2, 29, 12, tzinfo=UTC), "6276c3278cac86b2489118077bfd8a51"),
    "time": (time(23, 59, 59, 999999), "58fb5126b7bbfad6ab30ea86dce517e8"),
    "duration": (timedelta(days=-1, microseconds=1), "02b06a70b5d28f1f9c1b535debb0cacd"),
    "uuid": (UUID(int=7), "ec837544c9aafad65b250d8ae900f1cb"),
    "list": ([1, [2, "3"], []], "781640c23f64fdee9f458ca33020bd19"),
    "struct": ({"b": {"c": None}, "a": [1.5]}, "eb4b51215dcc9e85d6c75e7489b50b9e"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_hashes_of_known_values_never_change(name):
    value, expected = GOLDEN[name]
    assert hash_of(value) == expected


def test_the_hash_of_a_whole_task_never_changes():
    task = make_task({"prompt": "1+1?"}, {"answer": 2}, {"topic": "sums"}, {"answer": "2"})
    assert task_hash(task).hex() == "5ad658a4768dfadb6889092dafedef37"
    assert len(task_hash(task)) == HASH_BYTES


def test_the_encoding_is_the_documented_one():
    def size(number):
        return number.to_bytes(8, "big")

    visible = b"m" + size(2) + b"s" + size(1) + b"a" + b"i" + size(2) + b"\x00\x80" + b"s" + size(1) + b"b" + b"N"
    hidden = b"m" + size(1) + b"s" + size(1) + b"c" + b"l" + size(2) + b"T" + b"f\x3f\xf8" + bytes(6)
    encoded = b"l" + size(4) + visible + hidden + b"m" + size(0) + b"m" + size(0)
    expected = hashlib.blake2b(encoded, digest_size=16, person=b"task content 1").digest()
    assert task_hash(make_task({"b": None, "a": 128}, {"c": [True, 1.5]})) == expected


def test_the_hash_is_the_same_in_processes_with_other_seeds_for_hashing():
    script = (
        "from openenv_tasksets.task import Hidden, Task\n"
        "from openenv_tasksets.task_hash import task_hash\n"
        "value = {name: {'b': [1, None], 'a': {'x': 2.5}} for name in 'zyxwvut'}\n"
        "print(task_hash(Task('a', 'train', 0, 0, value, {}, Hidden({}), Hidden({}))).hex())\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    here = {name: {"a": {"x": 2.5}, "b": [1, None]} for name in "tuvwxyz"}
    assert printed == {task_hash(make_task(here)).hex()}


def test_values_that_look_alike_have_hashes_of_their_own():
    values = [
        1, 1.0, "1", b"1", True, Decimal(1), Decimal("1.0"), [1], {"1": 1},
        0, 0.0, -0.0, False, None, "", b"", [], {}, "None", math.nan, math.inf, -math.inf, "nan",
        [[]], [[], []], [["a"], "b"], [["a", "b"]], ["ab"], ["a", "b"], ["b", "a"],
        {"a": 1, "b": 2}, {"a": 2, "b": 1}, {"ab": 1}, [["a", 1], ["b", 2]], {"a": {"b": 1}}, {"a": None},
        255, -1, 2**63, -(2**63), 2**64, float(2**64),
        date(2024, 1, 1), datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01",
        datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), datetime(2024, 1, 1, 2),
        time(0), timedelta(0), time(0, tzinfo=UTC), UUID(int=1), str(UUID(int=1)), UUID(int=1).bytes,
    ]  # fmt: skip
    assert len({hash_of(value) for value in values}) == len(values)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, -0.0, 1.0, math.nan])
    | st.sampled_from(["", "a", "1", "N", b"", b"a", Decimal(1), date(1970, 1, 2), timedelta(1)])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


def typed(value):
    """What must be equal for two values to be the same."""
    if isinstance(value, list):
        return ("list", tuple(map(typed, value)))
    if isinstance(value, dict):
        return ("struct", frozenset((name, typed(member)) for name, member in value.items()))
    return (type(value).__name__, repr(value))


@given(VALUES, VALUES)
def test_two_hashes_are_equal_if_and_only_if_the_values_are_the_same(one, other):
    assert (hash_of(one) == hash_of(other)) == (typed(one) == typed(other))


@given(st.integers(), st.integers(-(2**70), 2**70))
def test_whole_numbers_of_any_size_are_told_apart(one, other):
    assert (hash_of(one) == hash_of(other)) == (one == other)
    assert hash_of(one) != hash_of(one + 1)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.randoms())
def test_the_order_of_members_does_not_matter(value, random):
    names = list(value)
    random.shuffle(names)
    assert hash_of({name: value[name] for name in names}) == hash_of(value)


def test_every_nan_is_one_nan():
    assert hash_of(-math.nan) == hash_of(math.nan) == hash_of(float("inf") - float("inf"))


def test_a_time_is_hashed_by_its_clock_and_its_offset_and_not_by_the_name_of_its_zone():
    summer = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert hash_of(summer) == hash_of(datetime(2024, 7, 1, 12, tzinfo=timezone(timedelta(hours=2))))
    assert hash_of(summer) != hash_of(summer.astimezone(UTC))
    assert hash_of(time(12, tzinfo=UTC)) == hash_of(time(12, tzinfo=timezone(timedelta(0), "Z")))


def test_half_a_surrogate_pair_and_tuples_are_hashed_too():
    assert hash_of("\ud800") != hash_of("\ud801")
    assert hash_of((1, 2)) == hash_of([1, 2])


@pytest.mark.parametrize(
    ("kind", "value", "same"),
    [
        (pa.timestamp("ns"), 1_500, pd.Timestamp(1_500)),
        (pa.timestamp("us"), 1, datetime(1970, 1, 1, 0, 0, 0, 1)),
        (pa.timestamp("ms", "Europe/Berlin"), 0, datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        (pa.duration("ns"), 1_001, pd.Timedelta(1_001)),
        (pa.decimal128(10, 2), Decimal("1.50"), Decimal("1.50")),
        (pa.date32(), date(2024, 1, 1), date(2024, 1, 1)),
        (pa.time64("us"), time(1, 2, 3), time(1, 2, 3)),
        (pa.binary(), b"\0", b"\0"),
        (pa.map_(pa.string(), pa.int8()), [("a", 1)], [["a", 1]]),
        (pa.struct([("a", pa.int8()), ("b", pa.list_(pa.float32()))]), {"b": [0.5], "a": 1}, {"a": 1, "b": [0.5]}),
        (pa.large_string(), "x", "x"),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
    ],
)
def test_what_parquet_gives_has_the_hash_of_the_plain_value(kind, value, same):
    sink = io.BytesIO()
    pq.write_table(pa.table({"value": pa.array([value], kind)}), sink)
    [read] = pq.read_table(sink).to_pylist()
    assert hash_of(read["value"]) == hash_of(same)


def test_nanoseconds_count():
    assert hash_of(pd.Timestamp(1_001)) != hash_of(pd.Timestamp(1_000)) == hash_of(datetime(1970, 1, 1, 0, 0, 0, 1))
    assert hash_of(pd.Timedelta(1_001)) != hash_of(pd.Timedelta(1_000)) == hash_of(timedelta(microseconds=1))


def test_where_a_task_is_does_not_enter():
    task = make_task({"prompt": "?"}, {"answer": 1})
    assert task_hash(make_task({"prompt": "?"}, {"answer": 1}, id="b", split="test", index=7, row=9)) == task_hash(task)


def test_who_may_see_a_value_does_enter():
    groups = ("visible", "hidden", "public", "gold")
    assert len({task_hash(make_task(**{group: {"value": 1}})) for group in groups}) == len(groups)


def test_a_public_value_that_repeats_the_id_is_left_out():
    names = id_names(TaskDeclaration(id="key", public=("key", "topic"), group="key", difficulty="level"))
    assert names == {"key", "group"}
    assert id_names(TaskDeclaration(public=("id",))) == id_names(None) == frozenset()
    one = make_task(public={"key": 1, "group": 1, "topic": "x"})
    other = make_task(public={"key": 2, "group": 2, "topic": "x"})
    assert task_hash(one, names) == task_hash(other, names)
    assert task_hash(one) != task_hash(other)
    assert task_hash(one, names) != task_hash(make_task(public={"key": 1, "group": 1, "topic": "y"}), names)


def test_what_no_file_of_rows_gives_is_refused_by_its_type_alone():
    with pytest.raises(TypeError, match="^complex has no content hash$"):
        task_hash(make_task(hidden={"answer": [42j]}))
