"""What the adapter for OpenSpiel refuses, and how it tells of a move that is none."""

import pytest

from openenv_tasksets.loaders.errors import RowRefused
from tasksets_examples.board_games.environment import BoardGames, BoardMove


@pytest.mark.parametrize(
    ("game", "player", "message"),
    [("goofspiel", 0, "players move in turn"), ("tic_tac_toe", 2, r"in \[0, 2\)")],
)
def test_what_it_cannot_play_is_refused(game, player, message):
    with pytest.raises(RowRefused, match=message):
        BoardGames().reset(game, player, seed=0)


def test_an_illegal_move_changes_nothing_and_is_told():
    games = BoardGames()
    first = games.reset("tic_tac_toe", 1, seed=3)
    taken = games.step(BoardMove("o(9,9)"))
    assert (taken.illegal, taken.board, taken.moves, taken.done) == (True, first.board, first.moves, False)
    assert len(games.step(BoardMove(first.moves[0])).moves) < len(first.moves)


@pytest.mark.parametrize("game", ["kuhn_poker", "leduc_poker", "backgammon", "connect_four", "hearts", "2048"])
def test_other_games_are_played_to_their_end(game):
    games = BoardGames()
    seen = games.reset(game, 0, seed=1)
    for _ in range(5_000):
        if seen.done:
            break
        assert seen.reward is None
        seen = games.step(BoardMove(seen.moves[0]))
    assert seen.done
    assert isinstance(seen.reward, float)
