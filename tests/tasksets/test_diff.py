"""Differences between two states of a taskset: exactly the edits, without reading what is the same."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_hub import LoopbackHub
from sample_taskset import ENVIRONMENT, WITHOUT_IDS, row, shards, write_files

from openenv_tasksets.diff import LockedTasks, diff, open_source
from openenv_tasksets.loaders.errors import RowError, SelectionError, SplitNotFound
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.lock import LockInvalid, make_lock, write_lock
from openenv_tasksets.open_inventory import open_inventory
from openenv_tasksets.task_diff import Renaming, TaskDiff, TaskName, compare

REPO = "acme/words"


def name(text):
    return TaskName(*text.split("/"))


def renaming(before, after, is_changed=False):
    return Renaming(name(before), name(after), is_changed)


@pytest.fixture
def folder(tmp_path):
    """``folder("a", {"train": [[row, …], …]})``: a folder with a Parquet file for each list."""

    def make(place, splits, environment=ENVIRONMENT):
        files = {"environment.yaml": environment.encode()}
        for split, each in splits.items():
            files |= shards(split, each)
        return write_files(tmp_path / place, files)

    return make


def diff_of(before, after, split=None):
    return diff(open_source(before), open_source(after), split)


POOL = [[row("a1"), row("a2")], [row("b1")], [row("c1"), row("c2"), row("c3")], [row("d1")]]
EDITED = [[row("a1", "x"), row("a2")], [row("b2", "secret b1")], [row("c3"), row("c1")], []]
FILES = st.permutations(range(4)).flatmap(
    lambda order: st.tuples(*(st.sampled_from([[POOL[n]], [POOL[n]], [EDITED[n]], []]) for n in order))
)


@settings(max_examples=50, deadline=None)
@given(FILES, FILES, st.booleans())
def test_leaving_out_shared_files_does_not_change_the_result(tmp_path_factory, old, new, has_ids):
    """Whatever files both sides have, in whatever order: as if every row had been read."""
    environment = ENVIRONMENT if has_ids else WITHOUT_IDS
    root = tmp_path_factory.mktemp("diff")
    sources = []
    for place, choices in (("old", old), ("new", new)):
        files = [file for choice in choices for file in choice] or [[]]
        write_files(root / place, {"environment.yaml": environment.encode(), **shards("train", files)})
        sources.append(open_inventory(root / place))
    assert diff(*sources) == compare(*({"train": source.read_split("train")} for source in sources))


class TestFolders:
    def test_edits_are_found_whatever_the_files_are_called(self, folder):
        first = folder("a", {"train": [[row("k1"), row("k2")], [row("k3"), row("k4")]], "test": [[row("k5")]]})
        second = folder(
            "b", {"train": [[row("k3"), row("k4", "new")], [row("k1"), row("k2")], [row("k6")]], "test": [[]]}
        )
        assert diff_of(first, second) == TaskDiff(
            added=(name("train/k6"),), removed=(name("test/k5"),), changed=(name("train/k4"),)
        )
        assert diff_of(first, first).is_empty
        assert diff_of(first, second, "test") == TaskDiff(removed=(name("test/k5"),))

    def test_another_key_with_the_same_content_is_a_renaming(self, folder):
        """The key is a public value too: as the id, it is no part of the content."""
        first = folder("a", {"train": [[row("k1", "x")]]})
        second = folder("b", {"train": [[row("k2", "x")]]})
        assert diff_of(first, second) == TaskDiff(renamed=(renaming("train/k1", "train/k2"),))

    def test_ids_made_of_rows_shift_with_the_rows(self, folder):
        first = folder("a", {"train": [[row("a"), row("b")], [row("c")]]}, WITHOUT_IDS)
        inserted = folder("b", {"train": [[row("new"), row("a"), row("b")], [row("c")]]}, WITHOUT_IDS)
        assert diff_of(first, inserted) == TaskDiff(
            added=(name("train/train-3"),),
            changed=tuple(name(f"train/train-{number}") for number in range(3)),
        )

    def test_a_column_that_nothing_binds_does_not_matter(self, folder):
        first = folder("a", {"train": [[row("k1")]]})
        second = folder("b", {"train": [[{**row("k1"), "notes": "others"}]]})
        assert diff_of(first, second).is_empty

    def test_another_binding_makes_the_same_files_other_tasks(self, folder):
        rows = {"train": [[row("k1")], [row("k2")]]}
        first = folder("first", rows)
        for number, (old, new) in enumerate(
            [("visible: [prompt]", "visible: [prompt, answer]"), ("4711", "4712"), ("[key, topic]", "[key]")]
        ):
            second = folder(f"edited {number}", rows, ENVIRONMENT.replace(old, new))
            assert diff_of(first, second).changed == (name("train/k1"), name("train/k2"))
        limits = ENVIRONMENT.replace("      gold:", "      limits: {max_steps: 3}\n      gold:")
        assert diff_of(first, folder("limits", rows, limits)).is_empty

    def test_json_rows_depend_on_all_files_of_their_split(self, tmp_path):
        """Of two JSON files one is the same; what it lacks is null where another file has it."""
        environment = ENVIRONMENT.replace("{prompt: question, answer: answer, bonus: {value: 4711}}", "all")
        environment = environment.replace("visible: [prompt]\n", "visible: [question]\n")
        same = json.dumps(row("k1")).encode()
        paths = []
        for place, more in (("a", {}), ("b", {"hint": "h"})):
            files = {"train/1.jsonl": same, "train/2.jsonl": json.dumps({**row("k2"), **more}).encode()}
            paths.append(write_files(tmp_path / place, {"environment.yaml": environment.encode(), **files}))
        assert diff_of(*paths).changed == (name("train/k1"), name("train/k2"))

    def test_an_id_that_is_there_twice_is_an_error_with_its_place(self, folder):
        first = folder("a", {"train": [[row("k1")]]})
        second = folder("b", {"train": [[row("k2"), row("k2", "secret")]]})
        with pytest.raises(RowError, match=r"data/train-00000-of-00001.parquet, row 1 .*'k2' is also the id") as caught:
            diff_of(first, second)
        assert "secret" not in str(caught.value)

    def test_an_unknown_split_is_refused_with_the_nearest(self, folder):
        first = folder("a", {"train": [[row("k1")]]})
        second = folder("b", {"train": [[row("k1")]], "test": [[row("k2")]]})
        with pytest.raises(SplitNotFound, match="no split 'tets' on either side; did you mean 'test'"):
            diff_of(first, second, "tets")
        assert diff_of(first, second, "test").added == (name("test/k2"),)


class TestLocks:
    @pytest.fixture
    def locked(self, folder, tmp_path):
        def make(place, splits, environment=ENVIRONMENT):
            path = tmp_path / f"{place}.lock"
            write_lock(path, *make_lock(open_inventory(folder(place, splits, environment))))
            return path

        return make

    @pytest.mark.parametrize("environment", [ENVIRONMENT, WITHOUT_IDS])
    def test_a_lock_stands_for_the_folder_that_it_is_of(self, folder, locked, environment):
        old = {"train": [[row("k1"), row("k2")], [row("k3")], [row("k4")]], "test": [[row("k5")]]}
        new = {"train": [[row("k1"), row("k2")], [row("k3", "x")], [row("k4")], [row("k6")]], "test": [[row("k7")]]}
        lock, other_lock = locked("a", old, environment), locked("b", new, environment)
        first, second = lock.with_suffix(""), other_lock.with_suffix("")
        expected = diff_of(first, second)
        assert not expected.is_empty
        for before in (first, lock):
            for after in (second, other_lock):
                assert diff_of(before, after) == expected
        assert diff_of(first, lock).is_empty

    def test_a_lock_has_one_environment(self, locked):
        lock = locked("a", {"train": [[row("k1")]]})
        assert isinstance(open_source(str(lock), environment="Spelling"), LockedTasks)
        with pytest.raises(SelectionError, match="is a lock of environment 'spelling', not of 'rhymes'"):
            open_source(lock, environment="rhymes")

    def test_a_lock_that_is_missing_is_not_looked_for_on_the_hub(self):
        with pytest.raises(LockInvalid, match="words/taskset.lock: there is no such file"):
            open_source("words/taskset.lock")


class TestHub:
    @pytest.fixture
    def server(self):
        """A Hub with one empty repository."""
        with LoopbackHub() as running:
            running.create_repo(REPO)
            yield running

    @pytest.fixture
    def hub(self, server):
        return Hub(server.endpoint, token=server.token, cache_dir=server.cache_dir, wait=lambda seconds: None)

    def fetched(self, server):
        """Row files that were asked for, each with how many times."""
        paths = (request.path for request in server.requests if request.origin == "api" and "/resolve/" in request.path)
        return Counter(path.split("/")[-1] for path in paths if ".parquet" in path)

    def received(self, server):
        """Bytes of row files that were sent."""
        return sum(request.bytes_out for request in server.requests if request.origin == "cdn")

    def commits(self, server, environment=ENVIRONMENT):
        """Two commits of 16 files: one is edited, one is removed, one is added."""
        files = [[row(f"{number}-{place}") for place in range(3)] for number in range(16)]
        first = server.commit(REPO, {"environment.yaml": environment.encode(), **shards("train", files)})
        edited = shards("train", [*files[:3], [*files[3][:2], row("3-2", "edited")], *files[4:]])
        changes = {path: content for path, content in edited.items() if "00003-of" in path}
        changes["data/train-00015-of-00016.parquet"] = None
        changes["data/train-00099-of-00016.parquet"] = shards("x", [[row("99-0")]])["data/x-00000-of-00001.parquet"]
        return first, server.commit(REPO, changes)

    def test_only_files_that_differ_are_fetched(self, server, hub):
        first, second = self.commits(server)
        sides = [open_source(f"{REPO}@{commit}", hub=hub) for commit in (first, second)]
        assert not self.fetched(server)
        found = diff(*sides)
        assert found == TaskDiff(
            added=(name("train/99-0"),),
            removed=tuple(name(f"train/15-{place}") for place in range(3)),
            changed=(name("train/3-2"),),
        )
        assert self.fetched(server).keys() == {
            "train-00003-of-00016.parquet",
            "train-00015-of-00016.parquet",
            "train-00099-of-00016.parquet",
        }
        old, new = (server.files(REPO, commit) for commit in (first, second))
        changed = [files[path] for files in (old, new) for path in files if old.get(path) != new.get(path)]
        assert self.received(server) == sum(len(content) for content in changed if content.startswith(b"PAR1"))

    def test_a_lock_of_another_commit_fetches_only_what_is_new(self, server, hub, tmp_path):
        first, second = self.commits(server)
        write_lock(tmp_path / "first.lock", *make_lock(open_inventory(f"{REPO}@{first}", hub=hub)))
        server.reset_log()
        write_lock(tmp_path / "second.lock", *make_lock(open_inventory(f"{REPO}@{second}", hub=hub)))
        old, new = (server.files(REPO, commit) for commit in (first, second))
        assert self.received(server) == sum(len(content) for path, content in new.items() if old.get(path) != content)
        server.reset_log()
        found = diff(open_source(tmp_path / "first.lock"), open_source(tmp_path / "second.lock"))
        assert (len(found.added), len(found.removed), len(found.changed)) == (1, 3, 1)
        assert server.requests == []

    def test_commits_with_equal_rows_fetch_none(self, server, hub):
        _, second = self.commits(server)
        server.commit(REPO, {"README.md": b"# Words\n"})
        assert diff(*(open_source(f"{REPO}@{revision}", hub=hub) for revision in (second, "main"))).is_empty
        assert not self.fetched(server)

    def test_against_a_folder_or_a_lock_only_what_is_new_on_the_hub_is_fetched(self, server, hub, folder, tmp_path):
        self.commits(server)
        files = [[row(f"{number}-{place}") for place in range(3)] for number in range(16)]
        local = folder("local", {"train": files})
        write_lock(tmp_path / "local.lock", *make_lock(open_inventory(local)))
        found = [diff(open_source(each), open_source(REPO, hub=hub)) for each in (local, tmp_path / "local.lock")]
        assert found[0] == found[1]
        assert found[0].changed == (name("train/3-2"),)
        assert self.fetched(server).keys() == {"train-00003-of-00016.parquet", "train-00099-of-00016.parquet"}

    def test_ids_made_of_rows_leave_out_the_common_beginning(self, server, hub, folder, tmp_path):
        """How many rows it has is told by the side that is near."""
        self.commits(server, WITHOUT_IDS)
        files = [[row(f"{number}-{place}") for place in range(3)] for number in range(16)]
        local = folder("local", {"train": files}, WITHOUT_IDS)
        found = diff(open_source(local), open_source(REPO, hub=hub))
        assert found.changed == (name("train/train-11"), name("train/train-45"))
        assert found.removed == (name("train/train-46"), name("train/train-47"))
        assert not {f"train-0000{number}-of-00016.parquet" for number in range(3)} & self.fetched(server).keys()

    def test_files_that_git_itself_holds_are_compared_by_its_hash(self, server, hub, tmp_path):
        lines = "".join(json.dumps(row(f"k{number}")) + "\n" for number in range(3)).encode()
        files = {"environment.yaml": ENVIRONMENT.encode(), "train.jsonl": lines}
        server.commit(REPO, files)
        listed = open_source(REPO, hub=hub).units("train")[0][0]
        assert (listed.sha256, len(listed.git_sha1)) == (None, 40)
        local = write_files(tmp_path / "local", files)
        write_lock(tmp_path / "local.lock", *make_lock(open_inventory(local)))
        server.reset_log()
        for side in (local, tmp_path / "local.lock"):
            assert diff(open_source(side), open_source(REPO, hub=hub)).is_empty
        assert not any("train.jsonl" in request.path for request in server.requests)
