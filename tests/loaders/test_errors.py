"""The tree of errors: as it is drawn, with its facts as attributes, which other processes see too."""

import importlib
import pickle
import re

import pytest

from openenv_tasksets.loaders import errors
from openenv_tasksets.loaders.errors import (
    DeclarationError,
    Issue,
    PolicyError,
    RowError,
    RowRefused,
    SplitEndless,
    SplitNotFound,
    TaskNotFound,
    TasksetError,
)

HOMES = ("loaders.errors", "loaders.hub_commit", "secret_scan", "lock", "lock_check")
KINDS = {
    name: kind
    for module in HOMES
    for name, kind in vars(importlib.import_module(f"openenv_tasksets.{module}")).items()
    if isinstance(kind, type) and issubclass(kind, TasksetError)
}


def drawn():
    """Each class in the drawing, and the one that it hangs from."""
    above = ["TasksetError"]
    for line in errors.__doc__.splitlines():
        branch = re.match(r"((?:│   |    )*)[├└]── ([A-Z]\w+(?:, [A-Z]\w+)*)", line)
        if branch is not None:
            depth = len(branch[1]) // 4 + 1
            for name in branch[2].split(", "):
                above[depth:] = [name]
                yield name, above[depth - 1]


def test_the_tree_is_as_it_is_drawn():
    bases = {name: [base.__name__ for base in kind.__bases__] for name, kind in KINDS.items()}
    places = dict(drawn())

    assert places.keys() == KINDS.keys() - {"TasksetError"}
    assert {name: above for name, above in places.items() if above not in bases[name]} == {}


ROW = RowError("is empty", split="test", row=3, column="a.b", location="test.csv, row 1")
DECLARED = DeclarationError(
    [Issue("environments[0].id", "is missing", 7), Issue("", "two documents")], "environment.yaml"
)
REFUSED = PolicyError("no such action", [{"type": "missing", "loc": ("answer",), "msg": "Field required"}])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ROW, "test.csv, row 1 (split 'test', row 3), column 'a.b': is empty"),
        (
            RowError("is a list", split="test", row=3, column=None, location="test.csv, row 1"),
            "test.csv, row 1 (split 'test', row 3): is a list",
        ),
        (DECLARED, "environment.yaml:7: environments[0].id: is missing\nenvironment.yaml: two documents"),
        (DeclarationError([Issue("id", "is missing")]), "declaration: id: is missing"),
        (SplitNotFound("no split 'tset'"), "no split 'tset'"),
    ],
)
def test_the_message_says_where_and_what(error, text):
    assert str(error) == error.message == text


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (SplitNotFound, KeyError),
        (TaskNotFound, IndexError),
        (SplitEndless, NotImplementedError),
        (RowRefused, ValueError),
    ],
)
def test_who_knows_only_pythons_own_errors_catches_them_too(kind, builtin):
    with pytest.raises(builtin):
        raise kind("no such thing")
    assert issubclass(kind, TasksetError)


def facts(error):
    return type(error), str(error), error.args, vars(error)


@pytest.mark.parametrize("error", [ROW, DECLARED, REFUSED], ids=lambda error: type(error).__name__)
def test_it_arrives_whole_from_a_worker_process(error):
    assert facts(pickle.loads(pickle.dumps(error))) == facts(error)
