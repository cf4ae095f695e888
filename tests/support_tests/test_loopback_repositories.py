"""Repositories, references and accounts, through the real client."""

import pytest
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, get_session
from loopback_hub import LoopbackHub

REPO = "acme/words"


def refused(info, status, text=""):
    assert info.value.response.status_code == status
    assert text in info.value.response.text
    return True


@pytest.fixture
def api(hub):
    hub.create_repo(REPO)
    return hub.api()


def test_the_token_says_who_is_asking(hub):
    who = hub.api().whoami()
    assert who["name"] == "alice"
    assert who["orgs"][0]["name"] == "acme"
    assert who["auth"]["accessToken"]["role"] == "write"


def test_an_unknown_token_is_refused(hub, api):
    with pytest.raises(HfHubHTTPError) as info:
        hub.api("hf_nobody").dataset_info(REPO)
    assert refused(info, 401, "Invalid credentials in Authorization header")


@pytest.mark.parametrize("repo_type", ["model", "dataset", "space"])
def test_a_repository_is_created_seen_and_deleted(hub, repo_type):
    api = hub.api()
    url = api.create_repo(REPO, repo_type=repo_type, space_sdk="docker" if repo_type == "space" else None)
    assert (url.repo_id, url.repo_type) == (REPO, repo_type)
    info = api.repo_info(REPO, repo_type=repo_type)
    assert info.sha == hub.head(REPO, repo_type=repo_type)
    assert ".gitattributes" in api.list_repo_files(REPO, repo_type=repo_type)
    assert (info.private, info.gated, info.author) == (False, False, "acme")
    api.delete_repo(REPO, repo_type=repo_type)
    assert not api.repo_exists(REPO, repo_type=repo_type)


def test_a_name_without_a_namespace_is_created_in_the_users_own(hub):
    assert hub.api().create_repo("words", repo_type="dataset").repo_id == "alice/words"
    with pytest.raises(RepositoryNotFoundError):
        hub.api().dataset_info("words")


def test_a_repository_that_exists_is_refused_unless_that_is_fine(hub, api):
    with pytest.raises(HfHubHTTPError) as info:
        api.create_repo(REPO, repo_type="dataset")
    assert refused(info, 409, "already created")
    assert api.create_repo(REPO, repo_type="dataset", exist_ok=True).repo_id == REPO


def test_a_namespace_of_others_is_refused(hub):
    with pytest.raises(HfHubHTTPError) as info:
        hub.api().create_repo("others/words", repo_type="dataset")
    assert refused(info, 403, 'under the namespace \\"others\\"')


@pytest.mark.parametrize("target", ["others/moved", "acme/taken"])
def test_a_move_to_where_one_may_not_or_cannot_write_is_refused(hub, api, target):
    hub.create_repo("acme/taken")
    before = hub.snapshot()
    with pytest.raises(HfHubHTTPError) as info:
        api.move_repo(REPO, target, repo_type="dataset")
    assert refused(info, 403 if target.startswith("others") else 409)
    assert hub.snapshot() == before


@pytest.mark.parametrize(
    ("wanted", "mistake"),
    [
        ({"name": "a--b", "organization": "acme", "type": "dataset"}, "Invalid repo name"),
        ({"name": "a.git", "organization": "acme", "type": "dataset"}, "Invalid repo name"),
        ({"name": "a", "organization": "acme", "type": "kernel"}, "must be one of"),
    ],
)
def test_a_name_or_type_that_cannot_be_is_refused(hub, wanted, mistake):
    answer = get_session().post(
        f"{hub.endpoint}/api/repos/create", json=wanted, headers=build_hf_headers(token=hub.token)
    )
    assert (answer.status_code, mistake in answer.text) == (400, True)


def test_what_this_hub_does_not_serve_says_so(hub):
    answer = get_session().get(f"{hub.endpoint}/api/datasets/acme/words/xet-write-token/main")
    assert (answer.status_code, "does not serve GET /api/datasets" in answer.text) == (404, True)


def test_a_moved_repository_is_found_under_both_names(hub, api):
    hub.commit(REPO, {"data/a.txt": b"a"})
    api.move_repo(REPO, "alice/moved", repo_type="dataset")
    assert api.dataset_info(REPO).id == "alice/moved"
    path = api.hf_hub_download(REPO, "data/a.txt", repo_type="dataset", cache_dir=hub.cache_dir)
    with open(path, "rb") as file:
        assert file.read() == b"a"


def test_a_missing_repository_is_not_found_with_and_without_a_token(hub):
    for token, status in ((None, 404), (False, 401)):
        with pytest.raises(RepositoryNotFoundError) as info:
            hub.api(token).dataset_info(REPO)
        assert refused(info, status)


