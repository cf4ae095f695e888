"""``push_to_hub``: to one repository, or with hidden columns to two."""

import inspect
import subprocess
import sys

import pytest
from loopback_hub import LoopbackHub
from pushing import REPO, TASK, in_memory, open_hub, sums

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.push_to_hub import push_to_hub
from openenv_tasksets.secret_scan import SecretFound
from openenv_tasksets.taskset import Taskset


@pytest.fixture
def server():
    with LoopbackHub() as running:
        yield running


def test_all_options_reach_the_push(server):
    hub = open_hub(server)
    options = {"private": True, "revision": "dev", "tag": "v1", "commit_message": "First"}
    result = in_memory().push_to_hub(REPO, hub=hub, **options)
    repository = server.snapshot()[f"datasets/{REPO}"]
    assert repository["private"] is True
    assert repository["references"]["refs/heads/dev"] == repository["references"]["refs/tags/v1"] == result.commit_hash
    assert repository["commits"][result.commit_hash]["title"] == "First"
    assert in_memory({"train": sums(1)}).push_to_hub(REPO, hub=hub, create_pr=True).pull_request == "refs/pr/1"
    assert in_memory({"train": sums(1)}).push_to_hub(REPO, hub=hub, dry_run=True).changed


def test_a_hidden_repository_makes_two_of_it_and_no_pull_request(server):
    hub = open_hub(server)
    rows = [{**row, "key": str(n)} for n, row in enumerate(sums(3))]
    taskset = in_memory(rows, {"id": "key", **TASK})
    with pytest.raises(SourceError, match="two repositories cannot share a pull request"):
        taskset.push_to_hub(REPO, hidden_repo="acme/answers", create_pr=True, hub=hub)
    assert server.snapshot() == {}
    taskset.push_to_hub(REPO, hidden_repo="acme/answers", revision="dev", tag="v1", commit_message="First", hub=hub)
    assert "data/train-00000-of-00001.parquet" in server.files(REPO, "v1")
    assert "data/train-00000-of-00001.parquet" in server.files("acme/answers")


SCRIPT = """
import sys
from openenv_tasksets import Taskset
taskset = Taskset.from_hub("acme/sums", token=sys.argv[1])
taskset.push_to_hub("acme/copy", token=sys.argv[1], private=True)
"""


def test_the_token_given_is_the_one_that_is_sent(server):
    in_memory().push_to_hub(REPO, hub=open_hub(server), private=True)
    token = server.add_token("bob", organizations={"acme": "write"})
    environment = server.environment(HF_TOKEN="hf_of_nobody")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, token], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert server.snapshot()["datasets/acme/copy"]["private"] is True


def test_a_secret_is_pushed_only_where_that_is_said(server):
    taskset = in_memory([{"question": "hf_" + "a1B2" * 9, "answer": 1}])
    with pytest.raises(SecretFound):
        taskset.push_to_hub(REPO, hub=open_hub(server))
    assert taskset.push_to_hub(REPO, hub=open_hub(server), allow_secrets=True).changed


def test_the_method_and_the_function_have_the_same_options():
    method, function = (list(inspect.signature(each).parameters) for each in (Taskset.push_to_hub, push_to_hub))
    assert [name for name in method[1:] if name != "token"] == function[1:]
