"""A taskset against its lock: refused where it drifted, and told what of it did."""

import pytest
from loopback_hub import LoopbackHub
from sample_taskset import ENVIRONMENT, FILES, parquet, row, shards, write_files

from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.lock import RuntimePin, make_lock, read_lock, read_tasks, write_lock
from openenv_tasksets.lock_check import LockDrift, check_lock, refuse_drift
from openenv_tasksets.open_inventory import open_inventory
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path / "words", FILES)


@pytest.fixture
def path(tmp_path, folder):
    """A lock of the folder."""
    path = tmp_path / "taskset.lock"
    write_lock(path, *make_lock(open_inventory(folder)))
    return path


@pytest.fixture
def drifts(folder, path):
    """``drifts()``: what is not as locked now, as text."""

    def check(deep=False):
        lock = read_lock(path)
        return [
            str(drift) for drift in check_lock(open_inventory(folder), lock, read_tasks(path, lock) if deep else None)
        ]

    return check


def edit(folder, old, new):
    text = (folder / "environment.yaml").read_text()
    assert old in text
    (folder / "environment.yaml").write_text(text.replace(old, new))


def test_what_did_not_change_is_as_locked(drifts, folder, path):
    assert drifts() == drifts(deep=True) == []
    refuse_drift(open_inventory(folder), path, deep=True)
    edit(folder, "spec_version", "# a comment\nspec_version")
    (folder / "README.md").write_text("# Words")
    assert drifts() == []


def test_files_are_told_by_name(drifts, folder):
    data = folder / "data"
    (data / "train-00000-of-00002.parquet").write_bytes(parquet([row("k1"), row("k2", "other")]))
    (data / "train-00001-of-00002.parquet").rename(data / "train-00009-of-00002.parquet")
    found = drifts()
    assert found[0].startswith("file train: data/train-00000-of-00002.parquet: 1,")
    assert ", sha256 " in found[0]
    assert found[1:] == [
        "file train: data/train-00001-of-00002.parquet: removed",
        "file train: data/train-00009-of-00002.parquet: added",
    ]


def test_other_names_for_the_same_files_in_the_same_order_are_no_drift_but_another_order_is(drifts, folder):
    data = folder / "data"
    first, second = data / "train-00000-of-00002.parquet", data / "train-00001-of-00002.parquet"
    second.rename(data / "train-00007-of-00002.parquet")
    assert drifts() == []
    (data / "train-00007-of-00002.parquet").rename(data / "swap")
    first.rename(second)
    (data / "swap").rename(first)
    assert [drift.split(":")[0] for drift in drifts()] == ["file train", "file train"]


def test_splits_that_came_or_went_are_told(drifts, folder):
    (folder / "data/test-00000-of-00001.parquet").rename(folder / "data/dev-00000-of-00001.parquet")
    assert drifts(deep=True) == ["split test: removed", "split dev: added"]


def test_the_binding_is_told_field_by_field_without_hidden_constants(drifts, folder):
    edit(folder, "prompt: question", "prompt: {template: 'Q: {question}'}")
    edit(folder, "4711", "1234")
    edit(folder, "[prompt]", "[prompt, answer]")
    edit(folder, "      gold:", "      group: topic\n      gold:")
    found = drifts()
    assert found == [
        'binding task.group: absent -> "topic"',
        "binding task.reset.bonus.value: changed; its value is hidden",
        'binding task.reset.prompt.column: "question" -> absent',
        'binding task.reset.prompt.template: absent -> "Q: {question}"',
        'binding task.visible: ["prompt"] -> ["prompt","answer"]',
    ]


def test_another_environment_is_told(drifts, folder):
    edit(folder, "id: spelling", "id: rhymes")
    assert drifts() == ["environment id: spelling -> rhymes"]


def test_the_runtime_is_told(drifts, folder, path):
    edit(folder, "checker: exact", "checker: number")
    assert drifts() == ["runtime arguments: changed; their values are not shown"]
    path.write_text(path.read_text().replace('"version": "0', '"version": "9'))
    assert drifts()[0].startswith("runtime openenv-tasksets (installed version): 9")
    edit(folder, "package: openenv-tasksets, environment: answer, arguments: {checker: number}", "space_id: acme/env")
    assert drifts() == [
        "runtime package: openenv-tasksets -> absent",
        "runtime environment: answer -> absent",
        "runtime space_id: absent -> acme/env",
        "runtime arguments: changed; their values are not shown",
    ]


def test_the_version_of_a_package_that_is_not_installed_is_not_compared(drifts, folder, path):
    installed = read_lock(path).runtime
    assert installed != RuntimePin(package="openenv-tasksets")
    path.write_text(path.read_text().replace(f'"version": "{installed.version}"', '"version": null'))
    assert drifts() == []


