"""The Hub through its real client: commits, files, and bytes that are what their hash says, whatever goes wrong."""

import hashlib
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub
from small_server import small_server
from whole_cache import assert_cache_is_whole

from openenv_tasksets.loaders.errors import (
    HubUnavailable,
    ReferenceInvalid,
    RepositoryNotFound,
    RevisionNotFound,
    SourceError,
)
from openenv_tasksets.loaders.hub import Hub

REPO = "acme/words"
LARGE = "data/train.parquet"
FILES = {"README.md": b"# Words\n", "notes/a.txt": b"", LARGE: bytes(range(256)) * 40}
UNKNOWN = "f" * 40


@pytest.fixture
def server():
    with LoopbackHub() as running:
        running.create_repo(REPO)
        running.commit(REPO, FILES)
        yield running


def open_hub(server, **options):
    """A hub that never waits; ``waits`` are the seconds that it would have waited."""
    options = {"token": server.token, "cache_dir": server.cache_dir, "wait": lambda seconds: None, **options}
    return Hub(server.endpoint, **options)


def paths(server):
    return [request.path.partition("?")[0] for request in server.requests]


def corrupt(server, path, content):
    """Let the server send other bytes of the same length, with all else as it was."""
    blob = server._store.repositories["dataset", REPO].resolve("main").files[path]
    object.__setattr__(blob, "content", content)


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1])


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


class TestAccess:
    @pytest.fixture(autouse=True)
    def other_repositories(self, server):
        for name, options in {"private": {"private": True}, "gated": {"gated": "manual"}}.items():
            server.create_repo(f"acme/{name}", **options)
            server.commit(f"acme/{name}", FILES)

    @pytest.mark.parametrize("name", ["private", "gated"])
    def test_with_a_token_that_may_read_them_they_are_read(self, server, name):
        hub = open_hub(server)
        commit = hub.resolve(f"acme/{name}")
        assert hub.download(f"acme/{name}", commit, LARGE).read_bytes() == FILES[LARGE]

    def test_a_private_repository_without_a_token_says_how_to_log_in(self, server):
        with pytest.raises(RepositoryNotFound) as caught:
            open_hub(server, token=False).resolve("acme/private")
        assert str(caught.value) == (
            f"acme/private: there is no such dataset repository at {server.endpoint}, or it is private and nobody is "
            "logged in: log in with `hf auth login`, set HF_TOKEN, or give token="
        )

    def test_a_token_that_may_not_read_it_is_said_to_be_the_reason(self, server):
        stranger = server.add_token("mallory")
        with pytest.raises(RepositoryNotFound, match="or it is private and the token given may not read it$"):
            open_hub(server, token=stranger).resolve("acme/private")
        with pytest.raises(RepositoryNotFound, match="acme/nothing: there is no such dataset repository"):
            open_hub(server).resolve("acme/nothing")

    def test_a_token_that_nobody_has_is_refused_as_one_without_rights(self, server):
        with pytest.raises(RepositoryNotFound, match="the token given may not read it") as caught:
            open_hub(server, token="hf_forged").resolve(REPO)
        assert "hf_forged" not in str(caught.value)

    def test_a_gated_repository_says_where_to_ask(self, server):
        commit = server.head("acme/gated")
        asked = f"acme/gated is gated: ask for access at {server.endpoint}/datasets/acme/gated"
        with pytest.raises(RepositoryNotFound) as caught:
            open_hub(server, token=False).download("acme/gated", commit, LARGE)
        assert str(caught.value) == f"{asked}, and log in with `hf auth login`, set HF_TOKEN, or give token="
        with pytest.raises(RepositoryNotFound) as caught:
            open_hub(server, token=server.add_token("mallory")).download("acme/gated", commit, LARGE)
        assert str(caught.value) == asked

    def test_the_token_goes_to_the_endpoint_and_nowhere_else(self, server):
        hub = open_hub(server)
        hub.download_many(REPO, hub.resolve(REPO), list(FILES))
        assert {request.origin: request.authorized for request in server.requests} == {"api": True, "cdn": False}
        assert server.token not in repr(hub)

    def test_token_false_sends_none(self, server):
        hub = open_hub(server, token=False)
        hub.download_many(REPO, hub.resolve(REPO), list(FILES))
        assert not any(request.authorized for request in server.requests)


