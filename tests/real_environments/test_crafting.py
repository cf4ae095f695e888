"""TextCraft, an environment of the Open Reward Standard, through what `openenv import` makes of it."""

import importlib
import json
import sys
import warnings

import pytest
from real_episodes import play, playing
from riddle_package import install

from openenv_tasksets.server.declared_runtime import find_runtime
from openenv_tasksets.server.remote_runtime import RemoteRuntime
from openenv_tasksets.taskset import Taskset
from tasksets_examples.crafting.build import build


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The taskset and the generated project, which is installed to a folder on the path."""
    folder = tmp_path_factory.mktemp("crafting")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OPENREWARD_DISABLE_UPDATE_CHECK", "1")
        patched.setenv("UV_OFFLINE", "1")  # OpenEnv asks uv, where there is one, for a lock file
        build(folder)
        patched.syspath_prepend(str(install(folder / "crafting_env", folder / "site")))
        yield folder
    for name in [each for each in sys.modules if each.startswith("crafting_env")]:
        del sys.modules[name]


@pytest.fixture
def taskset(folder):
    return Taskset.from_path(folder / "taskset")


def wrapper(taskset):
    """The generated class, in this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("crafting_env.server.crafting_env_environment").CraftingEnvironment


def package(taskset):
    """The server of the generated package, as the declaration says."""
    runtime = find_runtime(taskset.environment)
    assert isinstance(runtime, RemoteRuntime)
    return runtime


@pytest.mark.parametrize("runtime", [wrapper, package])
def test_twenty_episodes(runtime, folder, taskset, serve, openenv, tell):
    rows = [json.loads(line) for line in (folder / "taskset" / "rows.jsonl").read_text().splitlines()]

    def act(index, taken, observation):
        # Every third episode is given up at once.
        solution = [] if index % 3 == 2 else json.loads(rows[index]["solution"])
        if taken == len(solution):
            return {"type": "call_tool", "tool_name": "finish", "arguments": {"message": "done"}}
        step = solution[taken]
        arguments = {"ingredients": step["ingredients"], "target": [step["target"][0], step["result_count"]]}
        return {"type": "call_tool", "tool_name": "craft", "arguments": arguments}

    with playing(serve, openenv, taskset, runtime(taskset)) as client:
        played = play(client, taskset.num_tasks("test"), act)
    tell(f"{played.told('platoon-textcraft')} ({runtime.__name__})")
    assert len(set(played.first)) == len(played.first)
    assert {0.0, 1.0} <= set(played.rewards)
