import pyarrow as pa
import pytest

from openenv_tasksets.loaders.arrow_shape import Conflict, merge, shape

ALIKE = [
    [pa.int8(), pa.uint64(), pa.null()],
    [pa.float32(), pa.float64()],
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    [pa.binary(), pa.large_binary(), pa.binary(3), pa.binary_view()],
    [pa.decimal128(5, 2), pa.decimal256(40, 3)],
    [pa.date32(), pa.date64()],
    [pa.time32("s"), pa.time64("us")],
    [pa.duration("s"), pa.duration("us")],
    [pa.timestamp("s"), pa.timestamp("us")],
    [pa.timestamp("s", "UTC"), pa.timestamp("ms", "UTC")],
    [pa.list_(pa.int8()), pa.large_list(pa.int64()), pa.list_(pa.int32(), 2), pa.list_(pa.null())],
    [pa.map_(pa.string(), pa.int8()), pa.map_(pa.string(), pa.int64())],
    [pa.bool_()],
    [pa.uuid()],
    [pa.json_()],
]
NESTED = [
    pa.struct([("a", pa.int8())]),
    pa.struct([("b", pa.int8())]),
    pa.struct([("a", pa.int8()), ("b", pa.int8())]),
    pa.struct([("a", pa.string())]),
    pa.list_(pa.list_(pa.int8())),
    pa.list_(pa.string()),
    pa.timestamp("s", "Europe/Paris"),
]


@pytest.mark.parametrize("kinds", ALIKE, ids=lambda kinds: str(kinds[0]))
def test_types_of_the_same_python_values_share_a_shape(kinds):
    for one in kinds:
        for other in kinds:
            merge(shape(one), shape(other))


def test_types_of_other_python_values_do_not():
    kinds = [kinds[0] for kinds in ALIKE] + NESTED
    for place, one in enumerate(kinds):
        for other in kinds[:place]:
            with pytest.raises(Conflict):
                merge(shape(one), shape(other))


def test_nullability_and_the_order_of_fields_do_not_show():
    one = pa.struct([pa.field("a", pa.int8(), nullable=False), pa.field("b", pa.string())])
    other = pa.struct([pa.field("b", pa.string()), pa.field("a", pa.int16())])

    assert merge(shape(one), shape(other)) == shape(other)


def test_a_null_takes_the_shape_that_it_meets():
    """So that a third file cannot bring another one."""
    merged = merge(shape(pa.list_(pa.null())), shape(pa.list_(pa.string())))

    with pytest.raises(Conflict):
        merge(merged, shape(pa.list_(pa.int8())))
