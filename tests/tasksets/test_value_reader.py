"""Reading one value of a row."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.column_path import ColumnPath
from openenv_tasksets.value_reader import Unbindable, as_text, decoding, extractor, id_reader, reader, without_nulls

SOLUTION = ColumnPath("solution", "solution", ())
BELOW = ColumnPath("meta.level", "meta", ("level",))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=20,
)


def test_a_column_and_a_field_below_one_are_read() -> None:
    assert reader(SOLUTION)({"solution": None}) is None
    assert reader(BELOW)({"meta": {"level": 3}}) == 3


@pytest.mark.parametrize(
    ("path", "row", "message"),
    [
        (SOLUTION, {}, "the row has no column 'solution'"),
        (BELOW, {"meta": {}}, "no field 'level' in the struct there"),
        (BELOW, {"meta": None}, "the value there is null"),
    ],
)
def test_what_is_not_there_is_said_with_its_column(path: ColumnPath, row: dict[str, Any], message: str) -> None:
    with pytest.raises(Unbindable, match=message) as caught:
        reader(path)(row)
    assert caught.value.column == path.text


def test_ids_patterns_and_texts() -> None:
    assert id_reader(SOLUTION)({"solution": 17}) == "17"
    assert extractor(SOLUTION, "#### (.+)$")({"solution": "so #### 4"}) == "4"
    assert as_text([1, "a"], "solution") == '[1,"a"]'
    for read in (id_reader(SOLUTION), extractor(SOLUTION, "#### (.+)$")):
        with pytest.raises(Unbindable):
            read({"solution": ""})


def test_json_texts_are_decoded_also_within_others() -> None:
    paths = [ColumnPath("meta.inner", "meta", ("inner",)), ColumnPath("meta", "meta", ())]
    assert decoding(paths)({"meta": '{"inner": "[1]"}', "other": "[2]"}) == {"meta": {"inner": [1]}, "other": "[2]"}
    with pytest.raises(Unbindable, match="not valid JSON"):
        decoding(paths)({"meta": "{"})


def has_null_field(value: Any) -> bool:
    if isinstance(value, dict):
        return any(member is None or has_null_field(member) for member in value.values())
    return isinstance(value, list) and any(map(has_null_field, value))


@given(json_values)
def test_struct_fields_that_are_null_are_dropped_at_every_depth(value: Any) -> None:
    """Lists hold one type in Arrow; these do not, so only lists of structs or lists alone are judged."""
    wrapped = {"list": [{"member": value}], "null": None}
    read = without_nulls(lambda row: row["column"], frozenset())({"column": wrapped})
    assert "null" not in read
    if value is None:
        assert read == {"list": [{}]}
    elif not isinstance(value, list):
        assert not has_null_field({"list": read["list"]}) or _mixed(value)


def _mixed(value: Any) -> bool:
    """Whether a list somewhere has something else than structs or lists before one of those."""
    if isinstance(value, dict):
        return any(map(_mixed, value.values()))
    if isinstance(value, list):
        return len({isinstance(each, dict | list) for each in value if each is not None}) > 1 or any(map(_mixed, value))
    return False


def test_nulls_of_json_text_stay() -> None:
    value = {"arguments": {"x": None}, "null": None}
    read = without_nulls(lambda row: row["column"], frozenset({("arguments",)}))
    assert read({"column": value}) == {"arguments": {"x": None}}
    assert without_nulls(lambda row: row["column"], frozenset({()}))({"column": value}) == value
