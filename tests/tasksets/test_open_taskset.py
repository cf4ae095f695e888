"""A folder or a reference: which one a user means, and what is said when it is neither."""

from pathlib import Path

import pytest
from loopback_hub import LoopbackHub

from openenv_tasksets.loaders.errors import DeclarationError, ReferenceInvalid, RepositoryNotFound, SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.open_taskset import is_reference, open_taskset

YAML = """\
spec_version: hf-rl-env-0.1
environments:
  - id: spelling
    task: {reset: {prompt: question}}
    frameworks: {openenv: {min_version: ">=0.10.0", package: openenv-tasksets, environment: answer}}
"""
ROWS = b'{"question": "?"}\n'


@pytest.fixture
def server():
    with LoopbackHub() as running:
        running.create_repo("acme/words")
        running.commit("acme/words", {"environment.yaml": YAML.encode(), "test.jsonl": ROWS, "train.jsonl": ROWS * 2})
        yield running


@pytest.fixture
def hub(server):
    return Hub(server.endpoint, server.token, server.cache_dir)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder: ``acme/local`` is in it, ``acme/words`` is not."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "acme/local"
    folder.mkdir(parents=True)
    (folder / "environment.yaml").write_text(YAML)
    (folder / "train.jsonl").write_bytes(ROWS * 3)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("acme/words", True),
        ("acme/words/spelling", True),
        ("acme/words@v1", True),
        ("acme/words@feature/x/y", True),
        ("squad@main", True),
        ("hf://datasets/acme/local", True),
        ("acme/local", False),
        ("acme/local/environment.yaml", False),
        ("acme", False),
        ("words", False),
        ("./acme/words", False),
        ("../acme/words", False),
        ("/acme/words", False),
        ("~/acme/words", False),
        ("acme/words/environment.yaml", False),
        ("acme/words.yml", False),
        ("a/b/c/d", False),
        (Path("acme/words"), False),
    ],
)
def test_what_exists_here_or_can_only_be_a_path_is_one(here, target, expected):
    assert is_reference(target) is expected


def test_folders_and_references_are_opened_alike(here, hub):
    assert open_taskset("acme/local", hub=hub).num_tasks("train") == 3
    taskset = open_taskset("acme/words", environment="spelling", split="test", hub=hub, shuffle_seed=1)
    assert (taskset.default_split, taskset.num_tasks("train")) == ("test", 2)
    assert open_taskset(f"hf://datasets/acme/words@{taskset.reference.commit_hash}", hub=hub).num_tasks("test") == 1


def test_a_name_that_is_neither_is_said_to_be_neither(here, hub):
    with pytest.raises(
        RepositoryNotFound, match=r"^acme/locl: there is no such .*; nor is there a folder 'acme/locl'$"
    ):
        open_taskset("acme/locl", hub=hub)
    with pytest.raises(RepositoryNotFound, match="may not read it$"):
        open_taskset("hf://datasets/acme/locl", hub=hub)
    with pytest.raises(DeclarationError, match="locl: there is no such file"):
        open_taskset("./acme/locl", hub=hub)
    with pytest.raises(ReferenceInvalid, match="needs a namespace"):
        open_taskset("squad@main", hub=hub)


def test_a_data_dir_is_for_folders(here, hub):
    with pytest.raises(
        SourceError, match="data_dir is for a taskset in a folder; acme/words takes its rows from the Hub"
    ):
        open_taskset("acme/words", data_dir=here, hub=hub)
