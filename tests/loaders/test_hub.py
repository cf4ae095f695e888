"""The Hub through its real client: commits, files, and bytes that are what their hash says."""

import hashlib
from pathlib import Path

import pytest
from whole_cache import assert_cache_is_whole
from words_repository import FILES, LARGE, REPO, UNKNOWN, flipped, open_hub, words_hub

from openenv_tasksets.loaders.errors import (
    HubUnavailable,
    ReferenceInvalid,
    RevisionNotFound,
    SourceError,
)


@pytest.fixture
def server():
    with words_hub() as running:
        yield running


def paths(server):
    return [request.path.partition("?")[0] for request in server.requests]


def corrupt(server, path, content):
    """Let the server send other bytes of the same length, with all else as it was."""
    blob = server._store.repositories["dataset", REPO].resolve("main").files[path]
    object.__setattr__(blob, "content", content)


class TestResolve:
    def test_branches_tags_pull_requests_and_short_hashes_take_one_request(self, server):
        head = server.head(REPO)
        api = server.api()
        api.create_tag(REPO, tag="v1.0", repo_type="dataset")
        api.create_branch(REPO, branch="feature/x", repo_type="dataset")
        api.upload_file(repo_id=REPO, repo_type="dataset", path_or_fileobj=b"x", path_in_repo="new", create_pr=True)
        assert server.head(REPO, "refs/pr/1") != head
        hub = open_hub(server)
        for revision in (None, "main", "v1.0", "feature/x", head[:7], "refs/pr/1"):
            server.reset_log()
            assert hub.resolve(REPO, revision) == server.head(REPO, revision or "main")
            assert len(server.requests) == 1

    def test_a_whole_commit_hash_takes_none(self, server):
        assert open_hub(server).resolve(REPO, UNKNOWN) == UNKNOWN
        assert server.requests == []

    def test_an_unknown_revision_is_told_the_near_ones(self, server):
        server.api().create_branch(REPO, branch="develop", repo_type="dataset")
        with pytest.raises(RevisionNotFound) as caught:
            open_hub(server).resolve(REPO, "develp")
        assert str(caught.value) == (
            "acme/words@develp: there is no such branch, tag, pull request or commit; "
            "did you mean 'develop'? There are: 'develop', 'main'"
        )

    def test_it_is_not_found_also_where_the_branches_cannot_be_listed(self, server):
        server.fail("500", every=True, matching=lambda request: "/refs" in request.path)
        with pytest.raises(RevisionNotFound, match="no such branch, tag, pull request or commit$"):
            open_hub(server).resolve(REPO, "develp")

    def test_names_that_the_hub_cannot_have_are_refused_without_a_request(self, server):
        with pytest.raises(ReferenceInvalid, match="'words' is not the name of a dataset repository"):
            open_hub(server).resolve("words", "main")
        with pytest.raises(ReferenceInvalid, match="is not the name of a branch"):
            open_hub(server).resolve(REPO, "../../x")
        assert server.requests == []


class TestFiles:
    def test_every_file_is_listed_with_its_size_and_hash(self, server):
        files = {file.path: file for file in open_hub(server).files(REPO, server.head(REPO))}
        assert {path: file.size for path, file in files.items() if path != ".gitattributes"} == {
            path: len(content) for path, content in FILES.items()
        }
        assert files[LARGE].digest == files[LARGE].sha256 == hashlib.sha256(FILES[LARGE]).hexdigest()
        assert files["README.md"].sha256 is None
        assert files["README.md"].digest == hashlib.sha1(b"blob 8\0# Words\n").hexdigest()

    def test_long_lists_are_asked_for_page_by_page_from_the_endpoint_only(self, server):
        commit = server.commit(REPO, {f"rows/{number:04}.txt": b"" for number in range(2500)})
        server.reset_log()
        listed = [file.path for file in open_hub(server).files(REPO, commit)]
        assert [path for path in listed if path.startswith("rows/")] == [f"rows/{n:04}.txt" for n in range(2500)]
        assert len(server.requests) == 3

    def test_a_commit_is_listed_once(self, server):
        commit = server.head(REPO)
        first = open_hub(server).files(REPO, commit)
        server.reset_log()
        assert open_hub(server).files(REPO, commit) == first
        assert server.requests == []

    def test_a_damaged_list_is_asked_for_again(self, server):
        commit = server.head(REPO)
        first = open_hub(server).files(REPO, commit)
        (kept,) = server.cache_dir.glob(f"**/{commit}.json")
        kept.write_bytes(kept.read_bytes()[:40])
        assert open_hub(server).files(REPO, commit) == first

    def test_a_commit_that_does_not_exist(self, server):
        with pytest.raises(RevisionNotFound, match="the files of acme/words@fffffff: there is no such"):
            open_hub(server).files(REPO, UNKNOWN)


