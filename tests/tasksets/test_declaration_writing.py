"""A declaration is written: what others wrote stays but for what was changed, and what would not read is refused."""

import os
import re
import stat

import pytest
from declaration_texts import GOOD, HEAD, changed, corpus, parse

from openenv_tasksets.declaration import (
    SPEC_VERSION,
    DatasetDeclaration,
    Declaration,
    EnvironmentDeclaration,
    Frameworks,
    OpenEnvRuntime,
    RewardDeclaration,
    SplitDeclaration,
    TaskDeclaration,
    ValueArgument,
)
from openenv_tasksets.declaration_file import (
    declaration_yaml,
    read_declaration,
    write_declaration,
)
from openenv_tasksets.loaders.errors import DeclarationError
from openenv_tasksets.yaml_tree import MOST_BYTES


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_an_unchanged_declaration_writes_the_authors_bytes(file, tmp_path):
    write_declaration(read_declaration(file), tmp_path)
    assert (tmp_path / "environment.yaml").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_declaration_built_in_python_reads_back_equal(file):
    read = read_declaration(file)
    built = Declaration(spec_version=read.spec_version, environments=read.environments)
    written = parse(declaration_yaml(built))
    assert written == built == read
    assert written.origin.data != read.origin.data


def comments(data):
    return re.findall(r"#.*", data.decode())


CHANGES = {
    "title": {"title": "on"},
    "title away": {"title": None},
    "description": {"description": "two\nlines # here"},
    "task": {"task": TaskDeclaration(reset={"prompt": "question", "answer": "a"}, visible=("prompt",))},
    "dataset": {"dataset": DatasetDeclaration(repo_id="acme/words", data_files={"test": ("a", "b")})},
    "splits": {"splits": (SplitDeclaration(name="x", type="test"),)},
    "reward": {"reward": RewardDeclaration(range=(0, 1))},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_copy_keeps_comments_and_other_blocks(change):
    read = corpus("good/comments")
    copy = changed(read, **change)
    data = declaration_yaml(copy)
    assert parse(data) == copy
    lost = {"# shown to people"} if change == {"title": None} else set()
    assert set(comments(data)) == (set(comments(read.origin.data)) - lost) | ({'# here"'} & set(comments(data)))
    for block in (b"verifiers: {rubric: [a,   b], \"quoted\": 'single'}", b"---\n", b"  description: |\n      Two"):
        assert block in data


def test_only_the_changed_lines_differ():
    read = corpus("good/comments")
    before = read.origin.data.decode().splitlines()
    after = declaration_yaml(changed(read, title="New")).decode().splitlines()
    assert [(old, new) for old, new in zip(before, after, strict=True) if old != new] == [
        ("    title: 'Old'    # shown to people", "    title: New    # shown to people")
    ]


def test_environments_come_and_go():
    read = corpus("good/comments")
    new = EnvironmentDeclaration(id="new", frameworks=Frameworks(openenv=OpenEnvRuntime(image="a")))
    for environments in (
        (*read.environments, new),
        (new, *read.environments),
        read.environments[:1],
        read.environments[1:],
    ):
        copy = read.replace(environments=environments)
        assert parse(declaration_yaml(copy)) == copy
    last = declaration_yaml(read.replace(environments=read.environments[1:]))
    assert b"maths\n" not in last.replace(b"the maths team", b"")
    assert b"# The end." in last


def test_unknown_keys_of_a_newer_version_are_kept():
    data = declaration_yaml(changed(corpus("good/newer-minor"), title="x"))
    assert b"tasks: [1]" in data
    assert b"trim: true" in data
    assert parse(data).environment().title == "x"


def test_a_byte_order_mark_and_windows_line_breaks_stay():
    data = b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode()
    changed_data = declaration_yaml(changed(parse(data), title="x"))
    assert changed_data == data + b"  title: x\r\n"


def test_an_unchanged_value_of_another_type_is_a_change():
    read = parse(HEAD + "  task: {reset: {a: {value: 1}}}\n")
    copy = changed(read, task=TaskDeclaration(reset={"a": ValueArgument(value=True)}))
    assert parse(declaration_yaml(copy)).environment().task.reset["a"].value is True


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (HEAD + "  task:\n    # why\n    id: a\n", {"task": None}, None),
        (HEAD + "  runtime:\n    a: 1\n    # why\n    b: 2\n", {"runtime": {"c": 1}}, "the comments inside this value"),
        (
            HEAD + "  task:\n    reset: &x {a: b}\n    gold: *x\n",
            {"task": TaskDeclaration(reset={"a": "c"}, gold={"a": "b"})},
            "it would read",
        ),
    ],
)
def test_what_cannot_be_written_without_loss_is_refused(text, change, message):
    copy = changed(parse(text), **change)
    if message is None:
        assert parse(declaration_yaml(copy)) == copy
        return
    with pytest.raises(DeclarationError, match="cannot be changed in place: ") as caught:
        declaration_yaml(copy)
    assert message in str(caught.value)
    assert "edit the file by hand, or write a new declaration" in str(caught.value)


def test_a_change_that_spreads_through_an_alias_is_refused():
    read = parse(HEAD + "  task:\n    reset: &x\n      a: b\n    gold: *x\n")
    copy = changed(read, task=TaskDeclaration(reset={"a": "c"}, gold={"a": "b"}))
    with pytest.raises(DeclarationError, match="other values would change with it"):
        declaration_yaml(copy)


def test_a_wrong_copy_is_refused_before_anything_is_written(tmp_path):
    copy = changed(parse(HEAD), id="a b")
    with pytest.raises(DeclarationError) as caught:
        write_declaration(copy, tmp_path)
    assert caught.value.issues[0].path == "environments[0].id"
    assert list(tmp_path.iterdir()) == []


def test_a_declaration_too_large_to_read_is_not_written(tmp_path):
    environment = EnvironmentDeclaration(id="a", frameworks=Frameworks(v="x" * MOST_BYTES))
    with pytest.raises(DeclarationError, match="at most 262,144"):
        write_declaration(Declaration(spec_version=SPEC_VERSION, environments=[environment]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_writing_replaces_the_file_and_keeps_its_mode_and_its_link(tmp_path):
    file = tmp_path / "real.yaml"
    file.write_text("old")
    file.chmod(0o640)
    (tmp_path / "link.yaml").symlink_to(file)
    write_declaration(parse(HEAD), tmp_path / "link.yaml")
    assert file.read_text() == HEAD
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.yaml", "real.yaml"]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    (tmp_path / "environment.yaml").mkdir()
    with pytest.raises(OSError, match="environment.yaml"):
        write_declaration(parse(HEAD), tmp_path)
    assert os.listdir(tmp_path) == ["environment.yaml"]
