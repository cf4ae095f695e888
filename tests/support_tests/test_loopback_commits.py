"""Commits through the real client: what arrives, and what the Hub refuses."""

import base64
import hashlib
import json
import socket

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete
from huggingface_hub.errors import BadRequestError, EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

REPO = "acme/words"

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def api(hub):
    hub.create_repo(REPO)
    return hub.api()


def add(path, content):
    return CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)


def commit(api, *operations, **options):
    options.setdefault("commit_message", "Update")
    return api.create_commit(REPO, operations, repo_type="dataset", **options)


def post(hub, *lines, revision="main", query=""):
    """A commit as no client would send it."""
    header = {"key": "header", "value": {"summary": "Update"}}
    response = get_session().post(
        f"{hub.endpoint}/api/datasets/{REPO}/commit/{revision}{query}",
        content="".join(f"{json.dumps(line)}\n" for line in (header, *lines)).encode(),
        headers=build_hf_headers(token=hub.token),
    )
    hf_raise_for_status(response)
    return response


def test_a_file_is_uploaded_and_is_the_new_head(hub, api):
    first = hub.head(REPO)
    made = api.upload_file(path_or_fileobj=b"hi", path_in_repo="a/b.txt", repo_id=REPO, repo_type="dataset")
    assert made.oid == hub.head(REPO) != first
    assert hub.files(REPO)["a/b.txt"] == b"hi"
    assert "a/b.txt" not in hub.files(REPO, first)


