"""Differences between ids and hashes: exactly the edits, each told once."""

from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.task_diff import Renaming, TaskDiff, TaskName, compare


def name(text):
    return TaskName(*text.split("/"))


def renaming(before, after, is_changed=False):
    return Renaming(name(before), name(after), is_changed)


class TestCompare:
    def test_equal_sides_have_no_difference(self):
        tasks = {"train": {"a": b"1", "b": b"1"}, "test": {"a": b"1"}}
        assert compare(tasks, tasks) == TaskDiff()
        assert TaskDiff().is_empty

    def test_each_kind_of_difference_is_told(self):
        before = {"train": {"same": b"0", "edited": b"1", "old name": b"2", "gone": b"3"}, "test": {"away": b"4"}}
        after = {"train": {"new": b"9", "new name": b"2", "away": b"4", "edited": b"8", "same": b"0"}}
        found = compare(before, after)
        assert found == TaskDiff(
            added=(name("train/new"),),
            removed=(name("train/gone"),),
            changed=(name("train/edited"),),
            renamed=(renaming("train/old name", "train/new name"),),
            moved=(renaming("test/away", "train/away"),),
        )
        assert not found.is_empty

    def test_a_task_that_moves_and_changes_is_one_move(self):
        found = compare({"train": {"a": b"1"}, "test": {}}, {"train": {}, "test": {"a": b"2"}})
        assert found == TaskDiff(moved=(renaming("train/a", "test/a", is_changed=True),))
        assert str(found.moved[0]) == "train: a -> test: a (changed)"

    def test_a_task_under_another_id_in_another_split_is_renamed(self):
        found = compare({"train": {"a": b"1"}}, {"test": {"b": b"1"}})
        assert found == TaskDiff(renamed=(renaming("train/a", "test/b"),))

    def test_the_same_split_comes_first_and_copies_are_matched_once(self):
        before = {"train": {"a": b"1", "b": b"1", "c": b"1"}}
        after = {"test": {"x": b"1"}, "train": {"y": b"1"}}
        assert compare(before, after) == TaskDiff(
            removed=(name("train/c"),), renamed=(renaming("train/a", "train/y"), renaming("train/b", "test/x"))
        )

    def test_an_id_that_two_splits_share_is_not_a_move(self):
        before = {"train": {"1": b"1"}, "test": {"1": b"2"}}
        assert compare(before, {"train": {"1": b"1"}}) == TaskDiff(removed=(name("test/1"),))


IDS = [f"t{number}" for number in range(12)]


@given(
    st.lists(st.tuples(st.sampled_from(["train", "test"]), st.sampled_from(IDS)), unique_by=lambda pair: pair[1]),
    st.data(),
)
def test_random_edits_are_found_exactly(places, data):
    """Every task has content of its own; each suffers at most one edit."""
    before = {"train": {}, "test": {}}
    after = {"train": {}, "test": {}}
    expected = {"added": set(), "removed": set(), "changed": set(), "renamed": set(), "moved": set()}
    for number, (split, task_id) in enumerate(places):
        before[split][task_id] = b"old %d" % number
    for number, (split, task_id) in enumerate(places):
        other = {"train": "test", "test": "train"}[split]
        edit = data.draw(st.sampled_from(["keep", *expected]))
        if edit in ("keep", "added"):
            after[split][task_id] = b"old %d" % number
        if edit == "added":
            after[split][f"new {task_id}"] = b"new %d" % number
            expected[edit].add(TaskName(split, f"new {task_id}"))
        if edit == "removed":
            expected[edit].add(TaskName(split, task_id))
        if edit == "changed":
            after[split][task_id] = b"new %d" % number
            expected[edit].add(TaskName(split, task_id))
        if edit == "renamed":
            after[split][f"other {task_id}"] = b"old %d" % number
            expected[edit].add(Renaming(TaskName(split, task_id), TaskName(split, f"other {task_id}")))
        if edit == "moved":
            is_changed = data.draw(st.booleans())
            after[other][task_id] = b"new %d" % number if is_changed else b"old %d" % number
            expected[edit].add(Renaming(TaskName(split, task_id), TaskName(other, task_id), is_changed))
    for split in after:
        items = list(after[split].items())
        data.draw(st.randoms(use_true_random=False)).shuffle(items)
        after[split] = dict(items)
    found = compare(before, after)
    for kind, tasks in expected.items():
        assert set(getattr(found, kind)) == tasks
        assert len(getattr(found, kind)) == len(tasks)
