"""The ``reward:`` block: the range of rewards and what counts as success, or what RFC 006 leaves free."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, WithJsonSchema, field_validator

from openenv_tasksets.declaration_issues import mistake, raise_all, unknown_name
from openenv_tasksets.declared_field import Declared, Json, Number, Parsed, Text
from openenv_tasksets.issue_list import shown

_Bound = Annotated[float, Number()]
_CONVENTION = Text("a convention's name, a number or a mapping")
_NEAR_MISS = 0.8


def _range(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise mistake(f"expected the lowest and the highest reward, as in [0, 1]; got {shown(value)}")
    low, high = (Number().check(bound) for bound in value)
    if low >= high:
        raise mistake(f"the lowest reward must be below the highest; got {low:g} and {high:g}")
    return low, high


class RewardDeclaration(Declared):
    """What the numbers mean."""

    range: Annotated[
        tuple[float, float] | None,
        Parsed(_range, tuple[_Bound, _Bound] | None),
    ] = Field(default=None, description="The lowest and the highest reward.")
    success_threshold: _Bound | None = Field(
        default=None, description="The reward from which on a task counts as solved."
    )

    @field_validator("success_threshold")
    @classmethod
    def _within_range(cls, threshold: float | None, info: ValidationInfo) -> float | None:
        bounds = info.data.get("range")
        if threshold is not None and bounds is not None and not bounds[0] <= threshold <= bounds[1]:
            raise mistake(f"{threshold:g} is outside the range [{bounds[0]:g}, {bounds[1]:g}]")
        return threshold


Reward = RewardDeclaration | str | float | Mapping[str, Any] | None


def _reward(value: Any) -> Reward:
    if value is None or isinstance(value, RewardDeclaration):
        return value
    ours = RewardDeclaration.model_fields
    if isinstance(value, Mapping) and set(value) <= set(ours):
        return RewardDeclaration.model_validate(value)
    free: Any = Json().check(value)
    if isinstance(free, Mapping):
        raise_all(
            ((key,), unknown_name("unknown key", key, ours))
            for key in free
            if key not in ours and difflib.get_close_matches(key[:60], ours, 1, _NEAR_MISS)
        )
        return free
    if isinstance(free, int | float) and not isinstance(free, bool):
        return float(free)
    return _CONVENTION.check(free)


_Free = Annotated[
    Any, WithJsonSchema({"type": "object", "not": {"propertyNames": {"enum": ["range", "success_threshold"]}}})
]
_Convention = Annotated[str, Field(min_length=1, max_length=1024)]

DeclaredReward = Annotated[Reward, Parsed(_reward, RewardDeclaration | _Bound | _Convention | _Free | None)]
"""Our own keys, or whatever else RFC 006 allows: a convention's name, a scalar, an object."""
