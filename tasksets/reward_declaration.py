"""The ``reward:`` block: the range of rewards and what counts as success, or what RFC 006 leaves free."""

from collections.abc import Mapping
from typing import Any

from openenv_tasksets.declaration_issues import Wrong, unknown_name, wrong
from openenv_tasksets.declared_kind import Nullable, Parsed
from openenv_tasksets.declared_part import Contradictions, Declared, field
from openenv_tasksets.declared_value import Json, Number, Text
from openenv_tasksets.issue_list import shown

_NUMBER = Number()
_CONVENTION = Text("a convention's name, a number or a mapping")
_NEAR_MISS = 0.8


def _range(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise wrong(f"expected the lowest and the highest reward, as in [0, 1]; got {shown(value)}")
    low, high = (_NUMBER.check(bound) for bound in value)
    if low >= high:
        raise wrong(f"the lowest reward must be below the highest; got {low:g} and {high:g}")
    return low, high


_PAIR = {"type": "array", "prefixItems": [_NUMBER.json_schema()] * 2, "minItems": 2, "maxItems": 2}


class RewardDeclaration(Declared):
    """What the numbers mean."""

    range: tuple[float, float] | None = field(
        Parsed(_range, (_PAIR, {"type": "null"})), "The lowest and the highest reward.", default=None
    )
    success_threshold: float | None = field(
        Nullable(_NUMBER), "The reward from which on a task counts as solved.", default=None
    )

    @classmethod
    def _contradictions(cls, values: Mapping[str, Any]) -> Contradictions:
        threshold, bounds = values.get("success_threshold"), values.get("range")
        if threshold is not None and bounds is not None and not bounds[0] <= threshold <= bounds[1]:
            yield "success_threshold", f"{threshold:g} is outside the range [{bounds[0]:g}, {bounds[1]:g}]"


Reward = RewardDeclaration | str | float | Mapping[str, Any] | None

_OURS = tuple(RewardDeclaration.whole_schema()["properties"])


def _reward(value: Any) -> Reward:
    if value is None or isinstance(value, RewardDeclaration):
        return value
    if isinstance(value, Mapping) and set(value) <= set(_OURS):
        return RewardDeclaration.check(value)
    free: Any = Json().check(value)
    if isinstance(free, Mapping):
        near = [key for key in free if key not in _OURS and _is_near_miss(key)]
        if near:
            raise Wrong([unknown_name("unknown key", key, _OURS, key) for key in near])
        return free
    if isinstance(free, int | float) and not isinstance(free, bool):
        return float(free)
    return _CONVENTION.check(free)


def _is_near_miss(key: str) -> bool:
    import difflib

    return bool(difflib.get_close_matches(key[:60], _OURS, 1, _NEAR_MISS))


DECLARED_REWARD = Parsed(
    _reward,
    (
        RewardDeclaration,
        _NUMBER,
        {"type": "string", "minLength": 1, "maxLength": 1024},
        {"type": "object", "not": {"propertyNames": {"enum": list(_OURS)}}},
        {"type": "null"},
    ),
)
"""Our own keys, or whatever else RFC 006 allows: a convention's name, a scalar, an object."""
