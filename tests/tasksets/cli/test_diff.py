"""``tasksets diff``: the tasks that differ, for people and for programs."""

import json

import pytest
from sample_taskset import ENVIRONMENT, row, shards, write_files


@pytest.fixture
def folders(tmp_path):
    """Two states of a taskset, between which every kind of difference is."""
    states = {
        "a": {"train": [[row("same"), row("edited"), row("old"), row("gone")]], "test": [[row("away"), row("stays")]]},
        "b": {
            "train": [[row("same"), row("edited", "a secret"), row("new", "secret old"), row("away")], [row("fresh")]],
            "test": [[row("stays")]],
        },
    }
    paths = []
    for place, splits in states.items():
        files = {"environment.yaml": ENVIRONMENT.encode()}
        for split, each in splits.items():
            files |= shards(split, each)
        paths.append(write_files(tmp_path / place, files))
    return paths


def test_each_kind_is_counted_and_listed(tasksets, folders):
    result = tasksets("diff", *folders)
    assert result.code == 5
    assert result.out.splitlines() == [
        "added: 1",
        "  train: fresh",
        "removed: 1",
        "  train: gone",
        "changed: 1",
        "  train: edited",
        "renamed: 1",
        "  train: old -> train: new",
        "moved: 1",
        "  test: away -> train: away",
    ]
    assert "secret" not in result.out + result.err


def test_what_is_equal_is_said_and_is_no_error(tasksets, folders):
    result = tasksets("diff", folders[0], folders[0])
    assert (result.code, result.out, result.err) == (0, "", "no task differs\n")


def test_json_has_every_task(tasksets, folders):
    result = tasksets("diff", *folders, "--json")
    assert result.code == 5
    assert json.loads(result.out) == {
        "equal": False,
        "counts": {"added": 1, "removed": 1, "changed": 1, "renamed": 1, "moved": 1},
        "added": [{"split": "train", "id": "fresh"}],
        "removed": [{"split": "train", "id": "gone"}],
        "changed": [{"split": "train", "id": "edited"}],
        "renamed": [
            {
                "before": {"split": "train", "id": "old"},
                "after": {"split": "train", "id": "new"},
                "is_changed": False,
            }
        ],
        "moved": [
            {
                "before": {"split": "test", "id": "away"},
                "after": {"split": "train", "id": "away"},
                "is_changed": False,
            }
        ],
    }
    equal = tasksets("diff", folders[0], folders[0], "--json")
    assert equal.code == 0
    assert json.loads(equal.out)["equal"] is True


def test_twenty_are_listed_and_the_rest_is_counted(tasksets, folders):
    write_files(folders[1], shards("test", [[row(f"k{number}") for number in range(25)]]))
    result = tasksets("diff", *folders, "--split", "test")
    assert result.out.splitlines()[:2] == ["added: 25", "  test: k0"]
    assert result.out.splitlines()[20:22] == ["  test: k19", "  … and 5 more; --json lists them all"]
    assert len(json.loads(tasksets("diff", *folders, "--split", "test", "--json").out)["added"]) == 25


def test_one_split_may_be_compared_and_an_unknown_one_is_an_error(tasksets, folders):
    assert tasksets("diff", *folders, "--split", "test").out.splitlines() == ["removed: 1", "  test: away"]
    result = tasksets("diff", *folders, "--split", "tset")
    assert result.code == 1
    assert "no split 'tset' on either side; did you mean 'test'" in result.err


def test_a_lock_may_take_the_place_of_a_folder(tasksets, folders, tmp_path):
    lock = tmp_path / "taskset.lock"
    assert tasksets("lock", folders[0], "-o", lock).code == 0
    assert tasksets("diff", lock, folders[1]).out == tasksets("diff", *folders).out
    assert tasksets("diff", lock, folders[0], "--environment", "spelling").code == 0
    lock.write_text("{}")
    result = tasksets("diff", lock, folders[0])
    assert result.code == 1
    assert "is of version None" in result.err


def test_an_id_cannot_steer_the_terminal(tasksets, folders):
    write_files(folders[1], shards("test", [[row("stays"), row("away"), row("\x1b[2Jx")]]))
    result = tasksets("diff", *folders, "--split", "test")
    assert result.out == "added: 1\n  test: [2Jx\n"
