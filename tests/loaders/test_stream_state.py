"""States as plain JSON, and the states of another number of shards."""

import json

import pytest

from openenv_tasksets.loaders.errors import StateRefused
from openenv_tasksets.loaders.stream_state import StreamState, reshard

STATE = {
    "version": 1,
    "identity": "an identity",
    "shard_index": 1,
    "shard_count": 3,
    "next": 20,
    "outstanding": [4, 7],
}


def of_shard(index, count, after, outstanding=()):
    return StreamState("an identity", index, count, after, tuple(outstanding)).dump()


def test_a_state_is_json_and_comes_back():
    state = StreamState.parse(STATE)
    assert state == StreamState("an identity", 1, 3, 20, (4, 7))
    assert StreamState.parse(json.loads(json.dumps(state.dump()))) == state
    assert state.dump() == STATE


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": None},
        {"identity": 5},
        {"next": "20"},
        {"next": True},
        {"next": 2**63 + 1},
        {"next": -1},
        {"shard_index": 3},
        {"shard_index": -1},
        {"shard_count": 0},
        {"outstanding": [20]},
        {"outstanding": [-1]},
        {"outstanding": [1.0]},
        {"outstanding": None},
    ],
)
def test_what_is_no_state_is_refused(change):
    with pytest.raises(StateRefused, match="not a stream's state"):
        StreamState.parse({**STATE, **change})


@pytest.mark.parametrize("what", [None, [], "state"])
def test_what_is_no_mapping_is_refused(what):
    with pytest.raises(StateRefused, match="not a stream's state of version 1"):
        StreamState.parse(what)


def test_shards_in_step_need_no_outstanding_positions():
    """Three shards that did four positions each: the next five start at 12."""
    states = [of_shard(0, 3, 10), of_shard(1, 3, 11), of_shard(2, 3, 12)]
    assert reshard(states, 5) == [of_shard(shard, 5, 12) for shard in range(5)]


def test_what_slower_shards_left_is_shared_out():
    states = [of_shard(0, 2, 0), of_shard(1, 2, 10, [3, 5])]
    assert reshard(states, 3) == [
        of_shard(0, 3, 10, [0, 3, 6]),
        of_shard(1, 3, 10, [4]),
        of_shard(2, 3, 10, [2, 5, 8]),
    ]


@pytest.mark.parametrize(
    ("states", "count", "message"),
    [
        ([], 1, "no state to go on from"),
        ([of_shard(0, 1, 0)], 0, "shard_count is 1 or more, not 0"),
        ([of_shard(0, 2, 0)], 1, r"one state of each shard is needed; there are shards \[0\] of 2"),
        ([of_shard(0, 2, 0), of_shard(0, 2, 0)], 1, r"there are shards \[0, 0\] of 2"),
        ([of_shard(0, 2, 0), of_shard(1, 3, 0)], 1, r"there are shards \[0, 1\] of 2, 3"),
        ([of_shard(0, 2, 0), {**of_shard(1, 2, 0), "identity": "b"}], 1, "this state is of another stream"),
    ],
)
def test_states_that_are_no_whole_are_refused(states, count, message):
    with pytest.raises(StateRefused, match=message):
        reshard(states, count)
