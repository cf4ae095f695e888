"""``push_to_hub``: to one repository, or with hidden columns to two."""

import pytest
from loopback_hub import LoopbackHub
from pushing import REPO, TASK, in_memory, open_hub, sums

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.push_to_hub import push_to_hub


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


def test_all_options_reach_the_push(server):
    hub = open_hub(server)
    options = {"private": True, "revision": "dev", "tag": "v1", "commit_message": "First"}
    result = push_to_hub(in_memory(), REPO, hub=hub, **options)
    repository = server.snapshot()[f"datasets/{REPO}"]
    assert repository["private"] is True
    assert repository["references"]["refs/heads/dev"] == repository["references"]["refs/tags/v1"] == result.commit_hash
    assert repository["commits"][result.commit_hash]["title"] == "First"
    assert push_to_hub(in_memory({"train": sums(1)}), REPO, hub=hub, create_pr=True).pull_request == "refs/pr/1"
    assert push_to_hub(in_memory({"train": sums(1)}), REPO, hub=hub, dry_run=True).changed


def test_a_hidden_repository_makes_two_of_it_and_no_pull_request(server):
    hub = open_hub(server)
    rows = [{**row, "key": str(n)} for n, row in enumerate(sums(3))]
    taskset = in_memory(rows, {"id": "key", **TASK})
    with pytest.raises(SourceError, match="two repositories cannot share a pull request"):
        push_to_hub(taskset, REPO, hidden_repo="acme/answers", create_pr=True, hub=hub)
    assert server.snapshot() == {}
    push_to_hub(taskset, REPO, hidden_repo="acme/answers", revision="dev", tag="v1", commit_message="First", hub=hub)
    assert "data/train-00000-of-00001.parquet" in server.files(REPO, "v1")
    assert "data/train-00000-of-00001.parquet" in server.files("acme/answers")
