"""Parts of a file by range requests: the bytes asked for, of the file that the Hub lists, or an error."""

import re
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_hub import LoopbackHub
from small_server import small_server

from openenv_tasksets.loaders.errors import SourceChanged
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.hub_failure import FAILURES
from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.hub_range import HubRange

REPO = "acme/words"
CONTENT = bytes(n * n % 251 for n in range(3000))
FILES = {"é large.parquet": CONTENT, "small.txt": b"0123456789"}


@pytest.fixture(scope="module")
def server():
    with LoopbackHub() as running:
        running.create_repo(REPO)
        running.commit(REPO, FILES)
        yield running


def ranges_of(server, path):
    hub = Hub(server.endpoint, server.token, server.cache_dir, timeout_s=60.0)
    commit = server.head(REPO)
    (listed,) = [file for file in hub.files(REPO, commit) if file.path == path]
    return hub.ranges(REPO, commit, listed)


class TestFromTheHub:
    @pytest.mark.parametrize("path", FILES)
    @given(bounds=st.data())
    @settings(max_examples=40, deadline=None)
    def test_any_part_is_that_part_of_the_file(self, server, path, bounds):
        content = FILES[path]
        start = bounds.draw(st.integers(0, len(content) - 1))
        end = bounds.draw(st.integers(start + 1, len(content)))
        assert ranges_of(server, path).read(start, end) == content[start:end]

    def test_the_address_that_it_redirects_to_is_asked_for_once_and_without_the_token(self, server):
        ranges = ranges_of(server, "é large.parquet")
        server.reset_log()

        assert ranges.read(0, 10) + ranges.read(10, 20) == CONTENT[:20]

        sent = [(request.origin, request.authorized, request.range) for request in server.requests]
        assert sent == [("api", True, "bytes=0-9"), ("cdn", False, "bytes=0-9"), ("cdn", False, "bytes=10-19")]

    def test_a_file_within_the_hub_is_asked_for_with_the_token(self, server):
        ranges = ranges_of(server, "small.txt")
        server.reset_log()

        assert ranges.read(2, 5) == b"234"
        assert {(request.origin, request.authorized) for request in server.requests} == {("api", True)}

    def test_an_answer_that_comes_a_few_bytes_at_a_time_is_given_up(self, server):
        hub = Hub(server.endpoint, server.token, server.cache_dir, timeout_s=0.5)
        (listed,) = [file for file in hub.files(REPO, server.head(REPO)) if file.size == len(CONTENT)]
        server.fail("drip", every=True, matching=lambda request: request.origin == "cdn")
        with pytest.raises(FAILURES):
            hub.ranges(REPO, server.head(REPO), listed).read(0, len(CONTENT))
        server.heal()


class Far:
    """A server that answers as ``answer(path)`` says: status, headers, body."""

    def __init__(self, stack):
        self.asked = []
        self.answer = lambda path: part()
        self.url = stack.enter_context(small_server(self._answer))

    def _answer(self, request):
        self.asked.append((request.path, request.headers["Range"], request.headers.get("Authorization")))
        return self.answer(request.path)


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def far(stack):
    return Far(stack)


@pytest.fixture
def other(stack):
    return Far(stack)


START, END = 4, 8
FILE = HubFile("a.bin", 10, "0" * 40, "1" * 64)
ETAG = {"ETag": '"one"'}


def part(body=b"4567", span="bytes 4-7/10", **headers):
    return 206, {"Content-Range": span, **ETAG, **headers}, body


def read(far, times=1):
    ranges = HubRange(f"{far.url}/a.bin", FILE, lambda: {"Authorization": "Bearer secret"}, 60.0)
    return [ranges.read(START, END) for _ in range(times)]