def test_a_folder_is_one_commit_with_large_files_by_the_other_origin(hub, api, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.parquet").write_bytes(b"PAR1" * 9)
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    (tmp_path / "skip.log").write_text("no")
    (tmp_path / ".gitignore").write_text("*.log\n")
    hub.reset_log()
    api.upload_folder(folder_path=tmp_path, repo_id=REPO, repo_type="dataset", commit_message="Add")
    assert set(hub.files(REPO)) == {".gitattributes", ".gitignore", "README.md", "data/a.parquet"}
    assert hub.files(REPO)["data/a.parquet"] == b"PAR1" * 9
    [upload] = [request for request in hub.requests if request.origin == "cdn"]
    assert (upload.method, upload.bytes_in, upload.status) == ("PUT", 36, 200)
    assert not upload.authorized
    assert [item.title for item in api.list_repo_commits(REPO, repo_type="dataset")] == ["Add", "initial commit"]


@pytest.mark.parametrize(
    ("path", "content", "large"),
    [("a.txt", b"text", False), ("a.txt", b"\0", True), ("a.parquet", b"text", True), ("e.parquet", b"", False)],
)
def test_the_hub_decides_which_files_are_large(hub, api, path, content, large):
    commit(api, add(path, content))
    [entry] = api.get_paths_info(REPO, [path], repo_type="dataset")
    assert (entry.lfs is not None) is large
    if large:
        assert entry.lfs.sha256 == hashlib.sha256(content).hexdigest()


def test_what_is_there_already_is_neither_uploaded_nor_committed(hub, api):
    files = (add("a.txt", b"text"), add("b.bin", b"\0large"))
    commit(api, *files)
    before = hub.snapshot()
    hub.reset_log()
    again = commit(api, add("a.txt", b"text"), add("b.bin", b"\0large"))
    assert again.oid == hub.head(REPO)
    assert hub.snapshot() == before
    assert not [request for request in hub.requests if request.origin == "cdn" or "/commit/" in request.path]


def test_files_and_folders_are_deleted_and_copied(hub, api):
    hub.commit(REPO, {"a.txt": b"a", "b.bin": b"\0b", "old/c.txt": b"c", "old/d/e.txt": b"e"})
    commit(
        api,
        CommitOperationCopy("b.bin", "copy.bin"),
        CommitOperationDelete("a.txt"),
        CommitOperationDelete("old/"),
    )
    assert set(hub.files(REPO)) == {".gitattributes", "b.bin", "copy.bin"}
    assert hub.files(REPO)["copy.bin"] == b"\0b"


@pytest.mark.parametrize("path", ["nowhere.txt", "nowhere/"])
def test_what_is_not_there_cannot_be_deleted(hub, api, path):
    before = hub.snapshot()
    with pytest.raises(EntryNotFoundError, match="with this name doesn't exist"):
        commit(api, add("a.txt", b"a"), CommitOperationDelete(path))
    assert hub.snapshot() == before


def test_a_parent_that_is_the_head_is_taken_and_an_older_one_refused(hub, api):
    first = hub.head(REPO)
    second = commit(api, add("a.txt", b"a"), parent_commit=first).oid
    before = hub.snapshot()
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as info:
        commit(api, add("a.txt", b"b"), parent_commit=first)
    assert info.value.response.status_code == 412
    assert hub.snapshot() == before
    commit(api, add("a.txt", b"b"), parent_commit=second[:7])


def test_a_branch_moves_alone(hub, api):
    first = hub.head(REPO)
    api.create_branch(REPO, branch="dev", repo_type="dataset")
    made = commit(api, add("a.txt", b"a"), revision="dev")
    assert (hub.head(REPO, "dev"), hub.head(REPO)) == (made.oid, first)


@pytest.mark.parametrize("revision", ["v1", "refs/tags/v1", "{sha}"])
def test_tags_and_commits_do_not_move(hub, api, revision):
    api.create_tag(REPO, tag="v1", repo_type="dataset")
    before = hub.snapshot()
    with pytest.raises(BadRequestError, match="not a branch"):
        commit(api, add("a.txt", b"a"), revision=revision.format(sha=hub.head(REPO)))
    assert hub.snapshot() == before


def test_a_branch_that_is_not_there_is_not_found(api):
    with pytest.raises(RevisionNotFoundError):
        commit(api, add("a.txt", b"a"), revision="nowhere")


def test_pull_requests_are_numbered_and_leave_the_branch_alone(hub, api):
    first = hub.head(REPO)
    stranger = hub.api(hub.add_token("mallory"))
    one = commit(stranger, add("a.txt", b"a"), add("a.bin", b"\0"), create_pr=True)
    two = commit(api, add("b.txt", b"b"), create_pr=True, parent_commit=first)
    assert (one.pr_revision, two.pr_revision) == ("refs/pr/1", "refs/pr/2")
    assert hub.head(REPO) == first
    three = commit(api, add("c.txt", b"c"), revision="refs/pr/1")
    assert set(hub.files(REPO, "refs/pr/1")) == {".gitattributes", "a.bin", "a.txt", "c.txt"}
    refs = api.list_repo_refs(REPO, repo_type="dataset", include_pull_requests=True)
    assert {ref.ref: ref.target_commit for ref in refs.pull_requests} == {
        "refs/pr/1": three.oid,
        "refs/pr/2": two.oid,
    }
    with pytest.raises(HfHubHTTPError) as info:
        commit(hub.api(False), add("a.txt", b"a"), create_pr=True)
    assert info.value.response.status_code == 401


@pytest.mark.parametrize(
    ("card", "mistake"),
    [
        ("license: [", "Invalid YAML"),
        ("- a\n- b", "must be a mapping"),
        ("license: my-own", '"license" must be one of'),
        ("tags: one", '"tags" must be an array of strings'),
        ("configs: {}", '"configs" must be an array'),
        ("configs:\n- data_files: a", 'needs a "config_name"'),
        ("configs:\n- config_name: a\n  data_files: {a: b}", "data_files must be a string or an array"),
        ("configs:\n- config_name: a\n  default: 3", "default must be a boolean"),
        ("dataset_info: text", '"dataset_info" must be an object'),
        ("pretty_name: 3", '"pretty_name" must be a string'),
        ("language: {a: b}", '"language" must be a string or an array of strings'),
    ],
)
def test_a_bad_card_is_refused_before_and_in_the_commit(hub, api, card, mistake):
    text = f"---\n{card}\n---\nWords\n".encode()
    before = hub.snapshot()
    with pytest.raises(ValueError, match=r"Invalid metadata in README.md") as info:
        commit(api, add("README.md", text))
    assert mistake in str(info.value)
    value = {"path": "README.md", "content": base64.b64encode(text).decode(), "encoding": "base64"}
    with pytest.raises(BadRequestError, match="Invalid metadata"):
        post(hub, {"key": "file", "value": value})
    assert hub.snapshot() == before


def test_a_card_without_metadata_is_only_remarked_on(hub, api):
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        commit(api, add("README.md", b"Words\n"))
    assert hub.files(REPO)["README.md"] == b"Words\n"


def test_an_empty_block_of_metadata_is_only_remarked_on(hub, api):
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        commit(api, add("README.md", b"---\n# nothing\n---\nWords\n"))


def test_a_good_card_is_taken_without_a_word(hub, api):
    card = b"---\nlicense: mit\ntags: [a]\nlanguage: [en]\nconfigs:\n- config_name: a\n  data_files: a/*\n---\n"
    commit(api, add("README.md", card))
    assert hub.files(REPO)["README.md"] == card


def test_a_large_file_that_was_never_uploaded_is_refused(hub, api):
    value = {"path": "a.bin", "algo": "sha256", "oid": "0" * 64, "size": 3}
    before = hub.snapshot()
    with pytest.raises(BadRequestError, match="an LFS pointer pointed to a file that does not exist"):
        post(hub, {"key": "lfsFile", "value": value})
    assert hub.snapshot() == before


def test_a_regular_file_over_the_limit_is_refused(hub, api):
    content = base64.b64encode(b"x" * (10 * 1024 * 1024 + 1)).decode()
    with pytest.raises(BadRequestError, match="files larger than 10 MiB"):
        post(hub, {"key": "file", "value": {"path": "a.txt", "content": content, "encoding": "base64"}})


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ({"key": "file", "value": {"path": "../a", "content": ""}}, "Invalid path in repo"),
        ({"key": "file", "value": {"path": ".git/a", "content": ""}}, "Invalid path in repo"),
        ({"key": "file", "value": {"path": ".gitattributes/a", "content": ""}}, "below a path that is a file"),
        ({"key": "file", "value": {"path": "a", "content": "%", "encoding": "base64"}}, "is not base64"),
        ({"key": "rename", "value": {"path": "a"}}, "unknown key rename"),
        ({"key": "file"}, "Invalid commit"),
    ],
)
def test_a_commit_that_makes_no_sense_is_refused_whole(hub, api, line, mistake):
    before = hub.snapshot()
    good = {"key": "file", "value": {"path": "good.txt", "content": "good"}}
    with pytest.raises(BadRequestError, match=mistake):
        post(hub, good, line)
    assert hub.snapshot() == before


