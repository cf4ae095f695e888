"""OpenSpiel's games in which players move in turn; chance and the other players draw at random from the row's seed.

A row::

    game: "breakthrough(rows=6,columns=4)"
    player: 1
    seed: 3
"""

import random
from dataclasses import dataclass
from typing import Any

import pyspiel

from openenv_tasksets.loaders.errors import RowRefused


@dataclass(frozen=True, slots=True)
class BoardMove:
    """One of the legal moves, as the game writes it."""

    move: str


@dataclass(frozen=True, slots=True)
class BoardSeen:
    """What the agent's seat sees, and its legal moves; the reward is what the game pays that seat at its end.

    ``illegal`` is True where the last move was none of them: nothing has changed then.
    """

    board: str
    moves: list[str]
    reward: float | None = None
    done: bool = False
    illegal: bool = False


class BoardGames:
    """One game at a time."""

    def __init__(self) -> None:
        self._state: Any = None

    def reset(self, game: str, player: int, seed: int) -> BoardSeen:
        loaded = pyspiel.load_game(game)
        if loaded.get_type().dynamics != pyspiel.GameType.Dynamics.SEQUENTIAL:
            raise RowRefused("game must be one in which players move in turn")
        if player not in range(loaded.num_players()):
            raise RowRefused(f"player must be in [0, {loaded.num_players()})")
        self._player, self._random, self._state = player, random.Random(seed), loaded.new_initial_state()
        return self._until_the_agents_turn()

    def step(self, action: BoardMove) -> BoardSeen:
        chosen = self._moves().get(action.move)
        if chosen is None:
            return self._seen(illegal=True)
        self._state.apply_action(chosen)
        return self._until_the_agents_turn()

    @property
    def state(self) -> dict[str, Any]:
        return {} if self._state is None else {"game": str(self._state.get_game()), "player": self._player}

    def close(self) -> None:
        self._state = None

    def _until_the_agents_turn(self) -> BoardSeen:
        state = self._state
        while not state.is_terminal() and state.current_player() != self._player:
            if state.is_chance_node():
                actions, weights = zip(*state.chance_outcomes(), strict=True)
                (action,) = self._random.choices(actions, weights)
            else:
                action = self._random.choice(state.legal_actions())
            state.apply_action(action)
        return self._seen()

    def _seen(self, *, illegal: bool = False) -> BoardSeen:
        shows = self._state.get_game().get_type().provides_observation_string
        view = self._state.observation_string if shows else self._state.information_state_string
        reward = self._state.returns()[self._player] if self._state.is_terminal() else None
        return BoardSeen(view(self._player), list(self._moves()), reward, self._state.is_terminal(), illegal)

    def _moves(self) -> dict[str, int]:
        if self._state.is_terminal():
            return {}
        return {self._state.action_to_string(self._player, each): each for each in self._state.legal_actions()}
