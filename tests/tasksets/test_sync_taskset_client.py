"""The client without ``await``: a thread of its own, which ends with it."""

import threading

import pytest
from sample_taskset import write_files
from words_folder import FILES

from openenv_tasksets import AutoEnv
from openenv_tasksets.audit.served import served
from openenv_tasksets.installed import find_environment
from openenv_tasksets.loaders.errors import (
    ResetNeeded,
)
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.sync_taskset_client import SyncTasksetClient
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.taskset_client import TasksetClient


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path / "words", FILES)


def test_two_clients_of_a_server_have_sessions_of_their_own(folder):
    taskset = Taskset.from_path(folder)
    host = Host(taskset, find_environment(taskset.environment), settings=HostSettings(max_sessions=2))
    with served(host) as url:
        one, two = (AutoEnv.from_env(folder, base_url=url).sync() for _ in range(2))
        with one, two:
            one.reset(index=0)
            two.reset(index=1)
            assert one.step({"answer": "secret w0"}).reward == two.step({"answer": "secret w1"}).reward == 1.0


def test_a_closed_client_says_so(folder):
    env = AutoEnv.from_env(folder).sync()
    env.close()
    env.close()
    with pytest.raises(ResetNeeded, match="closed"):
        env.reset(index=0)


def new_threads(before):
    return {each.name for each in set(threading.enumerate()) - before}


def test_closing_ends_the_thread(folder):
    before = set(threading.enumerate())
    with AutoEnv.from_env(folder).sync() as env:
        env.reset(index=0)
        assert "taskset client" in new_threads(before)
    assert "taskset client" not in new_threads(before)


def test_it_has_every_public_name_of_the_client_that_it_wraps():
    names = {name for name in vars(TasksetClient) if not name.startswith("_")} - {"sync"}
    assert names | {"taskset"} == {name for name in vars(SyncTasksetClient) if not name.startswith("_")}


def test_it_has_the_same_facts(folder):
    with AutoEnv.from_env(folder, split="test").sync() as env:
        assert (env.split, list(env.taskset), env.dataset_ref) == (
            "test",
            ["train", "test"],
            str(folder / "environment.yaml"),
        )
        env.reset(seed=3)
        assert (env.position, env.dataset_index, env.current_row["id"]) == (3, 0, "w5")
