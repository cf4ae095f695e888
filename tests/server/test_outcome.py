"""What an environment returns, and its form on the wire."""

import math
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest
from pydantic import BaseModel

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.outcome import Outcome, fields_of


class Model(BaseModel):
    text: str = "hi"
    reward: float | None = 0.5
    done: bool = True


class Struct(msgspec.Struct):
    text: str = "hi"
    reward: float | None = 0.5
    done: bool = True


@dataclass
class Data:
    text: str = "hi"
    reward: float | None = 0.5
    done: bool = True
    parts: list[Any] = field(default_factory=list)


@pytest.mark.parametrize(
    ("returned", "rest"),
    [
        (Model(), {"text": "hi"}),
        (Struct(), {"text": "hi"}),
        (Data(), {"text": "hi", "parts": []}),
        ({"text": "hi", "reward": 0.5, "done": True}, {"text": "hi"}),
    ],
)
def test_every_form_of_observation_is_read_alike(returned, rest):
    outcome = Outcome.of(returned)
    assert (outcome.observation, outcome.reward, outcome.done, outcome.truncated_by) == (rest, 0.5, True, None)


class Shouting(BaseModel):
    text: str

    def model_dump(self, **options):
        return {"text": super().model_dump(**options)["text"].upper()}


def test_a_model_that_dumps_itself_in_its_own_way_is_asked():
    assert Outcome.of(Shouting(text="hi")).observation == {"text": "HI"}


def test_reading_an_observation_leaves_it_as_it_was():
    returned = {"text": "hi", "reward": 1.0, "done": True}
    Outcome.of(returned)
    assert returned == {"text": "hi", "reward": 1.0, "done": True}


def test_an_observation_without_reward_and_done_has_none_and_goes_on():
    outcome = Outcome.of({"text": "hi"})
    assert (outcome.reward, outcome.done) == (None, False)


@pytest.mark.parametrize("reward", [True, False, 0, 3, -1.5, math.inf, None, 2**70])
def test_a_reward_keeps_its_type(reward):
    outcome = Outcome.of({"reward": reward})
    assert outcome.reward is reward or outcome.reward == reward
    assert type(outcome.reward) is type(reward)


@pytest.mark.parametrize(("reward", "plain"), [(np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True)])
def test_a_reward_of_numpy_becomes_a_plain_number(reward, plain):
    assert Outcome.of({"reward": reward}).reward == plain
    assert type(Outcome.of({"reward": reward}).reward) is type(plain)


@pytest.mark.parametrize(("reward", "named"), [("1", "str"), ([1.0], "list"), (1j, "complex")])
def test_a_reward_that_is_no_number_is_the_environments_failure(reward, named):
    with pytest.raises(EnvironmentFailed, match=f"reward of type {named}, not a number"):
        Outcome.of({"reward": reward})


@pytest.mark.parametrize(
    ("returned", "named"), [(None, "NoneType"), ("text", "str"), ([1], "list"), (Model, "ModelMeta")]
)
def test_what_is_no_observation_is_the_environments_failure(returned, named):
    with pytest.raises(EnvironmentFailed, match=f"returned {named}.*; it must be a mapping, a pydantic model"):
        Outcome.of(returned)


def test_a_state_may_have_fields_named_done_and_reward():
    assert fields_of({"done": "never", "reward": "none"}) == {"done": "never", "reward": "none"}


def test_the_wire_form_has_metadata_nested_and_on_top():
    wire = Outcome.of({"text": "hi", "metadata": {"a": 1}, "reward": 1, "done": False}).to_wire()
    assert wire == {
        "observation": {"text": "hi", "metadata": {"a": 1}},
        "reward": 1,
        "done": False,
        "metadata": {"a": 1},
    }


@pytest.mark.parametrize("metadata", [{}, None, [], "text"])
def test_metadata_that_say_nothing_stay_nested(metadata):
    wire = Outcome.of({"metadata": metadata}).to_wire()
    assert wire == {"observation": {"metadata": metadata}, "reward": None, "done": False}


@pytest.mark.parametrize("before", [{}, {"metadata": {"a": 1}}, {"metadata": None}, {"metadata": "text"}])
def test_a_truncated_outcome_is_done_on_the_wire_and_says_why_in_its_metadata(before):
    outcome = Outcome.of({**before, "text": "hi"}).truncated("max_steps")
    assert (outcome.done, outcome.truncated_by) == (False, "max_steps")
    wire = outcome.to_wire()
    assert wire["done"] is True
    assert wire["metadata"].items() >= {"truncated": True, "truncated_by": "max_steps"}.items()
    assert wire["observation"]["metadata"] == wire["metadata"]
    assert wire["metadata"].get("a") == (1 if before.get("metadata") == {"a": 1} else None)
