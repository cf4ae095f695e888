"""Dotted column paths."""

import pytest

from openenv_tasksets.column_path import ColumnPath, PathMissing

COLUMNS = ["question", "metadata", "tools", "a.b", "a"]


@pytest.mark.parametrize(
    ("text", "column", "fields"),
    [
        ("question", "question", ()),
        ("metadata.level", "metadata", ("level",)),
        ("tools.parameters.type", "tools", ("parameters", "type")),
        ("a.b", "a.b", ()),
        ("a.b.c", "a.b", ("c",)),
        ("a.c", "a", ("c",)),
    ],
)
def test_the_longest_column_name_that_fits_is_the_column(text: str, column: str, fields: tuple[str, ...]) -> None:
    path = ColumnPath.parse(text, COLUMNS)
    assert path == ColumnPath(text, column, fields)


def test_a_path_below_no_column_is_none() -> None:
    assert ColumnPath.parse("nope.level", COLUMNS) is None


def read(text: str, row: dict[str, object]) -> object:
    path = ColumnPath.parse(text, list(row))
    assert path is not None
    return path.read(row)


def test_a_list_on_the_way_gives_a_list() -> None:
    row = {"tools": [{"parameters": {"type": "a"}}, {"parameters": {"type": "b"}}]}
    assert read("tools.parameters.type", row) == ["a", "b"]


def test_lists_of_lists_keep_their_shape() -> None:
    assert read("x.y", {"x": [[{"y": 1}], [], [{"y": 2}, {"y": 3}]]}) == [[1], [], [2, 3]]


def test_a_null_at_the_end_is_a_value() -> None:
    assert read("x.y", {"x": {"y": None}}) is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"x": {"secret": 1}}, "no field 'y' in the struct there"),
        ({"x": None}, "no field 'y': the value there is null, not a struct"),
        ({"x": "secret"}, "no field 'y': the value there is str, not a struct"),
        ({"x": [{"y": 1}, {}]}, "no field 'y' in the struct there"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_stopped_without_a_value(row: dict[str, object], message: str) -> None:
    with pytest.raises(PathMissing) as caught:
        read("x.y", row)
    assert str(caught.value) == message


def test_a_row_without_the_column_says_so() -> None:
    with pytest.raises(PathMissing, match="the row has no column 'x'"):
        ColumnPath("x", "x", ()).read({"other": 1})


def test_replace_changes_a_copy_at_the_path_and_leaves_nulls() -> None:
    value = [{"p": "1", "q": "x"}, {"p": None}, None]
    changed = ColumnPath("tools.p", "tools", ("p",)).replace(value, int)
    assert changed == [{"p": 1, "q": "x"}, {"p": None}, None]
    assert value[0] == {"p": "1", "q": "x"}
