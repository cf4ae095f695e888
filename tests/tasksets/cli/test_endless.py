"""The command on a split without end: the example of one."""

import json
from pathlib import Path

import pytest

import tasksets_examples

FOLDER = Path(tasksets_examples.__file__).with_name("endless")
POLICY = "tasksets_examples.reasoning.policy:answer"


def test_it_is_said_to_be_endless(tasksets):
    result = tasksets("validate", FOLDER, "--rows", 3)
    assert (result.code, result.err) == (0, "ok\n")
    assert "endless, split train (train): endless tasks, 3 bound\n" in result.out
    assert "endless, split test (test): 240 tasks, 3 bound\n" in result.out
    assert (
        "split 'train' has no end: only its first 100 rows were bound"
        in tasksets("validate", FOLDER, "--rows", "all").err
    )


def test_any_part_of_it_is_shown(tasksets):
    result = tasksets("show", FOLDER, "--offset", 10**12, "--limit", 2, "--json")
    assert result.err == "2 of endless tasks of split 'train' of endless\n"
    assert [json.loads(line)["id"] for line in result.out.splitlines()] == [
        "train-1000000000000",
        "train-1000000000001",
    ]


def test_so_many_of_it_are_played(tasksets):
    result = tasksets("run", FOLDER, "--policy", POLICY, "--offset", 6, "--limit", 3, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["total"]["scored"] == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--policy", POLICY), "the split has no end; say with --limit how many tasks to play"),
        (("--policy", POLICY, "--limit", 1, "--shuffle", 1), "has no end, so no length"),
        (("--policy", POLICY, "--limit", 1, "--where", "family=gcd"), "have no end, so they cannot be filtered"),
    ],
)
def test_all_of_it_is_refused(tasksets, options, said):
    result = tasksets("run", FOLDER, *options)
    assert result.code == 1
    assert said in result.err
