import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import DeclarationError
from openenv_tasksets.yaml_tree import (
    FASTEST_LOADER,
    MOST_BYTES,
    MOST_DEPTH,
    MOST_NODES,
    Mapping,
    Scalar,
    Sequence,
    line_at,
    read_tree,
)

LOADERS = [yaml.SafeLoader, FASTEST_LOADER]


@pytest.fixture(params=LOADERS, ids=["python", "fastest"])
def loader(request):
    return request.param


def refused(data, loader=FASTEST_LOADER):
    """The issues of data that is not a tree."""
    with pytest.raises(DeclarationError) as caught:
        read_tree(data if isinstance(data, bytes) else data.encode(), "file.yaml", loader=loader)
    assert caught.value.source == "file.yaml"
    return [(issue.line, issue.path, issue.message) for issue in caught.value.issues]


def test_the_fastest_loader_is_libyaml_where_it_is_built():
    assert FASTEST_LOADER is getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def test_leaves_carry_their_text_whether_it_is_plain_and_their_line(loader):
    tree = read_tree(b"a: on\nb:\n  - '1'\n  - |\n    x\n", "f", loader=loader)
    assert isinstance(tree, Mapping)
    assert [(e.key.text, e.key.line) for e in tree.entries.values()] == [("a", 1), ("b", 2)]
    plain = tree.entries["a"].value
    assert isinstance(plain, Scalar)
    assert (plain.text, plain.is_plain, plain.line) == ("on", True, 1)
    items = tree.entries["b"].value
    assert isinstance(items, Sequence)
    assert [(i.text, i.is_plain, i.line) for i in items.items] == [("1", False, 3), ("x\n", False, 4)]


def test_every_node_knows_where_its_text_stands(loader):
    text = "a: {b: [1, 'two']}\nc:\n  - d  # e\n  - f: g\n"
    tree = read_tree(text.encode(), "f", loader=loader)
    flow, block = (tree.entries[key].value for key in "ac")
    assert (text[flow.start : flow.end], flow.is_block) == ("{b: [1, 'two']}", False)
    assert (text[block.start : block.end], block.is_block) == ("- d  # e\n  - f: g", True)
    assert text[tree.entries["c"].key.start : tree.entries["c"].key.end] == "c"


def test_a_byte_order_mark_is_fine(loader):
    tree = read_tree(b"\xef\xbb\xbfa: 1", "f", loader=loader)
    assert tree.entries["a"].key.start == 0


def test_document_markers_and_a_version_are_fine(loader):
    assert "a" in read_tree(b"%YAML 1.1\n---\na: 1\n...\n", "f", loader=loader).entries


def test_the_line_of_a_path_is_that_of_its_key_or_of_what_holds_it():
    tree = read_tree(b"a:\n  b:\n    - x\n    - c: 1\n", "f")
    assert line_at(tree, ()) == 1
    assert line_at(tree, ("a", "b")) == 2
    assert line_at(tree, ("a", "b", 1, "c")) == 4
    assert line_at(tree, ("a", "b", 7)) == 2
    assert line_at(tree, ("a", "missing", "deeper")) == 1
    assert line_at(tree, ("a", "b", "key of a list")) == 2


