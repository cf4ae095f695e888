"""Where each row is, by the row groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.row_layout import Layout, key_of


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=4), min_size=1, max_size=4))
def test_every_row_is_found_in_its_group_and_file(files):
    groups = [(file, rows) for file, counts in enumerate(files) for rows in counts]
    layout = Layout(("n",), tuple(f"{file}.parquet" for file in range(len(files))), tuple(groups))
    expected = [(group, place) for group, (_, rows) in enumerate(groups) for place in range(rows)]
    located = [f"{file}.parquet, row {row}" for file, counts in enumerate(files) for row in range(sum(counts))]

    assert layout.starts[-1] == len(expected)
    assert [layout.find(index) for index in range(len(expected))] == expected
    assert [layout.location(index) for index in range(len(expected))] == located
    for index in (-1, len(expected)):
        with pytest.raises(IndexError):
            layout.find(index)


def test_keys_tell_where_one_text_ends():
    assert key_of(["ab", "c"]) != key_of(["a", "bc"]) != key_of(["abc"])
    assert key_of(["a"]) == key_of(["a"])
