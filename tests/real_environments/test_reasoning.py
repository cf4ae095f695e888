"""The reasoning example, with reasoning-gym as it is."""

from real_episodes import by_policy, play, playing

from openenv_tasksets.installed import find_environment
from openenv_tasksets.taskset import Taskset
from tasksets_examples.reasoning.build import build
from tasksets_examples.reasoning.policy import answer


def test_twenty_episodes(tmp_path, serve, openenv, tell):
    build(tmp_path, size=240)
    taskset = Taskset.from_path(tmp_path, split="test")
    environment = find_environment(taskset.environment)
    with playing(serve, openenv, taskset, environment) as client:
        played = play(client, taskset.num_tasks("test"), by_policy(environment, answer))
    tell(played.told("reasoning-gym"))
    assert len(set(played.first)) == len(played.first)
    assert len(set(played.rewards)) > 1
