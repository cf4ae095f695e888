"""Any environment that is registered with Gymnasium, as the row says.

A row, shortened::

    game: "FrozenLake-v1"
    parameters: {"desc": ["SFFF", "FHFH", "FFFH", "HFFG"], "is_slippery": false, "render_mode": "ansi"}
    seed: 0
"""

from dataclasses import dataclass
from typing import Any

import gymnasium

from openenv_tasksets.loaders.errors import PolicyError, RowRefused


@dataclass(frozen=True, slots=True)
class GymAction:
    """A value of the game's action space, in the form of Gymnasium's ``Space.to_jsonable``."""

    action: Any


@dataclass(frozen=True, slots=True)
class GymObservation:
    """What the game shows; ``text`` is its picture in text where its ``render_mode`` is ``ansi``.

    ``actions`` is the game's action space. ``reward`` is that of the last step alone.
    """

    observation: Any
    actions: str
    text: str | None = None
    reward: float | None = None
    done: bool = False
    truncated: bool = False


class GymGames:
    """One game at a time, made anew for each episode."""

    def __init__(self) -> None:
        self._game: Any = None

    def reset(self, game: str, seed: int, parameters: dict[str, Any] | None = None) -> GymObservation:
        # Another name than those that are registered may be "module:Name", which imports the module.
        if game not in gymnasium.registry:
            raise RowRefused("game must be the name of an environment that is registered with Gymnasium")
        self.close()
        self._game = gymnasium.make(game, **(parameters or {}))
        observation, _ = self._game.reset(seed=seed)
        return self._seen(observation)

    def step(self, action: GymAction) -> GymObservation:
        observation, reward, terminated, truncated, _ = self._game.step(self._chosen(action.action))
        return self._seen(observation, float(reward), bool(terminated or truncated), bool(truncated))

    @property
    def state(self) -> dict[str, Any]:
        return {} if self._game is None else {"game": self._game.spec.id}

    def close(self) -> None:
        if self._game is not None:
            self._game.close()
            self._game = None

    def _chosen(self, value: Any) -> Any:
        space = self._game.action_space
        try:
            (chosen,) = space.from_jsonable([value])
        except (TypeError, ValueError, OverflowError):
            chosen = None
        if chosen is None or not space.contains(chosen):
            raise PolicyError(f"the action must be a member of {space}")
        return chosen

    def _seen(self, observation: Any, *outcome: Any) -> GymObservation:
        text = self._game.render() if self._game.render_mode == "ansi" else None
        return GymObservation(plain(observation), str(self._game.action_space), text, *outcome)


def plain(value: Any) -> Any:
    """An observation as JSON has it: numpy's scalars and arrays, in tuples and dicts."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value
