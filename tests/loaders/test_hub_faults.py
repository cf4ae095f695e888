"""The Hub fails, hangs up or answers oddly: the file as it should be, or an error that says what to do."""

import hashlib
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
from small_server import small_server
from whole_cache import assert_cache_is_whole
from words_repository import FILES, LARGE, REPO, UNKNOWN, open_hub, words_hub

from openenv_tasksets.loaders.errors import HubUnavailable
from openenv_tasksets.loaders.hub import Hub


@pytest.fixture
def server():
    with words_hub() as running:
        yield running


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