class TestDownload:
    @pytest.mark.parametrize("path", list(FILES))
    def test_a_file_arrives_in_the_hubs_own_cache_and_is_asked_for_once(self, server, path):
        commit = server.head(REPO)
        local = open_hub(server).download(REPO, commit, path)
        assert local.read_bytes() == FILES[path]
        assert local == server.cache_dir / "datasets--acme--words" / "snapshots" / commit / path
        server.reset_log()
        assert open_hub(server).download(REPO, commit, path) == local
        assert server.requests == []

    def test_what_the_hubs_library_has_fetched_is_used(self, server):
        commit = server.head(REPO)
        server.api().hf_hub_download(REPO, LARGE, repo_type="dataset", revision=commit, cache_dir=server.cache_dir)
        server.reset_log()
        open_hub(server).download(REPO, commit, LARGE)
        assert paths(server) == [f"/api/datasets/{REPO}/tree/{commit}"]

    def test_the_hubs_library_finds_its_cache_in_order(self, server):
        from huggingface_hub import scan_cache_dir

        hub = open_hub(server)
        hub.download(REPO, hub.resolve(REPO, "main"), LARGE)
        report = scan_cache_dir(server.cache_dir)
        assert report.warnings == []
        (repository,) = report.repos
        assert (repository.repo_id, list(repository.refs)) == (REPO, ["main"])

    def test_a_path_that_is_not_there_is_told_the_near_ones(self, server):
        with pytest.raises(SourceError, match=r"acme/words@\w{7} has no file 'READM.md'; did you mean 'README.md'\?"):
            open_hub(server).download(REPO, server.head(REPO), "READM.md")

    def test_many_files_arrive_side_by_side(self, server):
        commit = server.commit(REPO, {f"rows/{n}.parquet": bytes([n]) * 1000 for n in range(20)})
        wanted = [f"rows/{n}.parquet" for n in range(20)]
        folder = open_hub(server).download_many(REPO, commit, [*wanted, wanted[0]])
        assert [(folder / path).read_bytes()[0] for path in wanted] == list(range(20))
        assert_cache_is_whole(server, server.cache_dir)

    def test_a_cache_that_cannot_be_written_is_named(self, server, tmp_path):
        (tmp_path / "datasets--acme--words").write_text("in the way")
        with pytest.raises(SourceError, match="README.md: the cache cannot hold it: .*(EEXIST|ENOTDIR)"):
            open_hub(server, cache_dir=tmp_path).download(REPO, server.head(REPO), "README.md")


class TestContent:
    @pytest.mark.parametrize("path", [LARGE, "README.md"])
    def test_one_flipped_byte_is_never_kept(self, server, path):
        commit = server.head(REPO)
        corrupt(server, path, flipped(FILES[path]))
        with pytest.raises(HubUnavailable, match=f"{path}: twice http.* sent bytes whose hash is not [0-9a-f]+; "):
            open_hub(server).download(REPO, commit, path)
        assert list(server.cache_dir.glob("*/blobs/*")) == []
        corrupt(server, path, FILES[path])
        assert open_hub(server).download(REPO, commit, path).read_bytes() == FILES[path]
        assert_cache_is_whole(server, server.cache_dir)

    def test_a_byte_flipped_once_is_fetched_again(self, server):
        commit = server.head(REPO)
        corrupt(server, LARGE, flipped(FILES[LARGE]))
        seen = []

        def repair_after_the_first(request):
            if request.origin == "cdn":
                seen.append(request)
                if len(seen) == 2:
                    corrupt(server, LARGE, FILES[LARGE])
            return False

        server.fail("500", matching=repair_after_the_first)
        assert open_hub(server).download(REPO, commit, LARGE).read_bytes() == FILES[LARGE]
        assert len(seen) == 2

    def test_a_file_that_went_bad_in_the_cache_is_replaced(self, server):
        commit = server.head(REPO)
        local = open_hub(server).download(REPO, commit, LARGE)
        local.write_bytes(flipped(FILES[LARGE]))
        assert open_hub(server).download(REPO, commit, LARGE).read_bytes() == FILES[LARGE]

    def test_what_another_program_fetched_wrongly_is_replaced(self, server):
        commit = server.head(REPO)
        corrupt(server, LARGE, flipped(FILES[LARGE]))
        options = {"repo_type": "dataset", "revision": commit, "cache_dir": server.cache_dir}
        assert Path(server.api().hf_hub_download(REPO, LARGE, **options)).read_bytes() == flipped(FILES[LARGE])
        corrupt(server, LARGE, FILES[LARGE])
        assert open_hub(server).download(REPO, commit, LARGE).read_bytes() == FILES[LARGE]
