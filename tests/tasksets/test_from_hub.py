"""Tasksets on the Hub, over HTTP and with its real client: pinned once, whole or not at all."""

import logging

import pytest
from words_repository import REPO, open_hub, words_hub
from words_taskset import ENVIRONMENT, FILES, TRAIN_IDS, YAML, ids, parquet

from openenv_tasksets.loaders.errors import (
    DeclarationError,
    HubUnavailable,
    ReferenceInvalid,
    RepositoryNotFound,
    RevisionNotFound,
    SelectionError,
    SourceError,
    SourceNotInstalled,
)
from openenv_tasksets.loaders.reference import DatasetReference
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def server():
    with words_hub(FILES) as running:
        yield running


@pytest.fixture
def hub(server):
    return open_hub(server)


class TestPin:
    def test_a_branch_is_resolved_once_and_the_pin_is_said_in_one_line(self, server, hub, caplog):
        commit = server.head(REPO)
        taskset = Taskset.from_hub(REPO, hub=hub)
        pin = f"hf://datasets/acme/words/spelling@{commit}"
        assert caplog.record_tuples == [
            ("openenv_tasksets.from_hub", logging.WARNING, f"acme/words@main is {commit}; pin it: {pin}")
        ]
        assert str(taskset.reference) == pin
        assert ids(taskset) == TRAIN_IDS
        assert ids(taskset, "test") == ["t-0"]
        resolved = [request for request in server.requests if "/revision/" in request.path]
        assert len(resolved) == 1

    def test_what_is_opened_later_is_of_the_same_commit(self, server, hub):
        taskset = Taskset.from_hub(REPO, hub=hub)
        server.commit(REPO, {"data/train-00000-of-00002.parquet": parquet("new", 9), "README.md": None})
        assert ids(taskset) == TRAIN_IDS
        assert ids(Taskset.from_hub(REPO, hub=hub))[0] == "new-0"

    def test_a_pinned_reference_makes_no_request_the_second_time_and_is_not_warned_of(self, server, hub, caplog):
        commit = server.head(REPO)
        for first in (True, False):
            taskset = Taskset.from_hub(REPO, revision=commit, hub=open_hub(server))
            assert (ids(taskset), ids(taskset, "test")) == (TRAIN_IDS, ["t-0"])
            assert bool(server.requests) is first
            server.reset_log()
        assert caplog.record_tuples == []

    def test_tags_pull_requests_branches_and_short_hashes_are_revisions(self, server, hub):
        head = server.head(REPO)
        api = server.api()
        api.create_tag(REPO, tag="v1", repo_type="dataset")
        api.create_branch(REPO, branch="feature/x", repo_type="dataset")
        server.commit(REPO, {"data/test-00000-of-00001.parquet": None})
        api.upload_file(
            repo_id=REPO, repo_type="dataset", path_or_fileobj=b"new", path_in_repo="notes.txt", create_pr=True
        )
        for reference in (f"{REPO}@v1", f"{REPO}/spelling@feature/x", f"{REPO}@feature%2Fx", f"{REPO}@{head[:7]}"):
            taskset = Taskset.from_hub(reference, hub=hub)
            assert (taskset.reference.commit_hash, list(taskset)) == (head, ["train", "test"])
        proposed = Taskset.from_hub(f"hf://datasets/{REPO}@refs/pr/1/spelling", hub=hub)
        assert list(proposed) == ["train"]

    def test_a_view_keeps_the_reference(self, hub):
        taskset = Taskset.from_hub(REPO, hub=hub)
        assert taskset.with_view(taskset["train"].take(2)).reference == taskset.reference

    def test_rows_in_memory_have_no_reference(self, make_taskset):
        assert make_taskset([{"question": "?"}], {"reset": {"prompt": "question"}}).reference is None


