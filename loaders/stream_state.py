"""Where a stream is: one whole number, the few positions still out, and the stream that they belong to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from openenv_tasksets.loaders.errors import StateRefused
from openenv_tasksets.loaders.order import MAX_POSITION, positions

VERSION = 1
_NUMBERS = ("shard_index", "shard_count", "next")


class StreamState(msgspec.Struct, frozen=True):
    """A point in one shard of a stream.

    Every position of the shard below ``next`` was done, but for those that are ``outstanding``.

    Attributes:
        identity: What the stream's order depends on.
        shard_index: Which shard, in [0, shard_count).
        shard_count: Of how many.
        next: The first position that was never handed out, in [0, 2**63].
        outstanding: The positions below ``next`` that must be handed out again, ascending.
    """

    identity: str
    shard_index: int
    shard_count: int
    next: int
    outstanding: tuple[int, ...] = ()

    @classmethod
    def parse(cls, state: Mapping[str, Any]) -> "StreamState":
        """Read what ``dump`` wrote, also after a trip through JSON.

        Raises:
            StateRefused: It is not the state of a stream.
        """
        if not isinstance(state, Mapping) or state.get("version") != VERSION:
            found = state.get("version") if isinstance(state, Mapping) else type(state).__name__
            raise StateRefused(f"not a stream's state of version {VERSION}, but {found!r:.60}")
        identity, outstanding = state.get("identity"), state.get("outstanding")
        numbers: list[Any] = [state.get(name) for name in _NUMBERS]
        if not isinstance(identity, str) or not isinstance(outstanding, list | tuple):
            raise StateRefused("not a stream's state: 'identity' is text, 'outstanding' a list of positions")
        if not all(type(number) is int for number in (*numbers, *outstanding)):
            raise StateRefused(f"not a stream's state: {', '.join(_NUMBERS)} and the outstanding are whole numbers")
        shard_index, shard_count, after = numbers
        if not 0 <= shard_index < shard_count or not 0 <= after <= MAX_POSITION + 1:
            raise StateRefused(f"not a stream's state: shard {shard_index} of {shard_count}, next {after}")
        if not all(0 <= position < after for position in outstanding):
            raise StateRefused(f"not a stream's state: an outstanding position is not in [0, {after})")
        return cls(identity, shard_index, shard_count, after, tuple(sorted(set(outstanding))))

    def dump(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "version": VERSION,
            "identity": self.identity,
            "shard_index": self.shard_index,
            "shard_count": self.shard_count,
            "next": self.next,
            "outstanding": list(self.outstanding),
        }


def check_same_stream(state: StreamState, own: StreamState) -> None:
    """Make sure that a state is one of this stream's.

    Raises:
        StateRefused: It is of another stream or shard; the message shows both.
    """
    if state.identity != own.identity:
        raise StateRefused(
            "this state is of another stream, so its positions mean other tasks.\n"
            f"  the state's: {state.identity}\n  this stream: {own.identity}"
        )
    if (state.shard_index, state.shard_count) != (own.shard_index, own.shard_count):
        raise StateRefused(
            f"this state is of shard {state.shard_index} of {state.shard_count}, and this stream is shard "
            f"{own.shard_index} of {own.shard_count}; reshard() makes states for another number of shards"
        )


def reshard(states: Iterable[Mapping[str, Any]], shard_count: int) -> list[dict[str, Any]]:
    """The states with which another number of shards goes on, so that nothing is lost or done twice.

    What the slower shards have left up to where the fastest one is becomes outstanding, and is shared out.

    Args:
        states: One of each shard of a stream, in any order.
        shard_count: How many shards there shall be, >= 1.

    Raises:
        StateRefused: The states are of several streams, or not of each shard once; or there is no such count.

    >>> half = {"version": 1, "identity": "a", "shard_count": 2, "outstanding": []}
    >>> [one] = reshard([{**half, "shard_index": 0, "next": 6}, {**half, "shard_index": 1, "next": 3}], 1)
    >>> one["next"], one["outstanding"]
    (6, [3, 5])
    """
    parsed = [StreamState.parse(state) for state in states]
    if type(shard_count) is not int or shard_count < 1:
        raise StateRefused(f"shard_count is 1 or more, not {shard_count!r}")
    _check_whole(parsed)
    start = max(state.next for state in parsed)
    left = sorted(position for state in parsed for position in _left(state, start))
    whole = StreamState(parsed[0].identity, 0, shard_count, start)
    shares = [tuple(position for position in left if position % shard_count == shard) for shard in range(shard_count)]
    return [replace(whole, shard_index=shard, outstanding=share).dump() for shard, share in enumerate(shares)]


def _check_whole(states: Sequence[StreamState]) -> None:
    if not states:
        raise StateRefused("there is no state to go on from")
    for state in states[1:]:
        check_same_stream(
            replace(state, shard_index=0, shard_count=1), replace(states[0], shard_index=0, shard_count=1)
        )
    counts = {state.shard_count for state in states}
    shards = sorted(state.shard_index for state in states)
    if len(counts) > 1 or shards != list(range(states[0].shard_count)):
        raise StateRefused(
            f"one state of each shard is needed; there are shards {shards} of {', '.join(map(str, sorted(counts)))}"
        )


def _left(state: StreamState, stop: int) -> list[int]:
    behind = positions(state.next, shard_index=state.shard_index, shard_count=state.shard_count, stop=stop)
    return [*state.outstanding, *behind]
