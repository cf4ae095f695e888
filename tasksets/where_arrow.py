"""Conditions over whole blocks at once: by what is known of a block, or by Arrow's own comparisons.

Only where the outcome is the same as Python's, value by value; for everything else the answer is that there is
none, and ``Condition.holds`` is asked. (Arrow would compare an integer with a float inexactly, take NaN for equal
to itself in a set, and not know that true equals 1.)
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from openenv_tasksets.loaders.rows import ValueRange
from openenv_tasksets.where import Condition

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_MOST_EXACT = 2**53
_MOST_ALTERNATIVES = 1000
_UNFIT = (pa.ArrowException, OverflowError, ValueError, TypeError)


def excludes(known: ValueRange, condition: Condition) -> bool:
    """Whether no value of a block can pass, by its bounds."""
    wanted = condition.operand
    match condition.comparison:
        case "==":
            return _has_none(known, wanted)
        case "in":
            return all(_has_none(known, each) for each in wanted)
        case "!=":
            same = _are_ordered(known, wanted) and known.low == known.high == wanted
            return same and known.nulls == 0 and not isinstance(known.low, float)
    if not _are_ordered(known, wanted):
        return False
    match condition.comparison:
        case "<":
            return bool(known.low >= wanted)
        case "<=":
            return bool(known.low > wanted)
        case ">":
            return bool(known.high <= wanted)
    return bool(known.high < wanted)


def holds(values: pa.ChunkedArray, condition: Condition) -> "NDArray[np.bool_] | None":
    """Whether each value passes; None where Arrow's answer may not be Python's."""
    try:
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if condition.comparison == "in":
            mask = _is_in(values, condition.operand)
        else:
            mask = _compare(values, condition.comparison, condition.operand)
    except _UNFIT:
        return None
    if mask is None:
        return None
    return np.asarray(mask.to_numpy(), dtype=np.bool_)


def _has_none(known: ValueRange, wanted: Any) -> bool:
    if wanted is None:
        return known.nulls == 0
    return _are_ordered(known, wanted) and bool(wanted < known.low or wanted > known.high)


def _are_ordered(known: ValueRange, wanted: Any) -> bool:
    numbers = type(known.low) in (int, float) and type(wanted) in (int, float)
    return numbers or (type(known.low) is str and type(wanted) is str)


def _compare(values: pa.ChunkedArray, comparison: str, wanted: Any) -> pa.ChunkedArray | None:
    if wanted is None:
        if comparison == "==":
            return values.is_null()
        return values.is_valid() if comparison == "!=" else None
    found = _alike(values, wanted)
    if found is None or (pa.types.is_boolean(values.type) and comparison not in ("==", "!=")):
        return None
    values, operand = found
    # Null equals nothing but null, and passes no order comparison.
    return pc.fill_null(_COMPARISONS[comparison](values, operand), comparison == "!=")


def _is_in(values: pa.ChunkedArray, allowed: tuple[Any, ...]) -> pa.ChunkedArray | None:
    present = [each for each in allowed if each is not None]
    found = [_alike(values, each) for each in present]
    if any(each is None for each in found) or len(found) > _MOST_ALTERNATIVES:
        return None
    mask = values.is_null() if None in allowed else pa.chunked_array([np.zeros(len(values), dtype=np.bool_)])
    if found and not pa.types.is_floating(values.type):
        # Nulls are not in the set, so they are no match.
        return pc.or_(mask, pc.is_in(values, value_set=pa.array([each[1] for each in found if each is not None])))
    for each in found:
        if each is not None:
            mask = pc.or_(mask, pc.fill_null(pc.equal(*each), False))
    return mask


def _alike(values: pa.ChunkedArray, wanted: Any) -> tuple[pa.ChunkedArray, pa.Scalar] | None:
    """The values and the operand as one Arrow type in which they compare as in Python."""
    kind = values.type
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return (values, pa.scalar(wanted, type=kind)) if type(wanted) is str else None
    if types.is_boolean(kind):
        return (values, pa.scalar(wanted)) if type(wanted) is bool else None
    if type(wanted) not in (int, float):
        return None
    if types.is_integer(kind):
        if wanted != wanted or math.isinf(wanted) or wanted != int(wanted):
            return None
        return values, pa.scalar(int(wanted), type=kind)
    if types.is_floating(kind) and (type(wanted) is float or abs(wanted) <= _MOST_EXACT):
        return values.cast(pa.float64()), pa.scalar(float(wanted), type=pa.float64())
    return None
