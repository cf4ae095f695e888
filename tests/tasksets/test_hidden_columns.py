"""Columns are divided by who may see what; where that cannot be, it is an error and never a leak."""

import pytest

from openenv_tasksets.binding import compile_binding
from openenv_tasksets.hidden_columns import divide, public_half
from openenv_tasksets.loaders.errors import SourceError

COLUMNS = ("id", "question", "hint", "answer", "topic", "level", "notes", "meta")
TASK = {
    "id": "id",
    "reset": {"prompt": {"template": "{question} ({hint})"}, "answer": {"column": "answer", "extract": "(.*)"}},
    "visible": ["prompt"],
    "public": ["topic"],
    "difficulty": "level",
}


def halves(declare, **changes):
    return divide(declare({**TASK, **changes}).environment(), COLUMNS)


def test_what_is_visible_or_public_is_public_and_all_else_is_hidden(declare):
    found = halves(declare)
    assert found.public == ("id", "question", "hint", "topic", "level")
    assert found.hidden == ("answer", "notes", "meta")
    assert found.id == "id"


def test_of_a_whole_row_the_rest_is_hidden(declare):
    found = halves(declare, reset="all", visible=["question"])
    assert found.public == ("id", "question", "topic", "level")
    assert found.hidden == ("hint", "answer", "notes", "meta")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "name its column in task.id"),
        ({"reset": {}, "visible": []}, "task.reset does not say which argument comes from which column"),
        ({"public": ["answer"]}, "column 'answer' makes 'answer', which is hidden, and something that is not"),
        ({"gold": {"answer": "topic"}}, "column 'topic' makes 'gold.answer', which is hidden"),
        ({"reset": {"prompt": "meta.q", "answer": "meta.a"}}, "column 'meta' makes 'answer', which is hidden"),
        ({"reset": {"prompt": "question"}}, "nothing is hidden"),
        ({"reset": {"prompt": "question", "limit": {"value": 3}}}, "nothing is hidden"),
    ],
)
def test_what_cannot_be_divided_is_refused(declare, changes, reason):
    task = {name: value for name, value in {**TASK, **changes}.items() if value is not None}
    with pytest.raises(SourceError, match=reason):
        divide(declare(task).environment(), COLUMNS)


@pytest.mark.parametrize("name", ["tasksets_commitment", "tasksets_nonce"])
def test_the_names_of_our_columns_must_be_free(declare, name):
    with pytest.raises(SourceError, match=f"there is a column '{name}' already"):
        divide(declare(TASK).environment(), (*COLUMNS, name))


@pytest.mark.parametrize("changes", [{}, {"reset": "all", "visible": ["question"]}, {"visible": []}])
def test_the_public_half_of_a_declaration_needs_no_hidden_column(declare, changes):
    declaration = declare({**TASK, "gold": {"answer": "answer"}, **changes})
    half = public_half(declaration, declaration.environment()).environment()
    binding = compile_binding(half.task, ("id", "question", "hint", "topic", "level"), "task")
    assert "answer" not in binding.columns
