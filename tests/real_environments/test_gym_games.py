"""What the adapter for Gymnasium refuses, and other spaces than the examples have."""

import sys

import pytest

from openenv_tasksets.loaders.errors import PolicyError, RowRefused
from tasksets_examples.gym_games.environment import GymAction, GymGames


@pytest.fixture
def games():
    games = GymGames()
    yield games
    games.close()


def test_a_name_that_would_import_a_module_is_refused(games):
    with pytest.raises(RowRefused, match="registered with Gymnasium"):
        games.reset("this:Anything-v0", seed=0)
    assert "this" not in sys.modules


@pytest.mark.parametrize("action", [2, -1, "up", None, [0], {}, 10**30])
def test_an_action_that_the_game_does_not_have_is_refused_and_the_game_goes_on(games, action):
    games.reset("Blackjack-v1", seed=1)
    with pytest.raises(PolicyError, match=r"a member of Discrete\(2\)"):
        games.step(GymAction(action))
    assert games.step(GymAction(0)).done


def test_arrays_are_lists_and_a_row_gives_the_same_game_again(games):
    first = games.reset("MountainCarContinuous-v0", seed=5)
    assert len(first.observation) == 2
    assert games.reset("MountainCarContinuous-v0", seed=5) == first
    assert games.step(GymAction([0.5])).reward < 0
    assert games.state == {"game": "MountainCarContinuous-v0"}