@pytest.mark.parametrize("data", [b"", b"   \n", b"# only a comment\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(data, loader):
    assert refused(data, loader) == [(1, "", "the file is empty; `tasksets init` drafts one")]


def test_a_file_has_at_most_256_kib():
    assert read_tree(b"a: " + b"x" * (MOST_BYTES - 3), "f")
    ((line, _, message),) = refused(b"a: " + b"x" * (MOST_BYTES - 2))
    assert (line, message) == (1, "262,145 bytes; a declaration has at most 262,144 (256 KiB)")


@pytest.mark.parametrize("data", [b"a: 1\nb: \xff\n", b"a: 1\nb: \xed\xa0\x80\n"])
def test_only_utf_8_is_read(data):
    assert refused(data) == [(2, "", "byte 8 is not UTF-8; save the file as UTF-8")]


def test_utf_16_is_not_utf_8():
    assert "not UTF-8" in refused("a: 1".encode("utf-16"))[0][2]


def test_every_line_with_a_control_character_is_named():
    found = refused(b"a: \x00\nb: 1\nc: \x1b[0m\n")
    assert [(line, message[:28]) for line, _, message in found] == [
        (1, "the control character U+0000"),
        (3, "the control character U+001B"),
    ]


def test_an_escaped_control_character_is_text(loader):
    assert read_tree(b'a: "\\0\\e"', "f", loader=loader).entries["a"].value.text == "\0\x1b"


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "\ta: 1"])
def test_tabs_get_a_word_of_their_own(text, loader):
    ((line, _, message),) = refused(text, loader)
    assert message == "a tab; YAML is indented with spaces only"
    assert line == next(i for i, each in enumerate(text.split("\n"), 1) if each.startswith("\t"))


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2\n", 2), ("a: b: c", 1), ("a: 'x", 1), ("x: 1\n y: 2", 2), ("a: }", 1), ("%X\n", 1), ("a: 1\n@", 2)],
)
def test_a_syntax_error_has_its_line(text, line, loader):
    ((given, _, message),) = refused(text, loader)
    assert message.startswith("not valid YAML: ")
    assert abs(given - line) <= 1


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("rest", ["c: 2\nd: 3\n", "---\nc: 2\n", "\tc\n", ""])
def test_an_open_quote_is_named_where_it_opens(quote, rest, loader):
    assert refused(f"a: 1\nb: {quote}x\n{rest}", loader) == [
        (2, "", "not valid YAML: the quote that opens here is not closed")
    ]


def test_what_was_found_before_a_syntax_error_is_reported_too(loader):
    found = refused("a: 1\na: 2\nb: [", loader)
    assert "line 1" in found[0][2]
    assert found[-1][2].startswith("not valid YAML")


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "--- a\n--- b\n", "a: 1\n...\n---\n"])
def test_a_second_document_is_refused(text, loader):
    ((_, _, message),) = refused(text, loader)
    assert message == "a second document; a declaration is one document"


def test_keys_that_occur_twice_are_all_named_with_both_lines(loader):
    found = refused("a: 1\nb:\n  - {c: 1, d: 2}\n  - c: 1\n    'c': 2\na: 3\n'a': 4\n", loader)
    assert found == [
        (5, "b[1]", "the key 'c' stands here and in line 4; keep one"),
        (6, "", "the key 'a' stands here and in line 1; keep one"),
        (7, "", "the key 'a' stands here and in line 1; keep one"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("? [a]\n: b", "a list as a key; keys are text"),
        ("? {a: 1}\n: b", "a mapping as a key; keys are text"),
        ("{[a]: b}", "a list as a key; keys are text"),
        ("- &x a\n- *x : b", "an alias as a key; keys are text"),
        ("? \n: b", "an empty key; write the key before the colon, in quotes if it is this word"),
        ("~: b", "an empty key"),
        ("null: b", "an empty key"),
        ("<<: {a: 1}", "merge keys (<<) are not read; write the keys out"),
        ("a: !!python/name:os.system", "the tag 'tag:yaml.org,2002:python/name:os.system'; tags are not read"),
        ("a: !foo [1]", "the tag '!foo'; tags are not read, leave it out"),
        ("a: !!map {}", "tags are not read"),
        ("a: ! x", "the tag '!'"),
        ("a: *nowhere", "the alias *nowhere has no anchor &nowhere before it"),
        ("a: &x [*x]", "the alias *x stands inside what it repeats"),
        ("a: &x {b: {c: *x}}", "the alias *x stands inside what it repeats"),
        ("%TAG !a! b\n---\na: 1", "tag directives are not read; leave the line out"),
    ],
)
def test_what_yaml_has_and_a_declaration_has_not_is_refused(text, message, loader):
    ((_, _, given),) = refused(text, loader)
    assert given.startswith(message) or message in given


