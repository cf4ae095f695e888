"""From a reference to a client: what is resolved, agreed to, and refused at once."""

import pytest
from loopback_hub import LoopbackHub
from sample_taskset import write_files
from words_folder import FILES

from openenv_tasksets import AutoEnv, Consent
from openenv_tasksets.loaders.errors import (
    ConsentNeeded,
    ReferenceInvalid,
    SplitNotFound,
)
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.task_client import ServerUnusable
from tasksets_examples.humaneval.build import build


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path / "words", FILES)


def test_a_reference_of_the_rfc_is_pinned_and_played(tmp_path):
    with LoopbackHub() as server:
        server.create_repo("acme/words")
        commit = server.commit("acme/words", FILES)
        hub = Hub(server.endpoint, token=server.token, cache_dir=tmp_path, wait=lambda seconds: None)
        client = AutoEnv.from_env("hf://datasets/acme/words/spelling@main", split="train", hub=hub)
        with client.sync() as env:
            assert env.dataset_ref == f"hf://datasets/acme/words/spelling@{commit}"
            assert env.split == "train"
            assert [task.id for task in env.dataset] == [f"w{n}" for n in range(5)]
            result = env.reset(index=4)
            assert env.dataset_index == 4
            assert env.current_row["id"] == "w4"
            result = env.step({"answer": "secret w4"})
            assert (result.reward, result.done) == (1.0, True)


def test_what_is_wrong_is_said_before_anything_is_played(folder):
    with pytest.raises(SplitNotFound, match="did you mean 'train'"):
        AutoEnv.from_env(folder, split="trian")
    with pytest.raises(ServerUnusable):
        AutoEnv.from_env(folder, base_url="http://127.0.0.1:9")
    with pytest.raises(ReferenceInvalid):
        AutoEnv.from_env("hf://datasets/acme")


def test_trust_is_the_users_word_for_this_environment(tmp_path):
    folder = tmp_path / "humaneval"
    build(folder)
    with pytest.raises(ConsentNeeded, match="--allow-execution humaneval"):
        AutoEnv.from_env(folder)
    with AutoEnv.from_env(folder, trust_remote_code=True).sync() as env:
        assert env.reset(index=0).observation["prompt"].startswith("from typing import List")
    AutoEnv.from_env(folder, consent=Consent(execution=frozenset({"humaneval"})))