def test_a_private_repository_is_hidden_from_others_until_they_are_let_in(hub):
    hub.create_repo(REPO, private=True)
    stranger = hub.api(hub.add_token("mallory"))
    for api in (stranger, hub.api(False)):
        with pytest.raises(RepositoryNotFoundError):
            api.dataset_info(REPO)
        with pytest.raises(RepositoryNotFoundError):
            api.hf_hub_download(REPO, ".gitattributes", repo_type="dataset", cache_dir=hub.cache_dir)
    hub.grant_access(REPO, "mallory")
    assert stranger.dataset_info(REPO).private


def test_a_gated_repository_shows_its_metadata_and_not_its_files(hub):
    hub.create_repo(REPO, gated="manual")
    stranger = hub.api(hub.add_token("mallory"))
    for api, status in ((stranger, 403), (hub.api(False), 401)):
        assert api.dataset_info(REPO).gated == "manual"
        assert api.list_repo_files(REPO, repo_type="dataset") == [".gitattributes"]
        with pytest.raises(GatedRepoError) as info:
            api.hf_hub_download(REPO, ".gitattributes", repo_type="dataset", cache_dir=hub.cache_dir)
        assert refused(info, status)
    hub.grant_access(REPO, "mallory")
    stranger.auth_check(REPO, repo_type="dataset")
    assert stranger.hf_hub_download(REPO, ".gitattributes", repo_type="dataset", cache_dir=hub.cache_dir)


def test_settings_change_who_may_see_it(hub, api):
    api.update_repo_settings(REPO, private=True, gated="auto", repo_type="dataset")
    info = api.dataset_info(REPO)
    assert (info.private, info.gated) == (True, "auto")


@pytest.mark.parametrize("role", ["read token", "read role", "stranger", "anonymous"])
def test_who_may_not_write_is_refused(hub, api, role):
    token = {
        "read token": lambda: hub.add_token("alice", organizations={"acme": "write"}, role="read"),
        "read role": lambda: hub.add_token("bob", organizations={"acme": "read"}),
        "stranger": lambda: hub.add_token("mallory"),
        "anonymous": lambda: False,
    }[role]()
    before = hub.snapshot()
    calls = [
        lambda other: other.create_tag(REPO, tag="v1", repo_type="dataset"),
        lambda other: other.create_branch(REPO, branch="x", repo_type="dataset"),
        lambda other: other.update_repo_settings(REPO, private=True, repo_type="dataset"),
        lambda other: other.delete_repo(REPO, repo_type="dataset"),
        lambda other: other.auth_check(REPO, repo_type="dataset", write=True),
        lambda other: other.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=REPO, repo_type="dataset"),
    ]
    for call in calls:
        with pytest.raises(HfHubHTTPError) as info:
            call(hub.api(token))
        assert refused(info, 401 if role == "anonymous" else 403)
    assert hub.snapshot() == before


def test_branches_and_tags_come_and_go(hub, api):
    first = hub.head(REPO)
    second = hub.commit(REPO, {"a.txt": b"a"})
    api.create_branch(REPO, branch="feature/x", repo_type="dataset")
    api.create_branch(REPO, branch="old", revision=first, repo_type="dataset")
    api.create_tag(REPO, tag="v1", revision=first[:7], repo_type="dataset", tag_message="one")
    refs = api.list_repo_refs(REPO, repo_type="dataset")
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": second, "feature/x": second, "old": first}
    assert [(ref.name, ref.ref, ref.target_commit) for ref in refs.tags] == [("v1", "refs/tags/v1", first)]
    api.delete_branch(REPO, branch="feature/x", repo_type="dataset")
    api.delete_tag(REPO, tag="v1", repo_type="dataset")
    refs = api.list_repo_refs(REPO, repo_type="dataset")
    assert [ref.name for ref in refs.branches] == ["main", "old"]
    assert refs.tags == []


def test_references_that_exist_are_refused_and_missing_ones_not_found(hub, api):
    api.create_tag(REPO, tag="v1", repo_type="dataset")
    for call in (
        lambda: api.create_branch(REPO, branch="main", repo_type="dataset"),
        lambda: api.create_tag(REPO, tag="v1", repo_type="dataset"),
    ):
        with pytest.raises(HfHubHTTPError) as info:
            call()
        assert refused(info, 409, "Reference already exists")
    with pytest.raises(BadRequestError):
        api.create_branch(REPO, branch="refs/pr/5", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(REPO, tag="v2", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(REPO, tag="v2", revision="nowhere", repo_type="dataset")
    with pytest.raises(HfHubHTTPError) as info:
        api.delete_branch(REPO, branch="main", repo_type="dataset")
    assert refused(info, 403)


@pytest.mark.parametrize(
    "revision", ["main", "refs/heads/main", "v1", "refs/tags/v1", "feature/x", "{sha}", "{sha:.7}"]
)
def test_every_way_to_write_a_revision_means_the_commit(hub, api, revision):
    head = hub.commit(REPO, {"a.txt": b"a"})
    api.create_tag(REPO, tag="v1", repo_type="dataset")
    api.create_branch(REPO, branch="feature/x", repo_type="dataset")
    written = revision.format(sha=head)
    assert api.dataset_info(REPO, revision=written).sha == head
    assert hub.files(REPO, written)["a.txt"] == b"a"


def test_a_missing_revision_or_folder_is_told_apart(hub, api):
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(REPO, revision="nowhere")
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "nowhere", repo_type="dataset"))


