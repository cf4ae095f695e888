"""A taskset whose environment is behind a URL: OpenEnv's own server, and servers that misbehave."""

import pytest
from asking import ask, open_session
from servers import OpenEnvServer

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.remote_runtime import RemoteRuntime


@pytest.fixture(scope="module")
def upstream(openenv, quiz_environment):
    with OpenEnvServer(openenv).serve(quiz_environment, max_sessions=8) as url:
        yield url


@pytest.fixture(scope="module")
def relayed(serve, upstream, quiz_taskset):
    with serve(create_app([Host(quiz_taskset, RemoteRuntime(upstream), settings=HostSettings(max_sessions=8))])) as url:
        yield url


def test_an_episode_is_played_through(relayed):
    with open_session(relayed) as websocket:
        shown = ask(websocket, "reset", {"split": "test", "index": 3})
        assert shown["data"]["observation"]["question"] == "test 3 + 1 = ?"
        done = ask(websocket, "step", {"answer": "c4n4ry-4"})
        assert (done["data"]["reward"], done["data"]["done"]) == (1.0, True)
        state = ask(websocket, "state")["data"]
        assert (state["step_count"], state["task_id"], state["index"]) == (1, "test-3", 3)