def test_quoted_words_are_keys_like_any_other(loader):
    assert list(read_tree(b"{'~': 1, '<<': 2, '': 3}", "f", loader=loader).entries) == ["~", "<<", ""]


def test_keys_that_look_like_numbers_are_text(loader):
    assert list(read_tree(b"{1: a, on: b, 0x10: c}", "f", loader=loader).entries) == ["1", "on", "0x10"]


def test_half_a_surrogate_pair_is_not_text(loader):
    ((_, _, message),) = refused('a: "\\ud800"', loader)
    assert "surrogate" in message or "not valid YAML" in message


def test_an_escape_beyond_unicode_is_not_text(loader):
    ((_, _, message),) = refused('a: "\\UFFFFFFFF"', loader)
    assert message.startswith("not valid YAML: ")


def test_mistakes_of_one_file_come_together(loader):
    found = refused("a: !x 1\n<<: {}\nb: *y\nb: 1\n[1]: 2\n", loader)
    assert [line for line, _, _ in found] == [1, 2, 3, 4, 5]


def test_an_alias_repeats_what_its_anchor_holds(loader):
    tree = read_tree(b"a: &x {b: [1]}\nc:\n  - *x\n", "f", loader=loader)
    repeated = tree.entries["c"].value.items[0]
    assert repeated.entries["b"].value.items[0].text == "1"
    assert (repeated.line, repeated.is_block) == (3, False)


def test_the_last_anchor_of_a_name_counts(loader):
    tree = read_tree(b"[&x 1, *x, &x 2, *x]", "f", loader=loader)
    assert [item.text for item in tree.items] == ["1", "1", "2", "2"]


def test_aliases_do_not_multiply_without_end(loader):
    lines = ["a0: &a0 x", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 100))]
    ((_, _, message),) = refused("\n".join(lines), loader)
    assert message == "more than 10,000 keys and values, what aliases repeat counted each time"


def test_aliases_do_not_deepen_without_end(loader):
    lines = ["- &a0 x", *(f"- &a{i} [*a{i - 1}]" for i in range(1, MOST_DEPTH + 5))]
    ((line, _, message),) = refused("\n".join(lines), loader)
    assert message == "nested more than 64 levels deep"
    assert line == MOST_DEPTH + 1


def test_the_most_keys_and_values_are_ten_thousand():
    assert read_tree(f"[{'a,' * (MOST_NODES - 1)}]".encode(), "f")
    assert "more than 10,000" in refused(f"[{'a,' * MOST_NODES}]")[0][2]


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_the_deepest_nesting_is_64_levels(before, after):
    depth = MOST_DEPTH
    assert read_tree((before * depth + "x" + after * depth).encode(), "f")
    found = refused(before * (depth + 1) + "x" + after * (depth + 1))
    assert found == [(1, "", "nested more than 64 levels deep")]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "{a: ", "[\n", "? [\n", "[[]:", "-\n ", "&a [", "!x ["])
def test_nesting_without_end_neither_crashes_nor_hangs(piece, loader):
    assert refused(piece * (MOST_BYTES // len(piece)), loader)


@pytest.mark.timeout(20)
def test_indentation_without_end_neither_crashes_nor_hangs(loader):
    found = refused("".join(f"{' ' * depth}a:\n" for depth in range(700)), loader)
    assert found == [(65, "", "nested more than 64 levels deep")]


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{},#&*!|>'\"%@?~\n \t\\0", max_size=80).map(str.encode))
def test_any_bytes_give_a_tree_or_a_declaration_error(data):
    for loader in LOADERS:
        assert _tree_or_issues(data, loader)


def _tree_or_issues(data, loader):
    try:
        return read_tree(data, "f", loader=loader)
    except DeclarationError as exc:
        return exc.issues
