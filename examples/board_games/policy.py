"""A scripted policy: the last of the legal moves.

tasksets run examples/board_games --policy tasksets_examples.board_games.policy:move
"""

from typing import Any


def move(observation: dict[str, Any]) -> str:
    """The move for what ``BoardGames`` shows."""
    return str(observation["moves"][-1])
