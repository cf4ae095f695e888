"""Record batches of any schema that Arrow has, with the values that Python has for it."""

import datetime
import decimal

import pyarrow as pa
from hypothesis import strategies as st

FROM, TO = datetime.datetime(1970, 1, 2), datetime.datetime(2037, 1, 1)
NUMBERS = [
    (getattr(pa, f"{sign}int{bits}")(), st.integers(low * 2 ** (bits - 1), (2 + low) * 2 ** (bits - 1) - 1))
    for sign, low in (("", -1), ("u", 0))
    for bits in (8, 16, 32, 64)
]
DECIMALS = [
    (kind, st.integers(-(10**digits), 10**digits).map(lambda n: decimal.Decimal(n).scaleb(-2)))
    for kind, digits in (
        (pa.decimal32(9, 2), 6),
        (pa.decimal64(18, 2), 15),
        (pa.decimal128(38, 2), 30),
        (pa.decimal256(76, 2), 27),
    )
]
LISTS = [pa.list_, pa.large_list, pa.list_view, pa.large_list_view]
UNITS = ["s", "ms", "us", "ns"]
TIMES = [(pa.timestamp(unit, zone), st.datetimes(FROM, TO)) for unit in UNITS for zone in (None, "UTC")]
LEAVES = [
    *NUMBERS,
    *DECIMALS,
    *TIMES,
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.float16(), st.floats(width=16)),
    (pa.bool_(), st.booleans()),
    (pa.null(), st.none()),
    (pa.string(), st.text(max_size=5)),
    (pa.large_string(), st.text(max_size=5)),
    (pa.string_view(), st.text(max_size=20)),
    (pa.binary(), st.binary(max_size=5)),
    (pa.large_binary(), st.binary(max_size=5)),
    (pa.binary_view(), st.binary(max_size=20)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["easy", "hard"])),
    (pa.date32(), st.dates()),
    (pa.date64(), st.dates()),
    (pa.time32("ms"), st.times().map(lambda time: time.replace(microsecond=0))),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us", "Asia/Kathmandu"), st.datetimes(FROM, TO)),
    (pa.duration("us"), st.timedeltas(datetime.timedelta(-9999), datetime.timedelta(9999))),
]


def nullable(pair):
    return pair[0], st.none() | pair[1]


def nest(inner):
    lists = st.tuples(inner, st.sampled_from(LISTS)).map(
        lambda each: (each[1](each[0][0]), st.none() | st.lists(each[0][1], max_size=3))
    )
    pairs = inner.map(
        lambda pair: (pa.list_(pair[0], 2), st.none() | st.lists(pair[1], min_size=2, max_size=2)),
    )
    maps = inner.map(
        lambda pair: (
            pa.map_(pa.string(), pair[0]),
            st.none()
            | st.lists(st.tuples(st.sampled_from("abc"), pair[1]), max_size=3, unique_by=lambda item: item[0]),
        )
    )
    structs = st.lists(inner, max_size=3).map(
        lambda pairs: (
            pa.struct([(f"f{place}", pair[0]) for place, pair in enumerate(pairs)]),
            st.none() | st.fixed_dictionaries({f"f{place}": pair[1] for place, pair in enumerate(pairs)}),
        )
    )
    return lists | pairs | maps | structs


TYPES = st.recursive(st.sampled_from(LEAVES).map(nullable), nest, max_leaves=4)


@st.composite
def batches(draw):
    rows = draw(st.integers(0, 8))
    arrays = {}
    for name in draw(st.lists(st.sampled_from(["a", "b", "ä ö", ""]), max_size=3, unique=True)):
        kind, values = draw(TYPES)
        arrays[name] = pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), kind)
    return pa.RecordBatch.from_pydict(arrays)
