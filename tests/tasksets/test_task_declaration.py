import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.declaration import (
    ColumnArgument,
    Limits,
    SplitDeclaration,
    TaskDeclaration,
    TemplateArgument,
    ValueArgument,
)
from openenv_tasksets.loaders.errors import DeclarationError
from openenv_tasksets.patterns import compile_pattern

TRAIN = SplitDeclaration(name="small", type="train")
TEST = SplitDeclaration(name="test", type="test")


def mistakes(**values):
    with pytest.raises(DeclarationError) as caught:
        TaskDeclaration(**values)
    return [f"{issue.path}: {issue.message}" for issue in caught.value.issues]


def test_an_empty_task_binds_nothing_and_limits_nothing():
    task = TaskDeclaration()
    assert (task.id, task.reset, task.visible, task.gold, task.keep_nulls) == (None, {}, (), {}, False)
    assert task.limits == Limits(max_steps=None, episode_seconds=None)
    assert task == TaskDeclaration(rows=None)


def test_the_forms_of_an_argument():
    task = TaskDeclaration(
        reset={
            "bare": "question",
            "column": {"column": "answer", "extract": "#### (.+)$"},
            "template": {"template": "{question}!"},
            "value": {"value": {"a": [1, None]}},
            "ready": ColumnArgument(column="x"),
        }
    )
    assert task.reset == {
        "bare": ColumnArgument(column="question"),
        "column": ColumnArgument(column="answer", extract="#### (.+)$"),
        "template": TemplateArgument(template="{question}!"),
        "value": ValueArgument(value={"a": [1, None]}),
        "ready": ColumnArgument(column="x"),
    }


def test_a_constant_may_be_null():
    assert TaskDeclaration(reset={"a": {"value": None}}).reset["a"] == ValueArgument(value=None)


def test_the_json_columns_have_the_files_name_and_pythons():
    assert TaskDeclaration(json_columns=["a"]) == TaskDeclaration.from_dict({"json": ["a"]})
    assert TaskDeclaration(json_columns=["a"]).to_dict()["json"] == ["a"]


def test_the_whole_row_must_be_said():
    task = TaskDeclaration(reset="all", visible=["question"])
    assert task.reset == "all"
    assert mistakes(reset="everything") == ["reset: expected a mapping of reset() arguments, or all; got 'everything'"]


def test_visible_names_arguments_where_they_are_named():
    assert TaskDeclaration(visible=["anything"]).visible == ("anything",)
    assert mistakes(reset={"prompt": "q", "answer": "a"}, visible=["prompt", "promt"]) == [
        "visible[1]: no reset argument 'promt'; did you mean 'prompt'? There are: 'prompt', 'answer'"
    ]


def test_a_wrong_argument_does_not_hide_an_unknown_one_that_is_visible():
    found = mistakes(reset={"prompt": {}, "answer": "a"}, visible=["prompt", "promt", 3])
    assert [each.split(";")[0] for each in found] == [
        "visible[1]: no reset argument 'promt'",
        "reset.prompt: exactly one of column, template, value is needed",
        "visible[2]: expected a column's name",
    ]


@pytest.mark.parametrize("name", ["seed", "split", "index", "task_id", "episode_id", "class"])
def test_an_argument_may_have_the_name_of_a_selector(name):
    assert name in TaskDeclaration(reset={name: "c"}).reset


@pytest.mark.parametrize("name", ["self", "cls", "func", "session_id", "a b", "1a", "", "a.b", "é"])
def test_an_argument_is_an_identifier_that_every_server_can_pass(name):
    (message,) = mistakes(reset={name: "c"})
    assert "expected an argument's name (a Python identifier, not cls, func, self or session_id)" in message


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({}, "reset.a: exactly one of column, template, value is needed; got none"),
        (
            {"column": "x", "value": 1},
            "reset.a: exactly one of column, template, value is needed; got column and value",
        ),
        ({"extract": "x"}, "reset.a: exactly one of column, template, value is needed; got none"),
        (
            {"valu": 1},
            "reset.a: exactly one of column, template, value is needed; no key 'valu'; did you mean 'value'?",
        ),
        ({"value": 1, "extract": "x"}, "reset.a: extract works on a column, not on a value; leave it out"),
        ({"value": 1, "as": "pil"}, "reset.a: as works on a column, not on a value; leave it out"),
        (
            {"column": "x", "as": "bytes", "extract": "x"},
            "reset.a.as: goes with a whole column, not with extract; leave one of them out",
        ),
        ({"column": "x", "as": "png"}, "reset.a.as: expected 'data_uri', 'bytes' or 'pil'; got 'png'"),
        ({"column": "x", "extrakt": "x"}, "reset.a.extrakt: unknown key 'extrakt'; did you mean 'extract'?"),
        ({"column": ""}, "reset.a.column: expected a column's name; got ''"),
        (None, "reset.a: expected a column's name, or a mapping with one of column, template, value; got nothing"),
        (["x"], "reset.a: expected a column's name, or a mapping with one of column, template, value; got a list"),
        ({"template": "{a!r}"}, "reset.a.template: the field {a!r} at character 1"),
        ({"column": "x", "extract": "("}, "reset.a.extract: '(' is not a regular expression of RE2: missing ): ("),
        ({"column": "x", "extract": "a" * 1001}, "reset.a.extract: expected a regular expression of at most 1,000"),
    ],
)
def test_one_mistake_in_an_argument_is_one_issue(argument, message):
    (given,) = mistakes(reset={"a": argument})
    assert given.startswith(message)
    (in_gold,) = mistakes(gold={"a": argument})
    assert in_gold.startswith(message.replace("reset", "gold", 1))


