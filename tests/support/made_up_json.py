"""Strategies for hypothesis: values and objects that look as if they were meant for the server, or for nobody."""

import json

from hypothesis import strategies as st

NAMES = [
    "seed",
    "index",
    "split",
    "task_id",
    "episode_id",
    "action",
    "timeout_s",
    "session_id",
    "answer",
    "type",
    "data",
]

_names = st.sampled_from(NAMES) | st.text(max_size=5)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.sampled_from([2**31, 2**32, 2**63, 2**64, -(2**63), 10**400, "train", "test", "quiz", "train-1", "", "a1"])
    | st.floats()
    | st.text(max_size=9)
)
values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(_names, values, max_size=5)


def text_of(value: object) -> str:
    """JSON as Python writes it, NaN and lone surrogates included."""
    return json.dumps(value)
