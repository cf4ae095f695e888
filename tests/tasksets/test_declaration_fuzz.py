"""What holds for every declaration, every change and any bytes."""

import pytest
from declaration_texts import BAD, GOOD, HEAD, changed, parse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openenv_tasksets.declaration import (
    SPEC_VERSION,
    ColumnArgument,
    DatasetDeclaration,
    Declaration,
    EnvironmentDeclaration,
    Frameworks,
    Limits,
    OpenEnvRuntime,
    Resources,
    TaskDeclaration,
    TemplateArgument,
    ValueArgument,
)
from openenv_tasksets.declaration_file import (
    declaration_yaml,
    read_declaration,
)
from openenv_tasksets.loaders.errors import DeclarationError, Issue
from openenv_tasksets.yaml_tree import MOST_BYTES

awkward = st.sampled_from(
    ["0123", "on", "null", "~", "1e3", "true", " a ", "a\nb\n", "é😀", "#", "- x", "a: b", "\t", "\0", "'"]
)
texts = awkward | st.text(min_size=1, max_size=12)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("cls", "func", "self", "session_id")
)
words = st.sampled_from(["train", "on", "2024", "x.y", "a-b"])
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | finite | texts | st.just(""),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, json_values, max_size=3)


def optional(strategy):
    return st.none() | strategy


arguments = (
    st.builds(ColumnArgument, column=texts, extract=optional(st.sampled_from(["#### (.+)$", "a|b", " "])))
    | st.builds(TemplateArgument, template=st.sampled_from(["{a}", "{a.b}\n{{x}} ", "0", "no"]))
    | st.builds(ValueArgument, value=json_values)
)
orders = st.sampled_from(["shuffled", "sequential", "blocks"])
tasks = st.builds(
    TaskDeclaration,
    id=optional(texts),
    reset=st.just("all") | st.dictionaries(names, arguments, max_size=3),
    public=st.lists(texts, max_size=2),
    json_columns=st.lists(texts, max_size=2),
    keep_nulls=st.booleans(),
    difficulty=optional(texts),
    gold=st.dictionaries(texts, arguments, max_size=2),
    order=orders,
    limits=st.builds(Limits, max_steps=optional(st.integers(1, 10**9)), episode_seconds=optional(st.floats(1e-9, 1e9))),
)
runtimes = st.builds(
    OpenEnvRuntime,
    min_version=optional(st.just(">=0.10.0")),
    package=st.sampled_from(["acme-env", "acme-env>=1.0"]),
    arguments=objects,
    resources=optional(st.builds(Resources, cpus=optional(st.floats(0.1, 99)), network=optional(st.booleans()))),
    secrets=st.lists(st.sampled_from(["HF_TOKEN", "on"]), max_size=2),
)
splits = st.dictionaries(words, st.sampled_from(["train", "validation", "test"]), max_size=3)
environments = st.builds(
    EnvironmentDeclaration,
    id=st.sampled_from(["a", "0123", "on", "1e3", "A.b-c_d"]),
    title=optional(texts | st.just("")),
    description=optional(texts),
    config_name=optional(texts),
    splits=splits,
    dataset=optional(st.builds(DatasetDeclaration, source=optional(st.just("0x1")))),
    task=optional(tasks),
    runtime=optional(objects),
    reward=st.none() | finite | texts | objects | st.just({"range": [0, 1]}),
    frameworks=st.builds(
        lambda runtime, foreign: Frameworks(openenv=runtime, **foreign),
        runtimes,
        objects.map(lambda each: {key: value for key, value in each.items() if key != "openenv"}),
    ),
)
declarations = st.builds(
    Declaration,
    spec_version=st.sampled_from([SPEC_VERSION, "hf-rl-env-0.2"]),
    environments=st.lists(environments, min_size=1, max_size=2, unique_by=lambda each: each.id.lower()),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(declarations)
def test_every_declaration_is_written_and_read_back(declaration):
    assert parse(declaration_yaml(declaration)) == declaration


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(GOOD), st.data())
def test_every_change_of_a_file_is_written_or_refused(file, data):
    read = read_declaration(file)
    new = data.draw(environments)
    name = data.draw(st.sampled_from(["title", "splits", "task", "runtime", "reward", "frameworks", "dataset"]))
    copy = changed(read, **{name: getattr(new, name)})
    try:
        written = declaration_yaml(copy)
    except DeclarationError as exc:
        assert "cannot be changed in place" in str(exc) or "no split" in str(exc)  # noqa: PT017
    else:
        assert parse(written) == copy