class TestChoice:
    def test_several_environments_are_listed_where_none_is_named(self, server, hub):
        server.commit(REPO, {"environment.yaml": (YAML + ENVIRONMENT.format(id="rhymes")).encode()})
        with pytest.raises(SelectionError, match="several environments; name one. There are: 'spelling', 'rhymes'"):
            Taskset.from_hub(REPO, hub=hub)
        for taskset in (
            Taskset.from_hub(f"{REPO}/rhymes", hub=hub),
            Taskset.from_hub(REPO, environment="rhymes", hub=hub),
        ):
            assert taskset.environment.id == taskset.reference.environment == "rhymes"
        with pytest.raises(SelectionError, match="no environment 'ryhmes'; did you mean 'rhymes'"):
            Taskset.from_hub(f"{REPO}/ryhmes", hub=hub)

    def test_a_reference_may_be_given_in_parts(self, server, hub):
        whole = DatasetReference(REPO, "spelling", "main")
        assert (
            Taskset.from_hub(whole, hub=hub).reference
            == Taskset.from_hub(REPO, environment="spelling", revision="main", hub=hub).reference
        )
        assert (
            Taskset.from_hub(whole, environment="spelling", revision="main", split="test", hub=hub).default_split
            == "test"
        )

    @pytest.mark.parametrize(
        ("beside", "message"),
        [
            ({"environment": "rhymes"}, "the environment is given twice: 'spelling' in .*, and environment='rhymes'"),
            ({"revision": "v2"}, "the revision is given twice: 'v1' in .*, and revision='v2'; leave one out"),
        ],
    )
    def test_what_is_given_twice_must_agree(self, server, hub, beside, message):
        with pytest.raises(ReferenceInvalid, match=message):
            Taskset.from_hub(f"{REPO}/spelling@v1", **beside, hub=hub)
        assert server.requests == []

    def test_token_cache_and_offline_are_taken_where_no_hub_is_given(self, server, tmp_path):
        with pytest.raises(HubUnavailable, match="acme/words@main: offline"):
            Taskset.from_hub(REPO, token=False, cache_dir=tmp_path, offline=True)

    def test_an_unknown_split_is_refused(self, hub):
        with pytest.raises(SelectionError, match="no split 'tets'; did you mean 'test'"):
            Taskset.from_hub(REPO, split="tets", hub=hub)


class TestRowsElsewhere:
    @pytest.fixture
    def elsewhere(self, server):
        """A repository that holds only a declaration; its function names the dataset."""
        server.create_repo("bob/bound")

        def declare(dataset):
            text = YAML.replace("- id: spelling", f"- id: spelling\n    dataset: {dataset}")
            return server.commit("bob/bound", {"environment.yaml": text.encode()})

        return declare

    def test_they_have_a_revision_of_their_own(self, server, hub, elsewhere, caplog):
        commit = server.head(REPO)
        own = elsewhere(f"{{repo_id: acme/words, revision: {commit}}}")
        server.commit(REPO, {"data/train-00000-of-00002.parquet": parquet("new", 9)})
        taskset = Taskset.from_hub(f"bob/bound@{own}", hub=hub)
        assert ids(taskset) == TRAIN_IDS
        assert taskset.reference.commit_hash == own
        assert caplog.record_tuples == []

    def test_a_moving_one_is_resolved_once_and_said(self, server, hub, elsewhere, caplog):
        own = elsewhere("{repo_id: acme/words}")
        taskset = Taskset.from_hub(f"bob/bound@{own}", hub=hub)
        commit = server.head(REPO)
        assert [record.getMessage() for record in caplog.records] == [
            f"acme/words@main is {commit}; pin it: dataset.revision: {commit}"
        ]
        server.commit(REPO, {"data/train-00000-of-00002.parquet": parquet("new", 9)})
        assert ids(taskset) == TRAIN_IDS

    def test_a_declaration_that_names_its_own_repository_means_its_own_commit(self, server, hub, caplog):
        text = YAML.replace("- id: spelling", "- id: spelling\n    dataset: {repo_id: acme/words}")
        commit = server.commit(REPO, {"environment.yaml": text.encode()})
        server.commit(REPO, {"data/train-00000-of-00002.parquet": parquet("new", 9)})
        assert ids(Taskset.from_hub(f"{REPO}@{commit}", hub=hub)) == TRAIN_IDS
        assert caplog.record_tuples == []

    def test_files_and_splits_may_be_named(self, hub, elsewhere):
        elsewhere("{repo_id: acme/words, data_files: {held: 'data/train-00001*'}}")
        taskset = Taskset.from_hub("bob/bound", hub=hub)
        assert (list(taskset), ids(taskset, "held")) == (["held"], ["b-0", "b-1"])

    def test_a_dataset_that_is_not_there_is_named(self, hub, elsewhere):
        elsewhere("{repo_id: acme/nothing}")
        with pytest.raises(RepositoryNotFound, match="acme/nothing: there is no such dataset repository"):
            Taskset.from_hub("bob/bound", hub=hub)
        elsewhere("{repo_id: acme/words, revision: v9}")
        with pytest.raises(RevisionNotFound, match="acme/words@v9: there is no such branch"):
            Taskset.from_hub("bob/bound", hub=hub)

    def test_rows_made_by_code_are_not_looked_for(self, hub, elsewhere):
        elsewhere("{source: gone}")
        with pytest.raises(SourceNotInstalled, match="source 'gone' is not installed"):
            Taskset.from_hub("bob/bound", hub=hub)

    def test_rows_made_by_code_are_made_here(self, hub, elsewhere, tmp_path):
        elsewhere("{source: puzzles}")
        assert list(Taskset.from_hub("bob/bound", hub=hub)) == ["train"]
        with pytest.raises(SourceError, match="its rows are made by code, so there are no files of them"):
            Taskset.from_hub("bob/bound", hub=hub, lock=tmp_path / "taskset.lock")


