"""Who may read what of the Hub, offline too, and what the user's own variables say of it."""

import subprocess
import sys

import pytest
from words_repository import FILES, LARGE, REPO, flipped, open_hub, words_hub

from openenv_tasksets.loaders.errors import (
    HubUnavailable,
    RepositoryNotFound,
)


@pytest.fixture
def server():
    with words_hub() as running:
        yield running


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
