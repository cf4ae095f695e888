import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.yaml_scalar import core_value
from openenv_tasksets.yaml_text import document_text, entry_text, flow_text, item_text, scalar_text
from openenv_tasksets.yaml_tree import Mapping, Scalar, read_tree

words = st.sampled_from(
    ["0123", "on", "null", "~", "1e3", "", " a ", "a\nb\n", "é😀", "- a", "a: b", "#", "\x85\u2028\ufeff\x00"]
)
texts = words | st.text(max_size=20)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


def meaning(node):
    if isinstance(node, Scalar):
        return core_value(node.text) if node.is_plain else node.text
    if isinstance(node, Mapping):
        return {key: meaning(entry.value) for key, entry in node.entries.items()}
    return [meaning(item) for item in node.items]


def read(text):
    return meaning(read_tree(text.encode(), "f"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("words in a row", "words in a row"),
        ("a-b/c.d_e+f", "a-b/c.d_e+f"),
        ("0123", '"0123"'),
        ("on", '"on"'),
        ("NULL", '"NULL"'),
        ("", '""'),
        ("a: b", '"a: b"'),
        (" a", '" a"'),
        ("a\nb", '"a\\nb"'),
        ("é\x85\u2028", '"é\\u0085\\u2028"'),
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (0.5, "0.5"),
        (1e16, "1.0e+16"),
        (1.5e-7, "1.5e-07"),
    ],
)
def test_leaves_are_plain_only_where_no_yaml_reads_anything_else(value, text):
    assert scalar_text(value) == text
    assert yaml.safe_load(text) == value


def test_blocks_for_people_and_flow_for_short_lists():
    text = document_text({"a": "x", "b": [{"id": 1, "names": ["x", "z"]}, {"deep": {"er": {}}}, "w"]})
    assert text == "a: x\n\nb:\n  - id: 1\n    names: [x, z]\n  - deep:\n      er: {}\n  - w\n"


def test_an_entry_and_an_item_are_indented():
    assert entry_text("a b", {"c": []}, 4) == "    a b:\n      c: []"
    assert item_text({"c": {"d": 1}, "e": 2}, 2) == "  - c:\n      d: 1\n    e: 2"


@given(values)
def test_flow_text_reads_back(value):
    text = flow_text(value)
    assert "\n" not in text
    assert read(text) == value
    assert read(f"a: {text}\n") == {"a": value}


@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_documents_read_back(value):
    assert read(document_text(value)) == value


@given(st.dictionaries(texts, values, min_size=1, max_size=3))
def test_tools_that_know_only_yaml_1_1_read_the_same(value):
    assert yaml.safe_load(document_text(value)) == value