class TestAnswers:
    """What a Hub, a proxy or another host behind it may answer."""

    @pytest.mark.parametrize(
        "answer",
        [
            part(),
            part(span="bytes 4-7/*"),
            part(**{"X-Linked-ETag": f'"{"1" * 64}"', "X-Linked-Size": 10}),
            part(**{"X-Linked-ETag": f'W/"{"1" * 64}"'}),
            (200, ETAG, b"0123456789"),
            (200, {**ETAG, "Content-Length": None}, b"0123456789"),
        ],
        ids=str,
    )
    def test_the_bytes_are_taken_from_a_part_and_from_the_whole(self, far, answer):
        far.answer = lambda path: answer
        assert read(far, 2) == [b"4567"] * 2
        assert far.asked == [("/a.bin", "bytes=4-7", "Bearer secret")] * 2

    @pytest.mark.parametrize(
        "answer",
        [
            part(span="bytes 4-7/11"),
            part(**{"X-Linked-ETag": '"2"'}),
            part(**{"X-Linked-Size": 11}),
            (200, ETAG, b"01234567890"),
            (302, {"Location": "/b.bin", "X-Linked-ETag": '"2"'}, b""),
        ],
        ids=str,
    )
    def test_those_of_another_file_are_refused(self, far, answer):
        far.answer = lambda path: answer
        with pytest.raises(SourceChanged) as caught:
            read(far)
        assert str(caught.value) == (
            "a.bin: the Hub sends another file than the one that it lists for the commit; open the taskset again"
        )

    def test_one_file_has_one_etag_at_each_host(self, far):
        answers = iter([part(), part(ETag='"two"')])
        far.answer = lambda path: next(answers)
        with pytest.raises(SourceChanged):
            read(far, 2)

    def test_a_weak_etag_tells_nothing(self, far):
        answers = iter([part(ETag='W/"one"'), part(ETag='W/"two"')])
        far.answer = lambda path: next(answers)
        assert read(far, 2) == [b"4567"] * 2

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (part(span="bytes 3-6/10"), "the bytes 3-6 where 4-7 were asked for"),
            (part(**{"Content-Range": None}), "the bytes of no range where 4-7 were asked for"),
            (part(b"456"), "3 bytes where 4 were asked for"),
            (part(b"45678"), "5 bytes where 4 were asked for"),
            ((200, {**ETAG, "Content-Length": None}, b"012345"), "2 bytes where 4 were"),
            ((302, {"Location": "/a.bin"}, b""), "it redirects without end"),
        ],
        ids=str,
    )
    def test_what_may_pass_is_an_error_that_says_what_came(self, far, answer, message):
        far.answer = lambda path: answer
        with pytest.raises(ConnectionError, match=re.escape(message)):
            read(far)

    @pytest.mark.parametrize("status", [403, 404, 416, 429, 500])
    def test_a_refusal_is_a_failure_of_the_hubs_library(self, far, status):
        far.answer = lambda path: (status, {}, b"no")
        with pytest.raises(FAILURES, match=str(status)):
            read(far)


class TestAddresses:
    """A signed address on another host is good for a while."""

    def test_a_relative_redirect_stays_at_the_hub(self, far):
        far.answer = lambda path: part() if path == "/b/c.bin" else (307, {"Location": "/b/c.bin"}, b"")
        assert read(far, 2) == [b"4567"] * 2
        assert [path for path, _, _ in far.asked] == ["/a.bin", "/b/c.bin"] * 2
        assert {token for _, _, token in far.asked} == {"Bearer secret"}

    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    def test_one_that_is_over_is_asked_for_anew(self, far, other, status):
        signed = iter(["/old", "/new"])
        far.answer = lambda path: (302, {"Location": f"{other.url}{next(signed)}"}, b"")
        answers = iter([part(), (status, {}, b"over"), part()])
        other.answer = lambda path: next(answers)

        assert read(far, 2) == [b"4567"] * 2

        assert [path for path, _, _ in other.asked] == ["/old", "/old", "/new"]
        assert len(far.asked) == 2
        assert {token for _, _, token in other.asked} == {None}

    def test_one_that_is_over_is_not_asked_again(self, far, other):
        answers = iter([(302, {"Location": f"{other.url}/old"}, b""), part(), part()])
        far.answer = lambda path: next(answers)
        over = iter([part(), (410, {}, b"over")])
        other.answer = lambda path: next(over)

        assert read(far, 3) == [b"4567"] * 3
        assert len(other.asked) == 2

    def test_one_that_is_over_at_once_is_an_error(self, far, other):
        far.answer = lambda path: (302, {"Location": f"{other.url}/signed"}, b"")
        other.answer = lambda path: (403, {}, b"over")
        with pytest.raises(FAILURES, match="403"):
            read(far)

    def test_one_whose_answer_breaks_off_is_still_good(self, far, other):
        far.answer = lambda path: (302, {"Location": f"{other.url}/signed"}, b"")
        answers = iter([part(), part(b"45"), part()])
        other.answer = lambda path: next(answers)
        ranges = HubRange(f"{far.url}/a.bin", FILE, dict, 60.0)

        assert ranges.read(START, END) == b"4567"
        with pytest.raises(ConnectionError):
            ranges.read(START, END)
        assert ranges.read(START, END) == b"4567"
        assert len(far.asked) == 1
