"""Mistakes are collected so that none hides another, and written with the nearest name and the line."""

import pytest

from openenv_tasksets.declaration_issues import Found, Mistake, Wrong, checked_with, issues_of, unknown_key, wrong
from openenv_tasksets.yaml_tree import read_tree


def raised(call, *arguments):
    with pytest.raises(Wrong) as caught:
        call(*arguments)
    return [(each.steps, each.message) for each in caught.value.mistakes]


def test_what_is_raised_below_a_step_is_of_that_step_and_all_is_raised_at_once():
    found = Found([Mistake("known beforehand")])
    with found.below("task", 3):
        raise Wrong([Mistake("no number", ("limits",)), Mistake("no list")])
    with found.below("title"):
        raise wrong("no text")
    assert raised(found.raise_all) == [
        ((), "known beforehand"),
        (("task", 3, "limits"), "no number"),
        (("task", 3), "no list"),
        (("title",), "no text"),
    ]


def test_nothing_found_is_nothing_raised():
    found = Found()
    with found.below("task"):
        pass
    found.raise_all()


def test_another_error_is_not_taken_for_a_mistake():
    with pytest.raises(KeyError), Found().below("task"):
        raise KeyError


def test_a_value_is_checked_although_something_was_wrong_beside_it():
    def refuse(_):
        raise wrong("no number")

    assert checked_with([], int, "7") == 7
    assert raised(checked_with, [Mistake("beside")], int, "7") == [((), "beside")]
    assert raised(checked_with, [Mistake("beside")], refuse, "x") == [((), "beside"), ((), "no number")]


def test_issues_have_path_and_line_and_stand_in_the_order_of_the_file():
    tree = read_tree(b"id: a\ntask:\n  visable: [x]\n", "environment.yaml")
    mistakes = [
        Mistake("no reset argument", ("task", "visable", 0), "x", ["prompt"]),
        Mistake("unknown key", ("task", "visable"), "visable", ["reset", "visible"]),
        wrong("no id").mistakes[0],
    ]
    issues = [(each.line, each.path, each.message) for each in issues_of(mistakes, tree)]
    assert issues == [
        (1, "", "no id"),
        (3, "task.visable[0]", "no reset argument 'x'. There are: 'prompt'"),
        (3, "task.visable", "unknown key 'visable'; did you mean 'visible'? There are: 'reset', 'visible'"),
    ]


def test_without_a_file_issues_have_no_line():
    (issue,) = issues_of([unknown_key("titel", {"title", "id"})])
    assert (issue.line, issue.path) == (None, "titel")
    assert issue.message == "unknown key 'titel'; did you mean 'title'? There are: 'id', 'title'"


def test_only_the_first_unknown_names_are_compared_with_those_that_exist():
    issues = issues_of(Mistake("no column", (number,), "titel", ["title"]) for number in range(30))
    assert sum("did you mean" in each.message for each in issues) == 25
    assert len(issues) == 30