def test_a_tree_lists_one_level_or_all_of_them(hub, api):
    head = hub.commit(REPO, {"data/a.parquet": b"\0" * 9, "data/deep/b.txt": b"bb", "c.txt": b"c"}, message="Add data")
    top = {entry.path for entry in api.list_repo_tree(REPO, repo_type="dataset")}
    assert top == {".gitattributes", "data", "c.txt"}
    below = {entry.path: entry for entry in api.list_repo_tree(REPO, "data", recursive=True, repo_type="dataset")}
    assert set(below) == {"data/a.parquet", "data/deep", "data/deep/b.txt"}
    assert (below["data/a.parquet"].size, below["data/a.parquet"].lfs.size) == (9, 9)
    assert below["data/deep/b.txt"].lfs is None
    expanded = {entry.path: entry for entry in api.list_repo_tree(REPO, expand=True, repo_type="dataset")}
    assert expanded["data"].last_commit.oid == head
    assert expanded["data"].last_commit.title == "Add data"
    assert expanded[".gitattributes"].last_commit.title == "initial commit"


@pytest.mark.parametrize(("expand", "pages"), [(False, 2), (True, 21)])
def test_a_long_tree_comes_in_pages(hub, api, expand, pages):
    hub.commit(REPO, {f"{number:04}.txt": b"" for number in range(1001)})
    hub.reset_log()
    entries = list(api.list_repo_tree(REPO, repo_type="dataset", expand=expand))
    assert len({entry.path for entry in entries}) == len(entries) == 1002
    assert len(hub.requests) == pages


def test_path_information_leaves_out_what_is_not_there(hub, api):
    hub.commit(REPO, {"data/a.txt": b"a"})
    found = api.get_paths_info(REPO, ["data", "data/a.txt", "nowhere"], repo_type="dataset", expand=True)
    assert [entry.path for entry in found] == ["data", "data/a.txt"]
    assert found[1].last_commit.title == "Update"
    with pytest.raises(HfHubHTTPError) as info:
        api.get_paths_info(REPO, [str(number) for number in range(1001)], repo_type="dataset")
    assert refused(info, 413, "too many parameters")


def test_the_card_and_the_files_are_in_the_information(hub, api):
    card = b"---\nlicense: mit\ntags: [rl-environment]\npretty_name: 2024-01-01\n---\n# Words\n"
    hub.commit(REPO, {"README.md": card, "a.bin": b"\0\1"})
    info = api.dataset_info(REPO, files_metadata=True)
    assert info.card_data["license"] == "mit"
    assert {"rl-environment", "license:mit"} <= set(info.tags)
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings}
    assert sizes["a.bin"] == 2
    assert api.dataset_info(REPO, expand=["tags"]).sha is None
    hub.create_repo("acme/other")
    hub.create_repo("acme/private", private=True)
    assert [found.id for found in hub.api(False).list_datasets()] == [REPO, "acme/other"]
    assert [found.id for found in api.list_datasets(filter="rl-environment")] == [REPO]
    assert [found.id for found in api.list_datasets(author="acme", search="OTHER", limit=1)] == ["acme/other"]


def test_two_hubs_share_nothing(hub, api):
    with LoopbackHub(user="bob", organizations=()) as other:
        assert other.snapshot() == {}
        assert other.endpoint != hub.endpoint
        with pytest.raises(HfHubHTTPError):
            other.api(hub.token).whoami()


def test_the_same_commits_have_the_same_ids_in_every_run():
    def build():
        with LoopbackHub() as hub:
            hub.create_repo(REPO)
            hub.commit(REPO, {"a.txt": b"a"})
            return hub.snapshot()

    assert build() == build()


def test_a_snapshot_sees_every_change(hub, api):
    seen = [hub.snapshot()]
    for change in (
        lambda: hub.commit(REPO, {"a.txt": b"a"}),
        lambda: api.create_tag(REPO, tag="v1", repo_type="dataset"),
        lambda: api.update_repo_settings(REPO, gated="auto", repo_type="dataset"),
        lambda: api.update_repo_settings(REPO, private=True, repo_type="dataset"),
        lambda: hub.create_repo("acme/other", repo_type="model"),
    ):
        change()
        assert hub.snapshot() not in seen
        assert hub.snapshot() == hub.snapshot()
        seen.append(hub.snapshot())


def test_a_missing_repository_is_a_mistake_of_the_test(hub):
    with pytest.raises(KeyError, match="there is no dataset 'acme/nowhere'"):
        hub.head("acme/nowhere")