def test_every_mistake_of_a_template_is_an_issue():
    assert [each.split(";")[0] for each in mistakes(reset={"a": {"template": "{b!r} {} { {c:>8}"}})] == [
        "reset.a.template: the field {b!r} at character 1",
        "reset.a.template: an empty field at character 7",
        "reset.a.template: a single '{' at character 10",
        "reset.a.template: the field {c:>8} at character 12",
    ]


@pytest.mark.parametrize("pattern", ["(?=x)", "(?<!x)", r"(x)\1", "(?P=name)"])
def test_lookaround_and_backreferences_are_refused_with_the_reason(pattern):
    (message,) = mistakes(reset={"a": {"column": "x", "extract": pattern}})
    assert "lookaround and backreferences are not supported, so that matching takes linear time" in message


def test_a_pattern_whose_repetitions_multiply_is_refused():
    (message,) = mistakes(reset={"a": {"column": "x", "extract": r"[\pL\pN]{999}"}})
    assert "pattern too large" in message


@given(st.text(alphabet=r"ab(|)[]{1,}*+?\d^$.:P<>=!", max_size=30).filter(bool))
def test_every_pattern_that_passes_compiles_where_it_is_used(pattern):
    try:
        ColumnArgument(column="x", extract=pattern)
    except DeclarationError as exc:
        assert "not a regular expression of RE2" in exc.issues[0].message  # noqa: PT017
    else:
        assert compile_pattern(pattern)


@pytest.mark.parametrize(
    ("order", "train", "test"),
    [
        ({}, "shuffled", "sequential"),
        ("blocks", "blocks", "blocks"),
        ({"small": "sequential"}, "sequential", "sequential"),
        ({"test": "shuffled"}, "shuffled", "shuffled"),
    ],
)
def test_the_order_is_declared_or_that_of_the_splits_type(order, train, test):
    task = TaskDeclaration(order=order)
    assert (task.order_for(TRAIN), task.order_for(TEST)) == (train, test)


def test_an_order_is_one_of_three():
    assert mistakes(order="random") == ["order: expected 'shuffled', 'sequential' or 'blocks'; got 'random'"]
    assert mistakes(order={"test": "random"})[0].startswith("order.test: expected 'shuffled'")
    assert mistakes(order=5)[0].startswith("order: expected 'shuffled'")


def test_rows_are_never_steps():
    assert mistakes(rows="steps") == [
        "rows: steps are not supported: one row is one task, and step() never moves to another; remove the key"
    ]


@pytest.mark.parametrize(("rows", "given"), [("tasks", "'tasks'"), ({}, "a mapping"), (1, "1")])
def test_rows_are_always_tasks_and_the_key_is_reserved(rows, given):
    assert mistakes(rows=rows) == [
        f"rows: the key is reserved, and {given} has no meaning: one row is one task; remove the key"
    ]


def test_limits_are_positive():
    assert Limits(max_steps=1, episode_seconds=2).episode_seconds == 2.0
    assert [each.split(":")[0] for each in mistakes(limits={"max_steps": 0, "episode_seconds": 0})] == [
        "limits.max_steps",
        "limits.episode_seconds",
    ]


def test_lists_are_lists():
    assert mistakes(visible="prompt") == ["visible: expected a list; got 'prompt'"]
    assert mistakes(public=[1]) == ["public[0]: expected a column's name; got 1; in quotes it is text"]


def test_an_unknown_key_lists_those_that_exist_by_pythons_names():
    (message,) = mistakes(jsons=[])
    assert message.startswith("jsons: unknown key 'jsons'")
    assert "'json_columns'" in message
