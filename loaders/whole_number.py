"""Whole numbers within bounds, one or many, checked at the border of what counts with them."""

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def whole(name: str, value: object, allowed: range, error: type[Exception] = ValueError) -> int:
    """``value`` as an int; bool and float are refused.

    Args:
        name: What it is, for messages.
        value: What was given.
        allowed: The values that there are.
        error: What to raise for another.

    Raises:
        TypeError: It is not an integer.
        error: It is not in ``allowed``.
    """
    # Most are plain ints, and asking the ABC costs more than all else here.
    if isinstance(value, bool) or not (type(value) is int or isinstance(value, Integral)):
        raise TypeError(f"{name} is {value!r}; expected an integer")
    number = int(value)
    if number not in allowed:
        raise error(f"{name} is {number}; expected {allowed[0]} to {allowed[-1]}")
    return number


def whole_array(
    name: str,
    values: "Sequence[int] | NDArray[np.int64]",
    allowed: range,
    error: type[Exception] = ValueError,
) -> "NDArray[np.int64]":
    """Many integers as an array, each checked as ``whole`` does."""
    import numpy as np

    if isinstance(values, range) and values:
        whole(name, values[0], allowed, error)
        whole(name, values[-1], allowed, error)
        step = values.step if len(values) > 1 else 0
        return values[0] + step * np.arange(len(values), dtype=np.int64)
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        # An empty list, or something to name: one value at a time says which.
        return np.array([whole(name, value, allowed, error) for value in values], dtype=np.int64)
    if array.ndim != 1:
        raise ValueError(f"{name}s have {array.ndim} dimensions; expected 1")
    if len(array):
        whole(name, int(array.min()), allowed, error)
        whole(name, int(array.max()), allowed, error)
    return array.astype(np.int64)
