import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.yaml_edit import CannotEdit, edited, same
from openenv_tasksets.yaml_scalar import core_value
from openenv_tasksets.yaml_text import document_text
from openenv_tasksets.yaml_tree import Mapping, Scalar, read_tree

TEXT = """\
# Top.
a: 1   # one
b:
  # Inside.
  c: 'x'
  d: [1,  2]  # two
  e: |
    text

f:
- id: p   # first
  g: 1
# Between.
- g: 2
  id: q
h:
"""
VALUE = {
    "a": 1,
    "b": {"c": "x", "d": [1, 2], "e": "text\n"},
    "f": [{"id": "p", "g": 1}, {"g": 2, "id": "q"}],
    "h": None,
}


def meaning(node):
    if isinstance(node, Scalar):
        return core_value(node.text) if node.is_plain else node.text
    if isinstance(node, Mapping):
        return {key: meaning(entry.value) for key, entry in node.entries.items()}
    return [meaning(item) for item in node.items]


def edit(after, before=VALUE, text=TEXT):
    tree = read_tree(text.encode(), "f")
    result = edited(text, tree, before, after)
    return result, meaning(read_tree(result.encode(), "f"))


def test_the_sample_is_what_it_says():
    assert meaning(read_tree(TEXT.encode(), "f")) == VALUE


def test_nothing_changes_where_nothing_changed():
    assert edit(VALUE) == (TEXT, VALUE)


@pytest.mark.parametrize(
    ("after", "old", "new"),
    [
        ({**VALUE, "a": 2}, "a: 1   #", "a: 2   #"),
        ({**VALUE, "a": True}, "a: 1   #", "a: true   #"),
        ({**VALUE, "a": {"x": []}}, "a: 1   #", "a: {x: []}   #"),
        ({**VALUE, "h": "x"}, "h:\n", "h: x\n"),
        ({**VALUE, "z": {"k": 1}}, "h:\n", "h:\nz:\n  k: 1\n"),
        ({k: v for k, v in VALUE.items() if k != "a"}, "a: 1   # one\n", ""),
        ({k: v for k, v in VALUE.items() if k != "h"}, "h:\n", ""),
        ({**VALUE, "b": {**VALUE["b"], "c": "on"}}, "'x'", '"on"'),
        ({**VALUE, "b": {**VALUE["b"], "d": [1]}}, "[1,  2]", "[1]"),
        ({**VALUE, "b": {**VALUE["b"], "e": "other"}}, "|\n    text", "other"),
        ({**VALUE, "b": {"c": "x", "e": "text\n"}}, "  d: [1,  2]  # two\n", ""),
        ({**VALUE, "b": {"c": "x", "d": [1, 2]}}, "  e: |\n    text\n", ""),
        ({**VALUE, "b": {**VALUE["b"], "z": 1}}, "    text\n\nf:", "    text\n  z: 1\n\nf:"),
        ({**VALUE, "f": [VALUE["f"][0]]}, "- g: 2\n  id: q\n", ""),
        ({**VALUE, "f": [VALUE["f"][1]]}, "- id: p   # first\n  g: 1\n", ""),
        ({**VALUE, "f": [VALUE["f"][0], {"id": "q"}]}, "- g: 2\n  id: q", "- id: q"),
        ({**VALUE, "f": [{"id": "p", "g": 3}, VALUE["f"][1]]}, "g: 1", "g: 3"),
        ({**VALUE, "f": [{"id": "r", "g": 1}, VALUE["f"][1]]}, "id: p", "id: r"),
        ({**VALUE, "f": [*VALUE["f"], {"id": "r", "s": {"t": 1}}]}, "id: q\n", "id: q\n- id: r\n  s:\n    t: 1\n"),
        ({**VALUE, "f": [{"id": "o"}, *VALUE["f"]]}, "- id: p", "- id: o\n- id: p"),
        (
            {**VALUE, "f": [VALUE["f"][0], {"id": "m"}, {"id": "o"}, VALUE["f"][1]]},
            "g: 1\n",
            "g: 1\n- id: m\n- id: o\n",
        ),
    ],
)
def test_only_what_changed_is_rewritten(after, old, new):
    result, value = edit(after)
    assert value == after
    assert result == TEXT.replace(old, new, 1)


