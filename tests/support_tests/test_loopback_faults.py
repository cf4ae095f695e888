"""Every fault fires where it is told to, and nowhere else."""

import importlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd
from huggingface_hub.utils import build_hf_headers, get_session
from loopback_hub import FAULT_KINDS, LoopbackHub

REPO = "acme/words"
SMALL = b"0123456789"

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def transport():
    """The HTTP library of the installed client, for its errors."""
    return importlib.import_module(type(get_session()).__module__.partition(".")[0])


@pytest.fixture
def api(hub):
    hub.create_repo(REPO)
    hub.commit(REPO, {"small.txt": SMALL})
    return hub.api()


def raw(hub, **options):
    return get_session().get(f"{hub.endpoint}/datasets/{REPO}/raw/main/small.txt", **options)


def make_branch(hub, timeout_s=60):
    """A request with an effect."""
    return get_session().post(
        f"{hub.endpoint}/api/datasets/{REPO}/branch/dev",
        json={},
        headers=build_hf_headers(token=hub.token),
        timeout=timeout_s,
    )


def has_branch(hub):
    return "refs/heads/dev" in hub.snapshot()[f"datasets/{REPO}"]["references"]


@pytest.mark.parametrize("how", ["429", "500"])
def test_a_status_is_answered_and_nothing_is_done(hub, api, how):
    hub.fail(how)
    answer = make_branch(hub)
    assert answer.status_code == int(how)
    assert answer.headers.get("Retry-After") == ("0" if how == "429" else None)
    assert (hub.fired, has_branch(hub)) == (1, False)


@pytest.mark.parametrize(
    ("how", "error", "done"),
    [
        ("reset", "ReadError", False),
        ("stall", "ReadTimeout", False),
        ("cut", "RemoteProtocolError", True),
        ("lost-answer", "ReadError", True),
    ],
)
def test_an_answer_that_never_comes_whole_is_an_error_with_or_without_the_effect(hub, api, how, error, done):
    hub.fail(how)
    with pytest.raises(getattr(transport(), error)):
        make_branch(hub, 1 if how == "stall" else 60)
    assert (hub.fired, has_branch(hub)) == (1, done)
    assert hub.requests[-1].fault == how


def test_a_cut_body_is_announced_whole_and_sent_half(hub, api):
    hub.fail("cut")
    with get_session().stream("GET", f"{hub.endpoint}/datasets/{REPO}/raw/main/small.txt") as answer:
        assert answer.headers["Content-Length"] == "10"
        pieces = answer.iter_bytes()
        assert next(pieces) == SMALL[:5]
        with pytest.raises(transport().RemoteProtocolError):
            next(pieces)
    assert hub.requests[-1].bytes_out == 5


def test_an_answer_without_a_body_is_cut_in_its_head(hub, api):
    hub.fail("cut")
    with pytest.raises(transport().RemoteProtocolError):
        get_session().head(f"{hub.endpoint}/datasets/{REPO}/raw/main/small.txt")


def test_what_is_stalled_is_let_go_when_healed(hub, api):
    hub.fail("stall")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(raw, hub)
        while not hub.fired:
            time.sleep(0.01)
        hub.heal()
        with pytest.raises(transport().RemoteProtocolError):
            waiting.result(timeout=60)
    assert raw(hub).content == SMALL


def test_closing_lets_go_of_what_is_stalled():
    with LoopbackHub() as hub, ThreadPoolExecutor(1) as pool:
        hub.create_repo(REPO)
        hub.commit(REPO, {"small.txt": SMALL})
        hub.fail("stall")
        waiting = pool.submit(raw, hub)
        while not hub.fired:
            time.sleep(0.01)
        hub.close()
        with pytest.raises(transport().HTTPError):
            waiting.result(timeout=60)


@pytest.mark.parametrize("how", [how for how in FAULT_KINDS if how not in ("stall", "etag", "short", "drip")])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_the_nth_request_fails_alone(hub, api, how, nth):
    hub.fail(how, nth=nth)
    outcomes = []
    for _ in range(4):
        try:
            outcomes.append(raw(hub).status_code == 200)
        except transport().HTTPError:
            outcomes.append(False)
    assert outcomes == [number != nth for number in range(1, 5)]
    assert hub.fired == 1


def test_a_fault_that_is_not_reached_has_not_fired(hub, api):
    hub.fail("500", nth=3)
    raw(hub)
    assert not hub.fired
    hub.heal()
    assert [raw(hub).status_code for _ in range(3)] == [200, 200, 200]


