"""Cells of a table: one line, nothing that a terminal would obey, and never too long."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.cli.console import cell, say, write, write_table


@given(st.text())
def test_a_cell_is_one_printable_line_of_bounded_length(text):
    shown = cell(text)

    assert shown.isprintable()
    assert len(shown) <= 200


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("two\nlines,\t  spaced", "two lines, spaced"),
        ([{"role": "user", "content": "hi"}], '[{"role":"user","content":"hi"}]'),
        (None, "null"),
        (1.5, "1.5"),
        (datetime.date(2026, 1, 2), '"2026-01-02"'),
        (object(), "<object>"),
    ],
)
def test_texts_are_shown_as_they_are_and_the_rest_as_json(value, shown):
    assert cell(value) == shown


def test_a_long_text_ends_in_an_ellipsis():
    assert cell("ab" * 500) == "ab" * 99 + "a…"


def test_data_and_talk_go_to_different_places(capsys):
    write("data")
    say("talk")

    assert capsys.readouterr() == ("data\n", "talk\n")


def test_a_table_shows_text_that_looks_like_markup_as_it_is(capsys):
    write_table(["id", "[b]"], [["[red]x[/red]", ":smile: [link]"]])

    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert ":smile: [link]" in out
    assert "[b]" in out