class TestOffline:
    def test_what_was_fetched_is_read_without_a_request(self, server):
        online = open_hub(server)
        commit = online.resolve(REPO, "main")
        online.download(REPO, commit, LARGE)
        server.reset_log()
        offline = open_hub(server, offline=True)
        assert offline.resolve(REPO) == commit
        assert offline.download(REPO, commit, LARGE).read_bytes() == FILES[LARGE]
        assert server.requests == []
        assert "offline" in repr(offline)

    def test_what_was_not_is_refused_without_a_request(self, server):
        offline = open_hub(server, offline=True)
        with pytest.raises(HubUnavailable, match="acme/words@main: offline, and what commit 'main' is was never asked"):
            offline.resolve(REPO, "main")
        commit = server.head(REPO)
        with pytest.raises(HubUnavailable, match=r"the files of acme/words@\w{7}: offline, and not in the cache"):
            offline.files(REPO, commit)
        open_hub(server).files(REPO, commit)
        server.reset_log()
        with pytest.raises(HubUnavailable, match=r"train.parquet: offline, and not in the cache; open it once online"):
            offline.download(REPO, commit, LARGE)
        assert server.requests == []

    def test_a_file_that_went_bad_is_not_given_out(self, server):
        commit = server.head(REPO)
        local = open_hub(server).download(REPO, commit, LARGE)
        local.write_bytes(flipped(FILES[LARGE]))
        with pytest.raises(HubUnavailable, match="offline, and not in the cache"):
            open_hub(server, offline=True).download(REPO, commit, LARGE)


SCRIPT = """
import sys
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.loaders.hub import Hub
hub = Hub()
try:
    print(hub.download("acme/private", hub.resolve("acme/private"), "README.md"), end="")
except TasksetError as exc:
    sys.exit(f"{type(exc).__name__}: {exc}")
"""


def run(server, **changes):
    environment = server.environment(**changes)
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_endpoint_home_token_and_offline_are_taken_from_the_hubs_own_variables(server):
    server.create_repo("acme/private", private=True)
    commit = server.commit("acme/private", FILES)
    assert "HubUnavailable: acme/private@main: offline" in run(server, HF_HUB_OFFLINE="1").stderr
    assert "nobody is logged in" in run(server, HF_TOKEN="").stderr
    expected = str(server.home / f"hub/datasets--acme--private/snapshots/{commit}/README.md")
    assert run(server).stdout == expected
    server.reset_log()
    assert run(server, HF_HUB_OFFLINE="1", HF_TOKEN="").stdout == expected
    assert server.requests == []


INTERRUPTED = """
import signal, sys
from openenv_tasksets.loaders.hub import Hub
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
hub = Hub()
try:
    hub.download("acme/words", sys.argv[1], "data/large.parquet")
except KeyboardInterrupt:
    sys.exit("interrupted")
"""


def test_an_interrupt_stops_the_file_that_is_arriving(server):
    commit = server.commit(REPO, {"data/large.parquet": bytes(64 << 20)})
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, commit], env=server.environment(), stderr=subprocess.PIPE, text=True
    ) as process:

        def interrupt(request):
            if request.origin == "cdn":
                process.send_signal(signal.SIGINT)
            return False

        server.fail("500", matching=interrupt)
        _, err = process.communicate(timeout=60)
    assert err.strip() == "interrupted"
    assert list(server.cache_dir.glob("*/blobs/*")) == []