def test_what_the_value_does_not_know_is_left_alone():
    text = "a: 1\nunknown: [x]  # theirs\n"
    result, _ = edit({"b": 2}, {"a": 1}, text)
    assert result == "unknown: [x]  # theirs\nb: 2\n"


def test_a_key_that_only_repeats_a_default_is_overwritten():
    result, _ = edit({"a": 2, "b": 3}, {"a": 2}, "a: 2\nb:  # unset\n")
    assert result == "a: 2\nb: 3  # unset\n"


def test_windows_line_breaks_stay():
    text = "a: 1\r\nb: 2\r\n"
    result, value = edit({"a": 1, "b": 3, "c": {"d": 1}}, {"a": 1, "b": 2}, text)
    assert result == "a: 1\r\nb: 3\r\nc:\r\n  d: 1\r\n"
    assert value == {"a": 1, "b": 3, "c": {"d": 1}}


def test_a_file_may_end_without_a_line_break():
    assert edit({"a": 1, "b": 2}, {"a": 1}, "a: 1") == ("a: 1\nb: 2", {"a": 1, "b": 2})
    assert edit({"b": 2}, {"a": 1, "b": 2}, "b: 2\na: 1")[0] == "b: 2\n"


def test_a_document_in_braces_is_rewritten_whole():
    assert edit({"a": 2}, {"a": 1}, '{"a": 1}\n') == ("{a: 2}\n", {"a": 2})


def test_a_list_of_lines_becomes_a_list_of_another_length():
    assert edit({"a": ["x"]}, {"a": ["x", "y"]}, "a:\n- x\n- y\n")[1] == {"a": ["x"]}
    assert edit({"a": ["x", "z"]}, {"a": ["x", "y"]}, "a:\n- x\n- y # why\n")[0] == "a:\n- x\n- z # why\n"


def test_a_list_of_all_other_items_is_rewritten():
    before = {"a": [{"id": "x"}, {"id": "y"}], "b": 1}
    after = {"a": [{"id": "z"}], "b": 1}
    assert edit(after, before, "a:\n- id: x\n- id: y\nb: 1\n") == ("a: [{id: z}]\nb: 1\n", after)


def test_a_block_that_becomes_empty_is_braces():
    assert edit({"a": {}}, {"a": {"b": 1}}, "a:\n  b: 1\n") == ("a: {}\n", {"a": {}})
    assert edit({"a": {"c": 2}}, {"a": {"b": 1}}, "a:\n  b: 1\n") == ("a: {c: 2}\n", {"a": {"c": 2}})


@pytest.mark.parametrize(
    ("after", "line", "message"),
    [
        ({**VALUE, "b": "x"}, 5, "the comments inside this value would be lost"),
        ({**VALUE, "f": 1}, 11, "the comments inside this value would be lost"),
        ({**VALUE, "f": VALUE["f"][::-1]}, 11, "items in another order would part from their comments"),
    ],
)
def test_what_would_lose_a_comment_is_refused(after, line, message):
    with pytest.raises(CannotEdit, match=message) as caught:
        edit(after)
    assert caught.value.line == line


@pytest.mark.parametrize("text", ["a: [1, # one\n  2]\n", "a: |  # note\n  x\n", "a: {b: 1  # one\n  }\n"])
def test_comments_within_a_value_are_found(text):
    before = meaning(read_tree(text.encode(), "f"))
    with pytest.raises(CannotEdit, match="comments"):
        edit({"a": 5}, before, text)


@pytest.mark.parametrize("text", ["a: 'x # y'\n", "a: |\n  # x\n", "a: [\"#\", '# z', x#y]\n"])
def test_a_number_sign_in_text_is_no_comment(text):
    before = meaning(read_tree(text.encode(), "f"))
    assert edit({"a": 5}, before, text)[1] == {"a": 5}


def test_equality_is_that_of_json():
    assert same({"a": 1, "b": [True]}, {"b": [True], "a": 1})
    assert not same(1, 1.0)
    assert not same(1, True)


leaves = st.none() | st.booleans() | st.integers(0, 9) | st.text("ab #\n", max_size=4)
trees = st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=8)
blocks = st.dictionaries(st.sampled_from("abcdbef"), trees, min_size=1, max_size=4)


@given(blocks, blocks)
def test_an_edit_gives_the_new_value_wherever_it_is_possible(before, after):
    assert edit(after, before, document_text(before))[1] == after
