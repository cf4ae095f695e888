"""What a server and an environment's process say to each other."""

import math

import pytest

from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, ResetNeeded, RowRefused, SourceError
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.process_message import (
    pack,
    read_answer,
    read_call,
    read_outcome,
    write_answer,
    write_call,
    write_error,
)


def test_a_call_arrives_as_it_was_made():
    payload = {"raw": b"\0", "big": 2**70, "nan": math.inf, "tuple": (1, None)}
    assert read_call(write_call("reset", payload)) == ("reset", payload)


def test_what_no_process_can_be_handed_is_named_by_its_type_only():
    with pytest.raises(EnvironmentFailed, match="the arguments cannot be handed to a process: [A-Za-z]*$"):
        write_call("reset", {"answer": lambda: "c4n4ry"})


@pytest.mark.parametrize("reward", [None, True, 1, 0.5, -1e300])
def test_an_outcome_arrives_in_its_wire_form(reward):
    outcome = Outcome({"text": "\U0001f600", "big": 2**70, "parts": (1, 2)}, reward, True)
    found = read_outcome(read_answer(write_answer(outcome)))
    assert found == Outcome({"text": "\U0001f600", "big": 2**70, "parts": [1, 2]}, reward, True)
    assert type(found.reward) is type(reward)


def test_a_state_and_nothing_arrive():
    assert read_answer(write_answer({"lives": 3})) == {"lives": 3}
    assert read_answer(write_answer(None)) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EnvironmentFailed("failed"), EnvironmentFailed),
        (RowRefused("failed"), RowRefused),
        (ResetNeeded("failed"), ResetNeeded),
        (SourceError("failed"), EnvironmentFailed),
    ],
)
def test_an_error_is_raised_as_what_it_was_with_where_it_was_for_the_log(error, kind):
    with pytest.raises(kind, match="^failed") as caught:
        read_answer(write_error(error, "in step"))
    assert (type(caught.value), caught.value.message) == (kind, "failed")
    assert caught.value.__notes__ == ["in step"]


def test_a_refused_action_keeps_its_details():
    details = [{"type": "missing", "loc": ["a"], "msg": "Field required"}]
    with pytest.raises(PolicyError) as caught:
        read_answer(write_error(PolicyError("Invalid message", details), ""))
    assert list(caught.value.details) == details


def test_a_message_has_its_length_before_it():
    assert pack(b"abc") == b"\0\0\0\0\0\0\0\3abc"
