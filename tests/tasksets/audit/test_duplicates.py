"""The same task twice: in two splits it is a fault, in one a note, and nearly the same is counted."""

from functools import partial

from planted_quiz import ROWS, Quiz

from openenv_tasksets.audit import duplicates

check = partial(duplicates.check, scan=100)


def test_a_task_in_two_splits_is_found(check_of):
    rows = {"train": ROWS["train"], "test": [*ROWS["test"], {**ROWS["train"][2], "key": "another id"}]}
    found = check_of(check, Quiz, rows)
    assert [str(each) for each in found.findings] == [
        "the same task is in split 'train' and in split 'test' [test/3 (another id)]"
    ]


def test_a_task_twice_in_a_split_is_a_note(check_of):
    rows = {"train": [*ROWS["train"], {**ROWS["train"][2], "key": "another id"}]}
    found = check_of(check, Quiz, rows)
    assert found.status == "passed"
    assert "tasks that are exactly another one of their split: 1" in found.notes


def test_only_so_many_tasks_of_a_split_are_looked_at(check_of):
    found = check_of(partial(duplicates.check, scan=2), Quiz)
    assert found.tested == "4 of 8 tasks"
    assert check_of(partial(duplicates.check, scan=0), Quiz).status == "not tested"
