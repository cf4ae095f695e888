"""A property that is computed once: without a lock, which a forked process could find taken for ever.

``functools.cached_property`` of Python 3.11 holds one, for all instances together, while it computes.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class cached_property(Generic[Value]):
    """Keeps the value in the instance's ``__dict__``. Threads that meet may each compute it, and get one value.

    Args:
        compute: Of the instance.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember the name."""
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "cached_property[Value]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object, owner: type) -> "cached_property[Value] | Value":
        """The value, computed the first time."""
        if instance is None:
            return self
        kept: Value = instance.__dict__.setdefault(self._name, self._compute(instance))
        return kept