def test_an_upload_with_another_content_than_announced_is_refused(hub, api):
    oid = hashlib.sha256(b"announced").hexdigest()
    headers = build_hf_headers(token=hub.token)
    batch = get_session().post(
        f"{hub.endpoint}/datasets/{REPO}.git/info/lfs/objects/batch",
        json={"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": 9}, {"oid": "x"}]},
        headers=headers,
    )
    good, bad = batch.json()["objects"]
    assert bad["error"]["code"] == 422
    actions = good["actions"]
    assert get_session().put(actions["upload"]["href"], content=b"other").status_code == 400
    assert get_session().put(actions["upload"]["href"] + "0", content=b"announced").status_code == 403
    missing = get_session().post(actions["verify"]["href"], json={"oid": oid, "size": 9}, headers=headers)
    assert missing.status_code == 404
    assert get_session().put(actions["upload"]["href"], content=b"announced").status_code == 200
    there = get_session().post(actions["verify"]["href"], json={"oid": oid, "size": 9}, headers=headers)
    assert there.status_code == 200


def test_commits_come_in_pages(hub, api):
    for number in range(60):
        hub.commit(REPO, {"a.txt": str(number).encode()}, message=f"Update {number}")
    hub.reset_log()
    commits = api.list_repo_commits(REPO, repo_type="dataset")
    assert [commits[0].title, commits[-1].title] == ["Update 59", "initial commit"]
    assert (len(commits), len(hub.requests)) == (61, 2)


def test_files_are_committed_and_deleted_without_a_request(hub, api):
    hub.reset_log()
    first = hub.commit(REPO, {"a.txt": b"a", "b.parquet": b"PAR1"}, message="Seed")
    second = hub.commit(REPO, {"a.txt": None})
    assert hub.requests == []
    assert set(hub.files(REPO)) == {".gitattributes", "b.parquet"}
    assert [item.commit_id for item in api.list_repo_commits(REPO, repo_type="dataset")][:2] == [second, first]
    [entry] = api.get_paths_info(REPO, ["b.parquet"], repo_type="dataset")
    assert entry.lfs.size == 4


@pytest.mark.parametrize("framing", ["Content-Length: 9999", "Transfer-Encoding: chunked"])
def test_a_commit_of_which_only_whole_lines_arrived_is_none(hub, api, framing):
    before = hub.snapshot()
    lines = [
        {"key": "header", "value": {"summary": "Half"}},
        {"key": "file", "value": {"path": "a.txt", "content": "a"}},
    ]
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    if framing.endswith("chunked"):
        body = f"{len(body):x}\r\n{body}\r\n"
    host, _, port = hub.endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        head = (
            f"POST /api/datasets/{REPO}/commit/main HTTP/1.1\r\nAuthorization: Bearer {hub.token}\r\n{framing}\r\n\r\n"
        )
        client.sendall((head + body).encode())
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert hub.snapshot() == before


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_a_body_that_is_no_json_object_is_refused(hub, api, body):
    answer = get_session().post(f"{hub.endpoint}/api/validate-yaml", content=body)
    assert (answer.status_code, "Invalid JSON" in answer.text) == (400, True)


def test_a_commit_needs_a_summary(hub, api):
    answer = get_session().post(
        f"{hub.endpoint}/api/datasets/{REPO}/commit/main",
        content=b'{"key": "header", "value": {}}\n',
        headers=build_hf_headers(token=hub.token),
    )
    assert (answer.status_code, 'a header with a \\"summary\\"' in answer.text) == (400, True)


def test_other_transfers_than_basic_are_not_served(hub, api):
    answer = get_session().post(
        f"{hub.endpoint}/datasets/{REPO}.git/info/lfs/objects/batch",
        json={"operation": "upload", "transfers": ["xet"], "objects": []},
        headers=build_hf_headers(token=hub.token),
    )
    assert (answer.status_code, "Only basic uploads" in answer.text) == (400, True)
