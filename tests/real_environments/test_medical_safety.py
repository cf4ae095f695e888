"""The server that openenv-dipg-safety brings plays rows of its own, so it is not taken for a taskset's."""

import json
from pathlib import Path

import med_safety_gym
import pytest

import tasksets_examples
from openenv_tasksets.installed_app import InstalledApp
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.binding_proof import BindingUnproven
from openenv_tasksets.server.environment_server import EnvironmentServer
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.remote_runtime import RemoteRuntime
from openenv_tasksets.taskset import Taskset

OWN = [f"A text of its own, number {number}." for number in range(5)]


@pytest.fixture(scope="module")
def taskset():
    return Taskset.from_path(Path(tasksets_examples.__file__).with_name("medical_safety"))


@pytest.fixture
def own_server(tmp_path, monkeypatch):
    """Its server, which reads the file of rows that a variable names."""
    rows = tmp_path / "rows.jsonl"
    with rows.open("w") as file:
        for text in OWN:
            asked = f"<context>{text}</context>\n<question>Which?</question>"
            messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": "the answer"}]
            file.write(json.dumps({"messages": messages}) + "\n")
    monkeypatch.setenv("DIPG_DATASET_PATH", str(rows))
    app = InstalledApp("openenv-dipg-safety", "med_safety_gym.app:app", Path(med_safety_gym.__file__).parent)
    return lambda: RemoteRuntime(EnvironmentServer(app, "medical-safety"))


def test_it_is_refused(taskset, own_server):
    with pytest.raises(BindingUnproven, match="may ignore what the task binds: answer, context, question"):
        Host(taskset, own_server())


def test_if_the_user_insists_it_plays_its_own_rows_and_its_state_has_the_answer(taskset, own_server, serve, openenv):
    host = Host(taskset, own_server(), settings=HostSettings(allow_unproven=True))
    with serve(create_app([host])) as url, openenv.GenericEnvClient(base_url=url).sync() as client:
        assert client.reset(index=0).observation["context"] in OWN
        assert client.state()["expected_answer"]["final"] == "the answer"
