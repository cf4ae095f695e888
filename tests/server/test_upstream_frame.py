"""Frames to and from another server: what is written, what is read, and that nothing else can come of it."""

import datetime as dt
import decimal
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quiz import CANARY

from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, ResetNeeded, TasksetError
from openenv_tasksets.server.runtime import UpstreamLost
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.server.upstream_frame import read_answer, read_outcome, read_unasked, write_request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
FRAMES = st.fixed_dictionaries(
    {"type": st.sampled_from(["observation", "state", "mcp", "error"]) | JSON},
    optional={
        "data": JSON
        | st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("code", "errors", "message", "max_sessions", "observation", "reward"), JSON)
        )
    },
)


@given(FRAMES | JSON, st.sampled_from(["reset", "step", "state", "mcp"]))
def test_whatever_a_server_says_is_an_answer_or_an_error_of_ours(frame, asked):
    text = json.dumps(frame)
    assert isinstance(read_unasked("quiz", text), CapacityReached | UpstreamLost)
    try:
        data = read_answer("quiz", asked, text)
        assert data == frame["data"]
        if asked in ("reset", "step"):
            assert read_outcome("quiz", data).observation == data["observation"]
    except TasksetError:
        pass


@given(st.binary(max_size=64))
def test_bytes_that_are_no_frame_lose_the_server(frame):
    with pytest.raises(UpstreamLost):
        read_answer("quiz", "state", frame)


@pytest.mark.parametrize(
    ("code", "asked", "kind"),
    [
        ("CAPACITY_REACHED", "state", CapacityReached),
        ("VALIDATION_ERROR", "step", PolicyError),
        ("VALIDATION_ERROR", "reset", EnvironmentFailed),
        ("RESET_NEEDED", "step", ResetNeeded),
        ("FACTORY_ERROR", "state", UpstreamLost),
        ("SESSION_ERROR", "step", UpstreamLost),
        ("EXECUTION_ERROR", "step", EnvironmentFailed),
        (CANARY, "step", EnvironmentFailed),
        ({"a": CANARY}, "step", EnvironmentFailed),
        (None, "step", EnvironmentFailed),
    ],
)
def test_an_error_is_its_code_and_none_of_its_words(code, asked, kind):
    frame = {"type": "error", "data": {"code": code, "message": CANARY, "errors": CANARY, "active_sessions": CANARY}}
    with pytest.raises(kind) as caught:
        read_answer("quiz", asked, json.dumps(frame))
    assert type(caught.value) is kind
    assert CANARY not in str(caught.value)
    assert CANARY not in json.dumps(getattr(caught.value, "details", ()))


def test_mistakes_in_an_action_are_told_without_what_was_sent():
    mistake = {"type": "missing", "loc": ["answer", 0], "msg": "Field required", "input": CANARY, "ctx": CANARY}
    frame = {"type": "error", "data": {"code": "VALIDATION_ERROR", "errors": [mistake, "x", {}]}}
    with pytest.raises(PolicyError) as caught:
        read_answer("quiz", "step", json.dumps(frame))
    assert caught.value.details == (
        {"type": "missing", "loc": ["answer", 0], "msg": "Field required"},
        {"type": "value_error", "loc": [], "msg": "not accepted"},
    )


def test_values_of_rows_are_sent_in_their_wire_form():
    values = {
        "when": dt.date(2024, 2, 29),
        "price": decimal.Decimal("1.0"),
        "raw": b"\x00",
        "big": 2**70,
        "n": float("nan"),
    }
    assert json.loads(write_request("quiz", "reset", values)) == {
        "type": "reset",
        "data": {"when": "2024-02-29", "price": "1.0", "raw": "AA==", "big": 2**70, "n": None},
    }
    assert write_request("quiz", "state") == b'{"type":"state"}'


def test_what_has_no_wire_form_is_an_error_that_does_not_show_it():
    class Answer:
        def __repr__(self):
            return CANARY

    with pytest.raises(EnvironmentFailed, match="type Answer has no JSON form") as caught:
        write_request("quiz", "reset", {"answer": Answer()})
    assert CANARY not in str(caught.value)