def test_requests_of_a_kind_fail_every_time(hub, api):
    hub.fail("500", every=True, matching=lambda request: request.path.endswith("/raw/main/small.txt"))
    assert [raw(hub).status_code for _ in range(2)] == [500, 500]
    assert api.dataset_info(REPO).id == REPO
    assert hub.fired == 2


def test_a_dead_hub_answers_nothing_until_it_is_healed(hub, api):
    hub.kill(nth=2)
    assert raw(hub).status_code == 200
    for _ in range(3):
        with pytest.raises(transport().ReadError):
            raw(hub)
    hub.heal()
    assert raw(hub).status_code == 200


@pytest.mark.parametrize(("arguments", "message"), [(("oops",), "'oops' is not one of 429"), (("500", 0), "nth: 0")])
def test_a_fault_that_cannot_be_is_refused(hub, arguments, message):
    how, *nth = arguments
    with pytest.raises(ValueError, match=message):
        hub.fail(how, nth=nth[0] if nth else 1)


def test_one_of_many_requests_at_once_fails(hub, api):
    hub.reset_log()
    hub.fail("500", nth=50)
    start = threading.Barrier(4)

    def ask(_):
        start.wait()
        return [raw(hub).status_code for _ in range(25)]

    with ThreadPoolExecutor(4) as pool:
        statuses = [status for asked in pool.map(ask, range(4)) for status in asked]
    assert sorted(statuses) == [200] * 99 + [500]
    assert [request.status for request in hub.requests].index(500) == 49
    assert len(hub.requests) == 100


def test_the_log_counts_bytes_both_ways(hub, api):
    hub.reset_log()
    api.hf_hub_download(REPO, "small.txt", repo_type="dataset", cache_dir=hub.cache_dir)
    assert [(request.method, request.bytes_in, request.bytes_out) for request in hub.requests] == [
        ("HEAD", 0, 0),
        ("HEAD", 0, 0),
        ("GET", 0, len(SMALL)),
    ]
    assert all(request.authorized for request in hub.requests)
    hub.reset_log()
    answer = get_session().post(f"{hub.endpoint}/api/validate-yaml", content=iter([b'{"content"', b': "a"}']))
    assert answer.json()["warnings"]
    assert hub.requests[0].bytes_in == 16


def test_the_log_counts_what_was_sent_to_a_client_that_hung_up(hub, api):
    size = 50_000_000
    hub.commit(REPO, {"large.bin": bytes(size)})
    address = f"{hub.endpoint}/datasets/{REPO}/resolve/main/large.bin"
    with get_session().stream("GET", address, follow_redirects=True) as answer:
        next(answer.iter_raw(1000))
    while hub.requests[-1].bytes_out == size:
        time.sleep(0.01)
    assert 0 < hub.requests[-1].bytes_out < size


def test_a_client_resumes_a_download_that_was_cut(hub, api):
    content = bytes(range(250)) * 100_000
    hub.commit(REPO, {"large.bin": content})
    hub.fail("cut", matching=lambda request: request.origin == "cdn")
    hub.reset_log()
    path = api.hf_hub_download(REPO, "large.bin", repo_type="dataset", cache_dir=hub.cache_dir)
    assert Path(path).read_bytes() == content
    first, second = (request for request in hub.requests if request.origin == "cdn")
    assert (first.fault, first.bytes_out, first.range) == ("cut", 12_500_000, None)
    assert (second.status, second.range) == (206, "bytes=10485760-")


def test_a_commit_whose_answer_is_lost_is_there(hub, api):
    hub.fail("lost-answer", matching=lambda request: "/commit/" in request.path)
    first = hub.head(REPO)
    with pytest.raises(transport().ReadError):
        api.create_commit(REPO, [CommitOperationAdd("a.txt", b"a")], commit_message="Add", repo_type="dataset")
    assert hub.fired
    assert (hub.head(REPO) != first, hub.files(REPO)["a.txt"]) == (True, b"a")


def test_a_client_uploads_again_what_was_lost(hub, api):
    hub.fail("500", matching=lambda request: request.method == "PUT")
    api.upload_file(path_or_fileobj=b"\0large", path_in_repo="a.bin", repo_id=REPO, repo_type="dataset")
    assert hub.fired
    assert [request.status for request in hub.requests if request.origin == "cdn"] == [500, 200]
    assert hub.files(REPO)["a.bin"] == b"\0large"


def test_an_answer_that_is_not_what_it_should_be_fails_nothing_by_itself(hub, api):
    usual = raw(hub).headers["ETag"]
    for how in ("etag", "short", "drip"):
        hub.fail(how)
        answer = raw(hub)
        assert (answer.headers["ETag"] == usual) == (how != "etag")
        assert answer.content == (SMALL[:-1] if how == "short" else SMALL)
        assert hub.fired == 1
        hub.heal()
