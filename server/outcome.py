"""What reset() and step() came to: an observation, its reward and whether the episode is done."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, cast

import msgspec
from pydantic import BaseModel

from openenv_tasksets.loaders.errors import EnvironmentFailed

Reward = bool | int | float | None


class Outcome(msgspec.Struct, frozen=True):
    """One answer of an environment.

    Attributes:
        observation: Every field of the observation but reward and done.
        reward: As the environment gave it.
        done: Whether the environment ended the episode.
        truncated_by: The limit that ended it otherwise (``max_steps`` or ``episode_seconds``), or None.
        taken: False where an action came too late to be taken; the observation is that of the one before.
    """

    observation: Mapping[str, Any]
    reward: Reward
    done: bool
    truncated_by: str | None = None
    taken: bool = True

    @classmethod
    def of(cls, observation: Any) -> "Outcome":
        """Read what an environment returned.

        Raises:
            EnvironmentFailed: It is no observation, or its reward is no number.
        """
        fields = fields_of(observation)
        reward = fields.pop("reward", None)
        done = fields.pop("done", False)
        if reward is not None and type(reward) is not float:
            reward = _number(reward)
        return cls(fields, reward, bool(done))

    @property
    def metadata(self) -> Mapping[str, Any] | None:
        """The observation's metadata; None where it is absent, empty or no mapping."""
        metadata = self.observation.get("metadata")
        return metadata if metadata and isinstance(metadata, Mapping) else None

    def truncated(self, limit: str) -> "Outcome":
        """The same outcome ended by a limit; the metadata say so to clients that know only ``done``."""
        metadata = {**(self.metadata or {}), "truncated": True, "truncated_by": limit}
        observation = {**self.observation, "metadata": metadata}
        return msgspec.structs.replace(self, observation=observation, truncated_by=limit)

    def to_wire(self) -> dict[str, Any]:
        """The ``data`` of an observation frame, in OpenEnv's form."""
        observation = self.observation
        data: dict[str, Any] = {
            "observation": observation,
            "reward": self.reward,
            "done": self.done or self.truncated_by is not None,
        }
        if observation.get("metadata"):
            metadata = self.metadata
            if metadata is not None:
                data["metadata"] = metadata
        return data


def _number(reward: Any) -> Reward:
    if hasattr(reward, "item"):  # a scalar of numpy or torch
        reward = reward.item()
    if not isinstance(reward, bool | int | float | None):
        raise EnvironmentFailed(f"the environment gave a reward of type {type(reward).__name__}, not a number")
    return reward


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of an observation or a state by name.

    Raises:
        EnvironmentFailed: It is none of the forms that an environment may return.
    """
    return _reader(type(value))(value)


def _find_reader(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """What reads the fields of an instance. Found once: to ask a class what it is takes longer than to read it."""
    if cls is dict:
        return dict.copy
    if issubclass(cls, msgspec.Struct):
        return msgspec.structs.asdict
    if issubclass(cls, BaseModel):
        # What model_dump() does, without the sixteen options that nobody gives: a quarter of the time.
        return _dumped if cls.model_dump is BaseModel.model_dump else partial(cls.model_dump, mode="json")
    if issubclass(cls, Mapping):
        return dict
    if dataclasses.is_dataclass(cls):
        return _fields_of_dataclass
    return _refuse


_reader: Callable[[Any], Callable[[Any], dict[str, Any]]] = cast("Any", lru_cache(maxsize=1024)(_find_reader))


def _dumped(model: Any) -> dict[str, Any]:
    fields: dict[str, Any] = model.__pydantic_serializer__.to_python(model, mode="json")
    return fields


def _fields_of_dataclass(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _refuse(value: object) -> dict[str, Any]:
    raise EnvironmentFailed(
        f"the environment returned {type(value).__name__}; it must be a mapping, a pydantic model, "
        f"a msgspec struct or a dataclass"
    )
