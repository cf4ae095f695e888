"""Downloads through the real client, and the ranges of a file by hand."""

import hashlib
import socket
from pathlib import Path

import pytest
from huggingface_hub import HfFileSystem
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.utils import build_hf_headers, get_session

REPO = "acme/words"
LARGE = bytes(range(256)) * 100


@pytest.fixture
def api(hub):
    hub.create_repo(REPO)
    hub.commit(REPO, {"data/small.txt": b"small", "data/large.bin": LARGE, "é b.txt": b"odd"})
    return hub.api()


@pytest.fixture
def fetch(hub, api):
    def run(path, **options):
        return api.hf_hub_download(REPO, path, repo_type="dataset", cache_dir=hub.cache_dir, **options)

    return run


@pytest.mark.parametrize(
    ("path", "content"), [("data/small.txt", b"small"), ("data/large.bin", LARGE), ("é b.txt", b"odd")]
)
def test_a_file_is_downloaded_by_its_hash_into_the_cache(hub, fetch, path, content):
    found = Path(fetch(path))
    assert found.read_bytes() == content
    assert hub.head(REPO) in found.parts
    oid = hashlib.sha256(content).hexdigest() if content is LARGE else None
    assert oid is None or found.resolve().name == oid


def test_a_cached_file_costs_requests_only_by_a_moving_name(hub, fetch):
    fetch("data/small.txt")
    hub.reset_log()
    fetch("data/small.txt", revision=hub.head(REPO))
    assert hub.requests == []
    fetch("data/small.txt")
    assert [(request.method, request.status) for request in hub.requests] == [("HEAD", 307), ("HEAD", 200)]


def test_a_large_file_comes_from_the_other_origin_without_the_token(hub, fetch):
    fetch("data/large.bin")
    head, get = hub.requests
    assert (head.origin, head.status, head.authorized) == ("api", 302, True)
    assert (get.origin, get.status, get.authorized) == ("cdn", 200, False)
    assert get.bytes_out == len(LARGE)


def test_a_missing_file_is_not_found_and_names_the_commit(hub, fetch):
    with pytest.raises(EntryNotFoundError) as info:
        fetch("nowhere.txt")
    assert info.value.response.headers["X-Repo-Commit"] == hub.head(REPO)


def test_a_snapshot_is_downloaded_whole(hub, api):
    folder = Path(api.snapshot_download(REPO, repo_type="dataset", cache_dir=hub.cache_dir))
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == hub.files(REPO)


@pytest.mark.parametrize("path", ["data/small.txt", "data/large.bin"])
@pytest.mark.parametrize("spec", ["0-2", "1-1", "2-", "-2", "3-9999999", "-9999999"])
def test_a_range_of_a_file_is_that_part_of_it(hub, api, path, spec):
    content = hub.files(REPO)[path]
    answer = get(hub, path, spec)
    first, last = (int(part) if part else None for part in spec.split("-"))
    expected = content[-last:] if first is None else content[first : None if last is None else last + 1]
    assert (answer.status_code, answer.content) == (206, expected)
    start = len(content) - len(expected) if first is None else first
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(content)}"


@pytest.mark.parametrize("spec", ["99999999-", "3-2", "-0"])
def test_a_range_outside_of_a_file_is_refused_with_its_size(hub, api, spec):
    answer = get(hub, "data/large.bin", spec)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(LARGE)}"


def get(hub, path, spec):
    headers = {**build_hf_headers(token=hub.token), "Range": f"bytes={spec}"}
    url = f"{hub.endpoint}/datasets/{REPO}/resolve/main/{path}"
    return get_session().get(url, headers=headers, follow_redirects=True)


def test_what_git_holds_of_a_large_file_is_a_pointer(hub, api):
    answer = get_session().get(f"{hub.endpoint}/datasets/{REPO}/raw/main/data/large.bin")
    assert answer.text.startswith("version https://git-lfs")
    assert answer.text.endswith(f"size {len(LARGE)}\n")
    assert get_session().get(f"{hub.endpoint}/datasets/{REPO}/raw/main/data/small.txt").content == b"small"


def test_the_other_origin_opens_to_signed_addresses_only(hub, api):
    address = f"{hub.endpoint}/datasets/{REPO}/resolve/main/data/large.bin"
    location = get_session().get(address, follow_redirects=False).headers["Location"]
    assert location.startswith("http://localhost:")
    assert get_session().get(location).content == LARGE
    assert get_session().get(location.partition("?")[0]).status_code == 403
    called_localhost = (
        get_session().get(address.replace("127.0.0.1", "localhost"), follow_redirects=False).headers["Location"]
    )
    assert called_localhost.startswith("http://127.0.0.1:")


def test_a_signed_address_ends_with_its_repository(hub, api):
    address = f"{hub.endpoint}/datasets/{REPO}/resolve/main/data/large.bin"
    location = get_session().get(address, follow_redirects=False).headers["Location"]
    api.delete_repo(REPO, repo_type="dataset")
    assert get_session().get(location).status_code == 404
    hub.create_repo(REPO)
    assert get_session().get(location).status_code == 404


@pytest.mark.parametrize("repo_type", ["model", "space"])
def test_models_and_spaces_are_downloaded_as_well(hub, repo_type):
    hub.create_repo(REPO, repo_type=repo_type)
    hub.commit(REPO, {"a.txt": b"a", "b.bin": b"\0b"}, repo_type=repo_type)
    folder = Path(hub.api().snapshot_download(REPO, repo_type=repo_type, cache_dir=hub.cache_dir))
    assert ((folder / "a.txt").read_bytes(), (folder / "b.bin").read_bytes()) == (b"a", b"\0b")


def test_a_reference_with_slashes_may_come_unquoted(hub, api):
    api.create_branch(REPO, branch="dev", repo_type="dataset")
    for revision in ("refs/heads/dev", "refs%2Fheads%2Fdev"):
        address = f"{hub.endpoint}/datasets/{REPO}/resolve/{revision}/data/small.txt"
        assert get_session().get(address, follow_redirects=True).content == b"small"


def test_the_file_system_reads_parts_of_files(hub, api):
    files = HfFileSystem(endpoint=hub.endpoint, token=hub.token, skip_instance_cache=True)
    assert sorted(files.ls(f"datasets/{REPO}/data", detail=False)) == [
        f"datasets/{REPO}/data/large.bin",
        f"datasets/{REPO}/data/small.txt",
    ]
    assert files.glob(f"datasets/{REPO}/**/*.bin") == [f"datasets/{REPO}/data/large.bin"]
    hub.reset_log()
    with files.open(f"datasets/{REPO}/data/large.bin", cache_type="none") as file:
        file.seek(1000)
        assert file.read(10) == LARGE[1000:1010]
    assert [request.bytes_out for request in hub.requests if request.origin == "cdn"] == [10]


def test_a_closed_hub_refuses_connections_and_still_shows_its_state(hub, api):
    hub.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(hub.endpoint.rpartition(":")[2])))
    assert hub.files(REPO)["data/small.txt"] == b"small"
