"""A Space is made to hold some files: in one commit, and only where something is to be changed."""

import pytest
from pushing import open_hub

from openenv_tasksets.loaders.errors import HubError, HubUnavailable, RepositoryNotFound
from openenv_tasksets.loaders.hub_space import fill_space

SPACE = "acme/sums-space"
FILES = {
    "Dockerfile": b"FROM scratch\n" * 200,
    "app/main.py": b"print()\n" * 300,
    "wheels/a.whl": b"PK\x03\x04\x00wheel",
    "empty": b"",
}


def fill(hub, files=FILES, folders=("app", "wheels"), private=None, **options):
    return fill_space(
        open_hub(hub, **options), SPACE, files, folders=folders, private=private, message="Serve the taskset"
    )


def held(hub):
    files = hub.files(SPACE, repo_type="space")
    return {path: content for path, content in files.items() if path not in (".gitattributes", "README.md")}


def state(hub):
    return hub.snapshot()[f"spaces/{SPACE}"]


def test_a_new_space_runs_docker_and_holds_the_files_after_one_commit(hub):
    pushed = fill(hub)

    assert held(hub) == FILES
    assert (pushed.changed, pushed.commit_hash) == (True, hub.head(SPACE, repo_type="space"))
    assert pushed.url == f"{hub.endpoint}/spaces/{SPACE}"
    assert hub.api().space_info(SPACE).sdk == "docker"
    assert [commit["title"] for commit in state(hub)["commits"].values() if commit["parent"]] == ["Serve the taskset"]


def test_what_is_there_is_neither_sent_nor_committed(hub, tmp_path):
    first = fill(hub)
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    before = hub.snapshot()

    again = fill(hub, {name: tmp_path / name for name in FILES})

    assert (again.changed, again.commit_hash, again.url) == (False, first.commit_hash, first.url)
    assert hub.snapshot() == before


@pytest.mark.parametrize("path", FILES)
def test_only_what_changed_is_sent(hub, path, tmp_path):
    fill(hub)
    (tmp_path / "new").write_bytes(b"PK\x03\x04\x00other")
    hub.reset_log()

    fill(hub, {**FILES, path: tmp_path / "new"})

    assert held(hub) == {**FILES, path: b"PK\x03\x04\x00other"}
    sent = sum(request.bytes_in for request in hub.requests if request.path.endswith("/commit/main"))
    assert 0 < sent < 1000
    assert len([request for request in hub.requests if request.path.startswith("/_lfs/upload")]) == 1


def test_of_other_files_only_those_in_the_named_folders_go(hub):
    fill(hub)
    theirs = {"notes.md": b"mine", "application/x": b"mine", "docs/app/x": b"mine"}
    hub.commit(SPACE, {**theirs, "app/old.py": b"old", "wheels/deep/old.whl": b"old"}, repo_type="space")

    assert fill(hub).changed
    assert held(hub) == FILES | theirs
    assert not fill(hub).changed


@pytest.mark.parametrize("private", [True, False])
def test_it_is_as_private_as_was_said_or_an_error(hub, private):
    fill(hub, private=private)
    assert state(hub)["private"] is private
    before = hub.snapshot()

    others = "private" if private else "public"
    with pytest.raises(HubError, match=f"{SPACE} exists and is {others}, but private={not private} was asked for"):
        fill(hub, {"Dockerfile": b"FROM other\n"}, private=not private)
    assert hub.snapshot() == before
    assert not fill(hub, private=None).changed
    assert state(hub)["private"] is private


def test_who_may_not_write_there_is_told_and_nothing_is_made(hub):
    before = hub.snapshot()
    with pytest.raises(HubError, match=SPACE):
        fill(hub, token=hub.add_token("mallory"))
    with pytest.raises(RepositoryNotFound, match="log in with `hf auth login`"):
        fill(hub, token=False)
    assert hub.snapshot() == before


@pytest.mark.parametrize("how", ["429", "500", "reset", "cut", "lost-answer"])
def test_a_commit_whose_answer_is_lost_is_made_once(hub, how):
    fill(hub)
    hub.fail(how, matching=lambda request: request.path.endswith("/commit/main"))

    pushed = fill(hub, {**FILES, "Dockerfile": b"FROM other\n"})

    assert hub.fired == 1
    assert len(state(hub)["commits"]) == 3
    assert pushed.commit_hash == hub.head(SPACE, repo_type="space")


def test_a_hub_that_takes_no_commit_is_an_error_and_the_space_is_as_it_was(hub):
    fill(hub)
    before = hub.snapshot()
    hub.fail("500", every=True, matching=lambda request: request.path.endswith("/commit/main"))
    with pytest.raises(HubUnavailable, match=f"the push to the Space {SPACE}: .* no usable answer: 500"):
        fill(hub, {"Dockerfile": b"FROM other\n"})
    assert hub.snapshot() == before


def test_a_commit_of_somebody_else_in_between_is_not_lost(hub):
    fill(hub)

    def commit_first(request):
        if request.path.endswith("/commit/main") and "Dockerfile" not in theirs:
            theirs["Dockerfile"] = b"FROM theirs\n"
            hub.commit(SPACE, theirs, repo_type="space")
        return False

    theirs = {}
    hub.fail("500", matching=commit_first)
    with pytest.raises(HubError, match=f"the push to the Space {SPACE}: .*412"):
        fill(hub, {**FILES, "Dockerfile": b"FROM ours\n"})
    assert held(hub) == {**FILES, **theirs}
