import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.made_rows import MadeRows
from openenv_tasksets.loaders.rows import ENDLESS


class Squares:
    """Endless, and odd at some rows."""

    size = None

    def __getitem__(self, index):
        if index == 13:
            raise ValueError("the answer is 169")
        if index == 14:
            return {"n": 14}
        return {"n": index, "square": index * index} if index != 15 else [15]


def made(source=None, identity="one"):
    return MadeRows(Squares() if source is None else source, "source 'squares'", identity)


@given(st.integers(16, ENDLESS - 1))
def test_any_index_of_an_endless_source_has_a_row(index):
    rows = made()

    assert len(rows) == ENDLESS
    assert rows[index] == {"n": index, "square": index * index}
    assert rows.read_many([index, 0]) == [rows[index], {"n": 0, "square": 0}]
    assert rows.project(["square"])[index] == {"square": index * index}
    assert rows.location(index) == f"source 'squares', row {index}"


def test_a_list_is_a_finite_source():
    rows = made([{"a": 1, "b": 2}, {"b": 3, "a": 4}])

    assert (len(rows), rows.columns) == (2, ("a", "b"))
    assert list(rows.column("b")) == [2, 3]
    assert [rows[1], list(rows.project([]))] == [{"a": 4, "b": 3}, [{}, {}]]
    assert made([]).columns == ()


def test_what_the_rows_depend_on_is_the_fingerprint():
    assert made().fingerprint == made().project(["n"]).fingerprint != made(identity="two").fingerprint


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (13, r"^source 'squares', row 13: cannot be made: ValueError$"),
        (14, r"^source 'squares', row 14: has no 'square', which row 0 has$"),
        (15, r"^source 'squares', row 15: is list, not a mapping of columns$"),
    ],
)
def test_a_row_that_cannot_be_made_is_named_without_its_values(index, message):
    with pytest.raises(SourceError, match=message):
        made()[index]


@pytest.mark.parametrize("index", [-1, ENDLESS])
def test_there_are_no_rows_beyond(index):
    with pytest.raises(IndexError, match=rf"row {index} is not in \[0, {ENDLESS}\)"):
        made()[index]


class Unmeasured:
    def __getitem__(self, index):
        return {"n": index}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (iter([]), "source 'squares' gave list_iterator, which is no row source"),
        (Unmeasured(), "without a length; an endless one has the attribute size = None"),
        ([1], "row 0: is int, not a mapping"),
    ],
)
def test_what_is_no_row_source_is_refused(source, message):
    with pytest.raises(SourceError, match=message):
        made(source)
    with pytest.raises(SourceError, match="no column 'sqare'; did you mean 'square'"):
        made().project(["sqare"])
