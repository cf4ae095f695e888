import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.template import TemplateError, parse_template

columns = st.text(min_size=1).filter(lambda text: text.strip() and not set(text) & set("{}!:[]."))


def test_fields_are_filled_and_doubled_braces_are_braces():
    template = parse_template("{{{question}}}\nTopic: {meta.topic}, {question}")
    assert template.columns == ("question", "meta.topic")
    assert template.render({"question": "1+1?", "meta.topic": "sums"}) == "{1+1?}\nTopic: sums, 1+1?"


def test_text_without_fields_is_itself():
    assert parse_template("plain").columns == ()
    assert parse_template("").render({}) == ""


def test_a_value_is_never_parsed():
    assert parse_template("{a}").render({"a": "{b} {{"}) == "{b} {{"


def test_a_column_may_have_spaces():
    assert parse_template("{Question text}").columns == ("Question text",)


def test_a_missing_value_is_a_key_error():
    with pytest.raises(KeyError, match="a"):
        parse_template("{a}").render({})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a single '{' at character 1"),
        ("ab } c", "a single '}' at character 4; write it twice"),
        ("{a{b}}", "a single '{' at character 1"),
        ("{}", "an empty field at character 1"),
        ("x { }", "an empty field at character 3"),
        ("{a!r}", "no format, conversion or index"),
        ("{a:>8}", "the field {a:>8} at character 1"),
        ("{a[0]}", "no format, conversion or index"),
        ('{"a": 1}', "write braces that are text twice"),
        ("{a..b}", "an empty step between its dots"),
        ("{.a}", "an empty step"),
        ("{" + "a!" * 100 + "}", "…"),
    ],
)
def test_what_is_not_a_plain_field_is_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_template(text)


def test_every_mistake_is_said_in_order_up_to_twenty():
    with pytest.raises(TemplateError) as caught:
        parse_template("{a!r} {} { {b} {c[0]}")
    assert [each.split("; ")[0] for each in caught.value.mistakes] == [
        "the field {a!r} at character 1",
        "an empty field at character 7",
        "a single '{' at character 10",
        "the field {c[0]} at character 16",
    ]
    assert str(caught.value) == "; ".join(caught.value.mistakes)
    with pytest.raises(TemplateError) as caught:
        parse_template("{}" * 1000)
    assert len(caught.value.mistakes) == 20


@given(st.lists(st.tuples(st.text(), columns)), st.text())
def test_rendering_puts_each_value_where_its_field_stood(pieces, tail):
    text = "".join(f"{_escaped(before)}{{{column}}}" for before, column in pieces) + _escaped(tail)
    values = {column: f"<{index}>" for index, (_, column) in enumerate(pieces)}
    wanted = "".join(before + values[column] for before, column in pieces) + tail
    assert parse_template(text).render(values) == wanted


def _escaped(text):
    return text.replace("{", "{{").replace("}", "}}")