def test_tasks_are_told_on_request_one_by_one(drifts, folder):
    write_files(folder, shards("train", [[row("k1"), row("k2", "other")], [row("k5"), row("new", "secret k3")]]))
    write_files(folder, shards("test", [[row("k6", "secret k4")]]))
    assert all(drift.startswith("file ") for drift in drifts())
    found = drifts(deep=True)
    assert found[3:] == [
        "rows train: 3 -> 4",
        "task train: k5: added",
        "task train: k2: changed",
        "task train: k3: renamed -> train: new",
        "task test: k4: renamed -> test: k6",
    ]
    assert "secret" not in "".join(found)


def test_the_error_names_at_most_twenty_and_has_all(folder, path):
    write_files(folder, shards("train", [[row(f"k{number}") for number in range(100, 130)], [row("k3")]]))
    with pytest.raises(LockDrift) as caught:
        refuse_drift(open_inventory(folder), path, deep=True)
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        f"{path}: 34 things are not as locked; open the locked commit, or write a new lock with `tasksets lock`"
    )
    assert len(lines) == 22
    assert lines[-1] == "  and 14 more"
    assert len(caught.value.drifts) == 34
    assert caught.value.lock == path


class TestHub:
    @pytest.fixture
    def server(self):
        with LoopbackHub() as running:
            running.create_repo("acme/words")
            running.commit("acme/words", FILES)
            yield running

    @pytest.fixture
    def hub(self, server):
        return Hub(server.endpoint, token=server.token, cache_dir=server.cache_dir, wait=lambda seconds: None)

    @pytest.fixture
    def path(self, tmp_path, hub):
        write_lock(tmp_path / "taskset.lock", *make_lock(open_inventory("acme/words", hub=hub)))
        return tmp_path / "taskset.lock"

    def test_another_commit_is_refused_and_its_changes_named_without_fetching_rows(self, server, hub, path, folder):
        first = server.head("acme/words")
        second = server.commit("acme/words", {"data/test-00000-of-00001.parquet": parquet([row("k4", "new")])})
        server.reset_log()
        with pytest.raises(LockDrift) as caught:
            refuse_drift(open_inventory("acme/words", hub=hub), path)
        found = str(caught.value).splitlines()[1:]
        spelling = "hf://datasets/acme/words/spelling@"
        assert found[0] == f"  commit of the declaration: {spelling}{first} -> {spelling}{second}"
        assert found[1].startswith("  file test: data/test-00000-of-00001.parquet: ")
        assert len(found) == 2
        assert not any(".parquet" in request.path for request in server.requests)
        refuse_drift(open_inventory(f"acme/words@{first}", hub=hub), path, deep=True)

    def test_a_lock_of_the_hub_holds_for_a_copy_of_the_files_and_the_other_way_round(self, hub, path, folder, tmp_path):
        refuse_drift(open_inventory(folder), path, deep=True)
        write_lock(tmp_path / "local.lock", *make_lock(open_inventory(folder)))
        refuse_drift(open_inventory("acme/words", hub=hub), tmp_path / "local.lock", deep=True)

    def test_another_commit_of_the_rows_is_told(self, server, hub, path, tmp_path):
        bound = ENVIRONMENT.replace("    task:", "    dataset: {repo_id: acme/words}\n    task:")
        elsewhere = write_files(tmp_path / "elsewhere", {"environment.yaml": bound.encode()})
        write_lock(path, *make_lock(open_inventory(elsewhere, hub=hub)))
        first, second = server.head("acme/words"), server.commit("acme/words", {"README.md": b"# Words\n"})
        assert [str(drift) for drift in check_lock(open_inventory(elsewhere, hub=hub), read_lock(path))] == [
            f"commit of the rows: hf://datasets/acme/words@{first} -> hf://datasets/acme/words@{second}"
        ]

    def test_from_hub_opens_only_what_the_lock_says(self, server, hub, path):
        assert Taskset.from_hub("acme/words", hub=hub, lock=path).num_tasks("train") == 3
        server.commit("acme/words", {"README.md": b"# Words\n"})
        with pytest.raises(LockDrift, match="commit"):
            Taskset.from_hub("acme/words", hub=hub, lock=path)


def test_from_path_opens_only_what_the_lock_says(folder, path):
    assert Taskset.from_path(folder, lock=path).num_tasks("train") == 3
    write_files(folder, shards("test", [[row("k5")]]))
    with pytest.raises(LockDrift, match="test"):
        Taskset.from_path(folder, lock=path)
