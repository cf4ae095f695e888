"""What a push changes: only what differs, the card around its author's words, and nothing of others."""

import json

import pytest
from loopback_hub import LoopbackHub
from pushing import (
    FILE,
    REPO,
    TEST,
    TRAIN,
    actions,
    do_push,
    front,
    in_memory,
    make_folder,
    open_hub,
    parquet,
    sums,
    tasks,
    uploads,
)

from openenv_tasksets.loaders.errors import (
    DeclarationError,
    SourceError,
)
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def hub(server):
    return open_hub(server)


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "sums")


class TestAgain:
    def test_a_second_push_changes_nothing_and_says_so(self, server, hub):
        first = do_push(in_memory(), hub)
        before = server.snapshot()
        server.reset_log()
        again = do_push(in_memory(), hub)
        assert not again.changed
        assert again.commit_hash == first.commit_hash
        assert set(actions(again).values()) == {"same"}
        assert server.snapshot() == before
        assert {request.method for request in server.requests} <= {"GET", "HEAD"}
        assert len(server.requests) <= 5

    def test_only_the_split_that_changed_is_uploaded(self, server, hub):
        do_push(in_memory({"train": sums(30), "test": sums(5)}), hub)
        server.reset_log()
        result = do_push(in_memory({"train": sums(30), "test": sums(6)}), hub)
        assert actions(result) == {"README.md": "change", TEST: "change", TRAIN: "same", "environment.yaml": "same"}
        [upload] = uploads(server)
        assert upload.bytes_in == len(server.files(REPO)[TEST])

    def test_a_taskset_from_the_hub_pushed_back_or_elsewhere_keeps_its_files(self, server, hub):
        server.create_repo("acme/other")
        mine = parquet(sums(9))
        server.commit(
            "acme/other",
            {"environment.yaml": FILE.encode(), "train/x.parquet": mine, "test/x.parquet": parquet(sums(2))},
        )
        taskset = Taskset.from_hub("acme/other", hub=hub)
        back = do_push(taskset, hub, "acme/other")
        kept = ("environment.yaml", "train/x.parquet", "test/x.parquet")
        assert actions(back) == {"README.md": "add", **dict.fromkeys(kept, "same")}
        assert not uploads(server)
        assert tasks(Taskset.from_hub("acme/other", hub=hub)) == tasks(taskset)
        do_push(taskset, hub)
        assert server.files(REPO)[TRAIN] == mine
        assert tasks(Taskset.from_hub(REPO, hub=hub), "test") == tasks(taskset, "test")

    def test_old_files_of_a_split_go_and_files_of_others_stay(self, server, hub):
        server.create_repo(REPO)
        others = {"data/notes-train.txt": b"x", "data/extra-00000-of-00001.parquet": parquet(sums(1)), "train.py": b""}
        ours = {f"data/train-0000{number}-of-00002.parquet": parquet(sums(2)) for number in range(2)}
        server.commit(REPO, {**others, **ours})
        result = do_push(in_memory({"train": sums(3)}), hub)
        assert {path for path, action in actions(result).items() if action == "delete"} == ours.keys()
        files = server.files(REPO)
        assert not ours.keys() & files.keys()
        assert {path: files[path] for path in others} == others

    def test_a_split_that_is_not_pushed_stays_in_the_card(self, server, hub):
        server.create_repo(REPO)
        server.commit(
            REPO,
            {
                "data/train-00000-of-00001.parquet": parquet(sums(2)),
                "data/extra-00000-of-00001.parquet": parquet(sums(1)),
            },
        )
        do_push(in_memory({"train": sums(3)}), hub)
        [config] = front(server)["configs"]
        assert {"split": "extra", "path": "data/extra-00000-of-00001.parquet"} in config["data_files"]
        assert "dataset_info" not in front(server)
        assert list(Taskset.from_hub(REPO, hub=hub)) == ["train", "extra"]


class TestElsewhere:
    @pytest.fixture
    def source(self, server):
        server.create_repo("other/words")
        return server.commit("other/words", {"train.jsonl": json.dumps(sums(1)[0]).encode()})

    def declared(self, tmp_path, revision):
        text = FILE.replace("splits: [train, test]   # in this order", f"dataset: {{repo_id: other/words{revision}}}")
        (tmp_path / "environment.yaml").write_text(text)
        return tmp_path

    def test_rows_that_live_elsewhere_stay_there(self, server, hub, source, tmp_path):
        taskset = Taskset.from_path(self.declared(tmp_path, f", revision: '{source}'"), hub=hub)
        result = do_push(taskset, hub)
        assert actions(result) == {"README.md": "add", "environment.yaml": "add"}
        assert "configs" not in front(server)
        assert tasks(Taskset.from_hub(REPO, hub=hub)) == tasks(taskset)

    @pytest.mark.parametrize(
        ("revision", "what"), [(", revision: main", "'main' can move"), ("", "without a revision")]
    )
    def test_a_revision_that_moves_is_refused_with_the_pin_to_write(
        self, server, hub, source, tmp_path, revision, what
    ):
        taskset = Taskset.from_path(self.declared(tmp_path, revision), hub=hub)
        with pytest.raises(DeclarationError) as caught:
            do_push(taskset, hub)
        assert f"environment.yaml:6: environments[0].dataset.revision: {what}" in caught.value.message
        assert caught.value.message.endswith(f"write the commit: revision: {source}")
        assert f"datasets/{REPO}" not in server.snapshot()