class TestMistakes:
    def test_a_repository_without_a_declaration_says_what_to_do(self, server, hub):
        commit = server.commit(REPO, {"environment.yaml": None})
        with pytest.raises(DeclarationError) as caught:
            Taskset.from_hub(REPO, hub=hub)
        assert str(caught.value) == (
            f"hf://datasets/acme/words@{commit[:7]}/environment.yaml: there is no such file; to bind a dataset of "
            "somebody else, `tasksets init acme/words` drafts a folder of your own with an environment.yaml whose "
            "dataset.repo_id names it"
        )

    def test_mistakes_in_it_have_their_line_and_the_commit(self, server, hub):
        commit = server.commit(
            REPO, {"environment.yaml": YAML.replace("visible: [prompt]", "visible: [promt]").encode()}
        )
        with pytest.raises(DeclarationError, match=f"^hf://datasets/acme/words@{commit[:7]}/environment.yaml:4: "):
            Taskset.from_hub(REPO, hub=hub)
        commit = server.commit(REPO, {"environment.yaml": YAML.replace("prompt: question", "prompt: qestion").encode()})
        with pytest.raises(DeclarationError, match=f"words@{commit[:7]}/environment.yaml:4: .* no column 'qestion'"):
            Taskset.from_hub(REPO, hub=hub).task("test", 0)

    def test_a_declared_split_without_files_is_refused_before_anything_is_fetched(self, server, hub):
        server.commit(
            REPO, {"environment.yaml": YAML.replace("- id: spelling", "- id: spelling\n    splits: [dev]").encode()}
        )
        with pytest.raises(DeclarationError, match="no rows for split 'dev'"):
            Taskset.from_hub(REPO, hub=hub)
        assert not any(request.origin == "cdn" for request in server.requests)

    @pytest.mark.parametrize("options", [{"private": True}, {"gated": "auto"}], ids=["private", "gated"])
    def test_private_and_gated_ones_need_a_token_that_may_read_them(self, server, options):
        server.create_repo("acme/closed", **options)
        server.commit("acme/closed", FILES)
        assert ids(Taskset.from_hub("acme/closed", hub=open_hub(server))) == TRAIN_IDS
        with pytest.raises(RepositoryNotFound, match="acme/closed.*log in with `hf auth login`, set HF_TOKEN"):
            Taskset.from_hub("acme/closed", hub=open_hub(server, token=False, cache_dir=server.home / "other"))


def test_offline_a_branch_is_what_it_was_last(server, hub):
    online = Taskset.from_hub(REPO, hub=hub)
    assert ids(online) == TRAIN_IDS
    server.reset_log()
    offline = Taskset.from_hub(REPO, hub=open_hub(server, offline=True))
    assert offline.reference == online.reference
    assert ids(offline) == TRAIN_IDS
    with pytest.raises(HubUnavailable, match="test-00000-of-00001.parquet: offline, and not in the cache"):
        offline.task("test", 0)
    assert server.requests == []


def test_a_pinned_taskset_needs_no_hub_the_second_time(server, tmp_path):
    hub = open_hub(server, cache_dir=tmp_path)
    pin = str(Taskset.from_hub(REPO, hub=hub).reference)
    ids(Taskset.from_hub(pin, hub=hub))
    server.close()
    assert ids(Taskset.from_hub(pin, hub=hub)) == TRAIN_IDS