class TestPassingFaults:
    @pytest.mark.parametrize("how", ["500", "reset", "lost-answer", "429"])
    def test_a_file_is_asked_for_again(self, server, how):
        server.fail(how, matching=lambda request: request.origin == "cdn")
        hub = open_hub(server)
        assert hub.download(REPO, server.head(REPO), LARGE).read_bytes() == FILES[LARGE]
        assert server.fired == 1
        assert_cache_is_whole(server, server.cache_dir)

    @pytest.mark.parametrize("how", ["429", "500", "reset", "cut", "lost-answer"])
    def test_so_is_a_commit_and_a_page_of_files(self, server, how):
        hub = open_hub(server)
        server.fail(how)
        commit = hub.resolve(REPO)
        server.fail(how)
        assert len(hub.files(REPO, commit)) == 4
        assert server.fired == 2

    def test_the_waits_grow_and_end(self, server):
        waits = []
        server.fail("500", every=True)
        with pytest.raises(HubUnavailable) as caught:
            open_hub(server, wait=waits.append).resolve(REPO)
        assert waits == [0.5, 1.0, 2.0]
        assert str(caught.value) == (
            f"acme/words@main: {server.endpoint} gives no usable answer: 500 Internal Server Error; try again later"
        )

    def test_a_hub_that_is_not_there_is_named(self, server):
        hub = open_hub(server)
        server.close()
        with pytest.raises(HubUnavailable, match=r"gives no usable answer: ConnectError: .*refused; try again later"):
            hub.resolve(REPO)

    def test_a_file_that_cannot_be_had_leaves_nothing_and_a_second_try_works(self, server):
        server.fail("500", every=True, matching=lambda request: request.origin == "cdn")
        with pytest.raises(HubUnavailable, match="train.parquet: .* no usable answer: 500 Internal Server Error"):
            open_hub(server).download(REPO, server.head(REPO), LARGE)
        assert list(server.cache_dir.glob("*/blobs/*")) == []
        server.heal()
        assert open_hub(server).download(REPO, server.head(REPO), LARGE).read_bytes() == FILES[LARGE]

    def test_of_many_files_one_that_fails_is_the_error_and_the_others_are_kept(self, server):
        commit = server.commit(REPO, {f"rows/{n}.parquet": bytes([n]) * 1000 for n in range(12)})
        wanted = [f"rows/{n}.parquet" for n in range(12)]
        lost = hashlib.sha256(bytes([3]) * 1000).hexdigest()
        server.fail("500", every=True, matching=lambda request: lost in request.path)
        with pytest.raises(HubUnavailable, match="rows/3.parquet: .*500"):
            open_hub(server).download_many(REPO, commit, wanted)
        server.heal()
        server.reset_log()
        open_hub(server).download_many(REPO, commit, wanted)
        assert 0 < sum(request.origin == "cdn" for request in server.requests) < 12
        assert_cache_is_whole(server, server.cache_dir)


@pytest.fixture
def scripted():
    """``scripted(answers)``: a server that gives these answers, (status, headers, body), one after the other."""
    with ExitStack() as stack:

        def start(answers):
            def answer(request):
                asked.append(request.path)
                return answers.pop(0)

            asked = []
            return stack.enter_context(small_server(answer)), asked

        yield start


class TestUnusualAnswers:
    def test_the_wait_that_the_hub_asks_for_is_kept(self, scripted, tmp_path):
        waits = []
        endpoint, asked = scripted([(429, {"Retry-After": 7}, b"{}"), (200, {}, b'{"sha": "%s"}' % (b"a" * 40))])
        assert Hub(endpoint, False, tmp_path, wait=waits.append).resolve(REPO) == "a" * 40
        assert (waits, len(asked)) == ([7], 2)

    def test_a_wait_of_more_than_a_minute_is_left_to_the_user(self, scripted, tmp_path):
        waits = []
        endpoint, _ = scripted([(429, {"Retry-After": 3600}, b"{}")])
        with pytest.raises(HubUnavailable, match=r"takes no more requests for now \(429\); try again in 3600 seconds"):
            Hub(endpoint, False, tmp_path, wait=waits.append).resolve(REPO)
        assert waits == []

    @pytest.mark.parametrize("body", [b"<html>Log in to the network</html>", b'{"sha": "../../x"}', b"[]", b""])
    def test_what_is_not_the_hubs_is_said_to_be_not(self, scripted, tmp_path, body):
        endpoint, asked = scripted([(200, {}, body)] * 4)
        with pytest.raises(HubUnavailable, match="gives no usable answer: what it sends is not the Hub's"):
            Hub(endpoint, False, tmp_path, wait=lambda seconds: None).resolve(REPO)
        assert len(asked) == 4

    def test_a_link_to_another_host_is_followed_on_the_endpoint(self, scripted, tmp_path):
        other, asked_elsewhere = scripted([])
        page = b'[{"type": "file", "path": "%s", "size": 1, "oid": "' + b"b" * 40 + b'"}]'
        link = {"Link": f'<{other}/api/datasets/{REPO}/tree/main?recursive=true&cursor=c%2B1>; rel="next"'}
        endpoint, asked = scripted([(200, link, page % b"a"), (200, {}, page % b"b")])
        files = Hub(endpoint, "hf_secret", tmp_path).files(REPO, UNKNOWN)
        assert [file.path for file in files] == ["a", "b"]
        assert asked == [
            f"/api/datasets/{REPO}/tree/{UNKNOWN}?recursive=true",
            f"/api/datasets/{REPO}/tree/{UNKNOWN}?recursive=true&cursor=c%2B1",
        ]
        assert asked_elsewhere == []