class TestCard:
    def test_a_new_card_has_title_tags_configs_sizes_and_a_summary(self, server, hub):
        do_push(in_memory(title="Small sums"), hub)
        text = server.files(REPO)["README.md"].decode()
        assert front(server) == {
            "tags": ["rl-environment", "openenv"],
            "configs": [
                {
                    "config_name": "default",
                    "data_files": [
                        {"split": "train", "path": "data/train-*-of-00001.parquet"},
                        {"split": "test", "path": "data/test-*-of-00001.parquet"},
                    ],
                }
            ],
            "dataset_info": front(server)["dataset_info"],
        }
        info = front(server)["dataset_info"]
        assert [(split["name"], split["num_examples"]) for split in info["splits"]] == [("train", 30), ("test", 5)]
        assert info["download_size"] == sum(len(server.files(REPO)[path]) for path in (TRAIN, TEST))
        assert "# Small sums\n" in text
        assert "| sums | train | 30 |" in text
        assert "In sums an agent sees `prompt`; hidden from it: `answer`." in text

    def test_what_others_wrote_on_the_hub_survives(self, server, hub):
        server.create_repo(REPO)
        old = "---\n# mine\nlicense: mit  # chosen\ntags: [math]\nlanguage: en\n---\n# My words\n\nBy hand.\n"
        server.commit(REPO, {"README.md": old.encode()})
        do_push(in_memory(), hub)
        do_push(in_memory({"train": sums(31)}), hub)
        text = server.files(REPO)["README.md"].decode()
        assert "# mine\nlicense: mit  # chosen\n" in text
        assert front(server)["tags"] == ["math", "rl-environment", "openenv"]
        assert front(server)["language"] == "en"
        assert text.count("# My words\n\nBy hand.\n") == 1
        assert text.count("## Tasks") == 1
        assert "| sums | train | 31 |" in text

    def test_the_card_beside_the_declaration_goes_first_and_takes_over_what_it_lacks(self, server, hub, folder):
        server.create_repo(REPO)
        server.commit(REPO, {"README.md": b"---\nlicense: mit\ntags: [math]\n---\nOld words.\n"})
        (folder / "README.md").write_text("---\npretty_name: Sums\ntags: [sums]\n---\nNew words.\n")
        result = do_push(Taskset.from_path(folder), hub)
        assert result.notes == ("README.md: its text on the Hub gives way to that of the file beside environment.yaml",)
        assert front(server)["license"] == "mit"
        assert front(server)["tags"] == ["sums", "math", "rl-environment", "openenv"]
        text = server.files(REPO)["README.md"].decode()
        assert "New words." in text
        assert "Old words." not in text
        again = do_push(Taskset.from_path(folder), hub)
        assert (again.changed, again.notes) == (False, ())

    def test_a_copy_of_a_taskset_keeps_the_licence_of_its_source(self, server, hub):
        server.create_repo("acme/other")
        server.commit(
            "acme/other",
            {
                "environment.yaml": FILE.encode(),
                "README.md": b"---\nlicense: apache-2.0\n---\nWords.\n",
                "train.parquet": parquet(sums(3)),
                "test.parquet": parquet(sums(2)),
            },
        )
        do_push(Taskset.from_hub("acme/other", hub=hub), hub)
        assert front(server)["license"] == "apache-2.0"

    def test_a_link_does_not_publish_the_user_s_other_files(self, server, hub, folder, tmp_path):
        (tmp_path / "private.txt").write_text("private")
        (folder / "taskset.lock").symlink_to(tmp_path / "private.txt")
        do_push(Taskset.from_path(folder), hub)
        assert not [path for path, content in server.files(REPO).items() if content == b"private"]
        (folder / "README.md").symlink_to(tmp_path / "private.txt")
        with pytest.raises(SourceError, match="README.md: is a link that leads outside the folder"):
            do_push(Taskset.from_path(folder), hub)

    def test_a_card_that_the_hub_refuses_is_an_error_before_anything_is_uploaded(self, server, hub, folder):
        server.create_repo(REPO)
        before = server.snapshot()
        (folder / "README.md").write_text("---\nlicense: no such licence\n---\n")
        with pytest.raises(SourceError, match=r"acme/sums: Invalid metadata in README.md(.|\n)*license"):
            do_push(Taskset.from_path(folder), hub)
        assert server.snapshot() == before
        assert not uploads(server)

    def test_files_in_the_way_of_reading_back_are_found_before_anything_is_pushed(self, server, hub):
        server.create_repo(REPO)
        server.commit(REPO, {"data/train-x-of-00001.parquet": parquet(sums(1))})
        before = server.snapshot()
        with pytest.raises(
            SourceError, match="split 'train' would be read from .* other files of acme/sums are in the way"
        ):
            do_push(in_memory({"train": sums(2)}), hub)
        assert server.snapshot() == before
