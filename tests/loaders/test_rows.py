import datetime

import pytest

from openenv_tasksets.loaders.rows import ListRows, digest_rows

ROWS = [{"id": 1, "q": "one"}, {"id": 2, "a": b"\xff"}, {"q": datetime.date(2020, 1, 1)}]


def test_a_list_of_dicts_is_rows():
    rows = ListRows(ROWS)

    assert (len(rows), rows[1], rows.columns) == (3, ROWS[1], ("id", "q", "a"))
    assert list(rows.column("q")) == ["one", None, datetime.date(2020, 1, 1)]
    assert rows.location(2) == "rows in memory, row 2"
    with pytest.raises(IndexError):
        rows[3]


def test_projection_shows_only_what_was_asked_for():
    rows = ListRows(ROWS).project(["q", "a"])

    assert rows.columns == ("q", "a")
    assert [rows[index] for index in range(3)] == [{"q": "one"}, {"a": b"\xff"}, {"q": datetime.date(2020, 1, 1)}]


def test_the_fingerprint_tells_values_and_their_order():
    here = ListRows(ROWS).fingerprint

    assert ListRows([dict(row) for row in ROWS]).fingerprint == here
    assert ListRows(ROWS[::-1]).fingerprint != here
    assert ListRows([*ROWS[:2], {"q": datetime.date(2020, 1, 2)}]).fingerprint != here


def test_a_value_without_a_json_form_goes_through_the_fallback():
    assert digest_rows(iter([{"a": 1j}])) != digest_rows(iter([{"a": 2j}]))
    assert digest_rows(iter([{"a": 1j}]), lambda _: 0) == digest_rows(iter([{"a": 0}]))
