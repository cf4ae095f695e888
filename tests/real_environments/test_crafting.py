"""TextCraft, an environment of the Open Reward Standard, through what `openenv import` makes of it."""

import importlib
import json
import sys
import warnings

import pytest
from real_episodes import play, playing

from openenv_tasksets.taskset import Taskset
from tasksets_examples.crafting.build import build


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The taskset and the generated package."""
    folder = tmp_path_factory.mktemp("crafting")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", "")  # OpenEnv would ask uv, where there is one, to look for newer releases
        build(folder)
    return folder


@pytest.fixture(scope="module")
def environment(folder):
    """The generated class."""
    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patched.syspath_prepend(str(folder))
        yield importlib.import_module("crafting_env.server.crafting_env_environment").CraftingEnvironment
    for name in [each for each in sys.modules if each.startswith("crafting_env")]:
        del sys.modules[name]


def test_twenty_episodes(folder, environment, serve, openenv, tell):
    taskset = Taskset.from_path(folder / "taskset")
    rows = [json.loads(line) for line in (folder / "taskset" / "rows.jsonl").read_text().splitlines()]

    def act(index, taken, observation):
        # Every third episode is given up at once.
        solution = [] if index % 3 == 2 else json.loads(rows[index]["solution"])
        if taken == len(solution):
            return {"type": "call_tool", "tool_name": "finish", "arguments": {"message": "done"}}
        step = solution[taken]
        target = [step["target"][0], step["result_count"]]
        arguments = {"ingredients": step["ingredients"], "target": target}
        return {"type": "call_tool", "tool_name": "craft", "arguments": arguments}

    with playing(serve, openenv, taskset, environment) as client:
        played = play(client, taskset.num_tasks("test"), act)
    tell(played.told("platoon-textcraft"))
    assert len(set(played.first)) == len(played.first)
    assert {0.0, 1.0} <= set(played.rewards)
