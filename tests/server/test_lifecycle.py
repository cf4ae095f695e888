"""RESET_NEEDED -> RUNNING -> DONE, without a clock."""

import pytest

from openenv_tasksets.declaration import Limits
from openenv_tasksets.loaders.errors import ResetNeeded
from openenv_tasksets.server.lifecycle import Lifecycle, Phase


def test_a_new_episode_needs_a_reset():
    life = Lifecycle(Limits())
    assert life.phase is Phase.RESET_NEEDED
    with pytest.raises(ResetNeeded, match="no episode is running; call reset"):
        life.check_step()


@pytest.mark.parametrize(
    ("limits", "steps", "expected"),
    [
        # limits, (time, done) of every step, (limit reported, phase) after every step
        ({}, [(1, False), (2, True)], [(None, Phase.RUNNING), (None, Phase.DONE)]),
        ({"max_steps": 1}, [(1, False)], [("max_steps", Phase.DONE)]),
        ({"max_steps": 1}, [(1, True)], [(None, Phase.DONE)]),
        ({"max_steps": 2}, [(1, False), (2, False)], [(None, Phase.RUNNING), ("max_steps", Phase.DONE)]),
        ({"max_steps": 2}, [(1, False), (2, True)], [(None, Phase.RUNNING), (None, Phase.DONE)]),
        (
            {"episode_seconds": 10},
            [(9.9, False), (10, False)],
            [(None, Phase.RUNNING), ("episode_seconds", Phase.DONE)],
        ),
        ({"episode_seconds": 10}, [(99, True)], [(None, Phase.DONE)]),
        ({"episode_seconds": 10, "max_steps": 1}, [(99, False)], [("max_steps", Phase.DONE)]),
    ],
)
def test_the_environment_or_a_limit_ends_an_episode(limits, steps, expected):
    life = Lifecycle(Limits(**limits))
    life.began(0.0, done=False)
    seen = [(life.stepped(float(now), done=done), life.phase) for now, done in steps]
    assert seen == expected
    assert life.steps == len(steps)


def test_a_done_episode_takes_no_step():
    life = Lifecycle(Limits())
    life.began(0.0, done=False)
    life.check_step()
    life.stepped(1.0, done=True)
    with pytest.raises(ResetNeeded, match="the episode is done; call reset"):
        life.check_step()


def test_a_reset_may_end_the_episode_at_once():
    life = Lifecycle(Limits())
    life.began(0.0, done=True)
    assert life.phase is Phase.DONE
    with pytest.raises(ResetNeeded, match="done"):
        life.check_step()


def test_a_reset_begins_anew_with_no_steps_and_all_the_time():
    life = Lifecycle(Limits(max_steps=1, episode_seconds=5))
    life.began(0.0, done=False)
    assert life.stepped(1.0, done=False) == "max_steps"
    life.began(100.0, done=False)
    assert (life.phase, life.steps, life.seconds_left(103.0)) == (Phase.RUNNING, 0, 2.0)


@pytest.mark.parametrize(("now", "left"), [(0.0, 5.0), (4.5, 0.5), (5.0, 0.0), (50.0, 0.0)])
def test_seconds_left_are_never_negative(now, left):
    life = Lifecycle(Limits(episode_seconds=5))
    life.began(0.0, done=False)
    assert life.seconds_left(now) == left


def test_without_a_time_limit_there_is_no_time_left_to_tell():
    life = Lifecycle(Limits(max_steps=3))
    life.began(0.0, done=False)
    assert life.seconds_left(1e9) is None


def test_a_lost_episode_needs_a_reset_and_counts_nothing():
    life = Lifecycle(Limits(episode_seconds=5))
    life.began(0.0, done=False)
    life.stepped(1.0, done=False)
    life.lost()
    assert (life.phase, life.steps, life.seconds_left(2.0)) == (Phase.RESET_NEEDED, 0, None)
    with pytest.raises(ResetNeeded):
        life.check_step()
