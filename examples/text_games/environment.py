"""TextArena's games for one player.

A row::

    game: "FrozenLake-v0-random"
    seed: 3
"""

from dataclasses import dataclass
from typing import Any

import textarena


@dataclass(frozen=True, slots=True)
class TextMove:
    """What the player says; a move stands in square brackets, as the game's first message tells."""

    move: str


@dataclass(frozen=True, slots=True)
class TextSeen:
    """All that was said so far; once the game is over why, and the game's reward."""

    text: str
    reward: float | None = None
    done: bool = False


class TextGames:
    """One game at a time.

    TextArena seeds Python's own generator and draws from it while the game runs, so two games in one process would
    change each other's course.
    """

    blocking = "process"

    def __init__(self) -> None:
        self._game: Any = None
        self._name = ""

    def reset(self, game: str, seed: int) -> TextSeen:
        self._name = game
        self._game = textarena.make(game)
        self._game.reset(num_players=1, seed=seed)
        return TextSeen(self._said())

    def step(self, action: TextMove) -> TextSeen:
        done, _ = self._game.step(action.move)
        if not done:
            return TextSeen(self._said())
        rewards, about = self._game.close()
        return TextSeen(str(about[0].get("reason", "")), float(rewards[0]), done=True)

    @property
    def state(self) -> dict[str, Any]:
        return {"game": self._name}

    def close(self) -> None:
        self._game = None

    def _said(self) -> str:
        _, text = self._game.get_observation()
        return str(text)