KEYS = [
    "spec_version",
    "id",
    "task",
    "reset",
    "frameworks",
    "openenv",
    "package",
    "secrets",
    "column",
    "extract",
    "splits",
]
MARKS = [
    "hf-rl-env-0.1",
    "hf-rl-env-0.9",
    "environments:",
    "- ",
    "\n",
    "  ",
    "    ",
    "a",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "'",
    '"',
    "&x ",
    "*x",
    "!!int ",
    "|\n",
    "# c",
    "~",
    "0x1",
    ".nan",
    "(",
    "rows: steps",
    "\t",
    "\0",
]
pieces = st.sampled_from([*MARKS, *(f"{key}: " for key in KEYS)])


@st.composite
def mutated(draw):
    """A corpus file with a few bytes changed."""
    data = bytearray(draw(st.sampled_from([*GOOD, *BAD])).read_bytes())
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        data[place : place + length] = draw(st.binary(max_size=4) | pieces.map(str.encode))
    return bytes(data)


@settings(max_examples=300, deadline=5000)
@given(st.binary(max_size=300) | mutated() | st.lists(pieces, max_size=40).map("".join).map(str.encode))
@example(b"")
@example(HEAD.replace("0.1", "0.9").encode() + b"  task: {reset: {a: {column: x, zz: 1}}, zz: 1}\n  zz: {}\n")
def test_any_bytes_give_a_declaration_or_a_declaration_error(data):
    try:
        declaration = parse(data)
    except DeclarationError as exc:
        assert all(isinstance(issue, Issue) and issue.message for issue in exc.issues)  # noqa: PT017
    else:
        assert declaration_yaml(declaration) == data


LETTERS = r"\PL" * 300


def filled(head, piece, tail=""):
    """Text of 256 KiB at most."""
    count = (MOST_BYTES - len(head) - len(tail)) // len(piece)
    return head + piece * count + tail


LARGE = {
    "brackets": filled("", "["),
    "braces": filled("", "{a: "),
    "dashes": filled("", "- "),
    "repeated keys": filled("", "a:\n"),
    "many keys": "".join(f"k{i}: 1\n" for i in range(20_000)),
    "many brackets": filled("", "- " + "[" * 60 + "]" * 60 + "\n"),
    "long scalar": filled("a: ", "x"),
    "open quote": filled('a: "', "x"),
    "control characters": filled("", "\x01\n"),
    "tag directives": "".join(f"%TAG !a{i}! b\n" for i in range(15_000)) + "--- a",
    "unknown keys": HEAD + "".join(f"  titel{i}: 1\n" for i in range(4_900)),
    "unknown names": HEAD + f"  task:\n    reset: {{{', '.join(f'argument{i}: c' for i in range(2_000))}}}\n"
    + f"    visible: [{', '.join(f'argumint{i}' for i in range(5_900))}]\n",
    "large patterns": HEAD + "  task:\n    reset:\n"
    + "".join(f"      a{i}: {{column: c, extract: '[\\pL\\pN]{{{i + 9}}}'}}\n" for i in range(100)),
    "letters": HEAD + "  task:\n    reset:\n"
    + "".join(f"      a{i}: {{column: c, extract: '(?i){LETTERS}{i}'}}\n" for i in range(99)),
    "no patterns": HEAD + "  task:\n    reset:\n"
    + "".join(f"      a{i}: {{column: c, extract: '{LETTERS}({i}'}}\n" for i in range(99)),
    "environments": "spec_version: hf-rl-env-0.1\nenvironments:\n"
    + "".join(f"- {{id: e{i}, frameworks: {{openenv: {{package: p{i}, min_version: '>={i}'}}}}}}\n"
        for i in range(700)),
    "templates": filled(HEAD + '  task: {reset: {a: {template: "', "{a}{{", '"}}}\n'),
    "braces in a template": filled(HEAD + '  task: {reset: {a: {template: "', "{} ", '"}}}\n'),
    "splits": HEAD + f"  splits: [{','.join(f's{i}' for i in range(9_900))}]\n",
    "repeated splits": HEAD + f"  splits: [{','.join(['a', 'a b'] * 4_900)}]\n",
    "unknown orders": HEAD + "  splits: [a]\n"
    + f"  task: {{order: {{{', '.join(f's{i}: x' for i in range(4_900))}}}}}\n",
    "digits": filled(HEAD + "  runtime: {a: ", "9", "}\n"),
    "secrets": HEAD.replace("{v: {}}", f"{{openenv: {{image: a, secrets: [{','.join(['b=c'] * 4_900)}]}}}}"),
}  # fmt: skip


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_no_file_of_256_kib_takes_long_or_says_much(text):
    assert len(text) <= MOST_BYTES
    try:
        parse(text)
    except DeclarationError as exc:
        assert len(exc.issues) <= 101  # noqa: PT017
        assert len(str(exc)) < 100_000  # noqa: PT017
