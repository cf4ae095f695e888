"""Faults on demand: which request fails, and how."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from loopback_hub.request_log import RequestRecord

FaultKind: TypeAlias = Literal["429", "500", "reset", "stall", "cut", "lost-answer", "etag", "short", "drip"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
"""``429``, ``500``, ``reset`` and ``stall``: the request has no effect, and is answered by a status, by a TCP reset, or
never. ``cut`` and ``lost-answer``: it has its effect, and the answer ends in its middle, or is a TCP reset.
``etag``, ``short`` and ``drip``: the answer says that it is of another file, lacks its last byte and does not say so,
or comes a few bytes at a time."""


@dataclass(slots=True)
class Fault:
    """One armed fault.

    Attributes:
        nth: The matching request that fails, from 1.
        every: Whether all matching requests after it fail too.
        matching: Which requests count, or None for all of them.
        seen: Matching requests so far.
        fired: Requests that this fault has failed.
    """

    how: FaultKind
    nth: int
    every: bool
    matching: Callable[[RequestRecord], bool] | None
    seen: int = 0
    fired: int = 0

    def takes(self, request: RequestRecord) -> bool:
        """Count the request, and say whether it is one that fails."""
        if self.matching is not None and not self.matching(request):
            return False
        self.seen += 1
        taken = self.seen == self.nth or (self.every and self.seen > self.nth)
        self.fired += taken
        return taken


class Faults:
    """All armed faults, shared by the threads that serve."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []

    def arm(self, how: FaultKind, *, nth: int, every: bool, matching: Callable[[RequestRecord], bool] | None) -> None:
        """Add a fault; requests are counted from now."""
        if how not in FAULT_KINDS:
            raise ValueError(f"how: {how!r} is not one of {', '.join(FAULT_KINDS)}")
        if nth < 1:
            raise ValueError(f"nth: {nth} is not a request, the first one is 1")
        with self._lock:
            self._armed.append(Fault(how, nth, every, matching))

    def disarm(self) -> None:
        """Forget all faults, and let go of what is stalled."""
        with self._lock:
            self._armed = []

    @property
    def armed(self) -> bool:
        """Whether there are faults, fired or not."""
        return bool(self._armed)

    @property
    def fired(self) -> int:
        """How many requests the armed faults have failed."""
        with self._lock:
            return sum(fault.fired for fault in self._armed)

    def take(self, request: RequestRecord) -> FaultKind | None:
        """How this request fails, or None for one that is served; every armed fault counts it."""
        with self._lock:
            taken = [fault.how for fault in self._armed if fault.takes(request)]
        return taken[0] if taken else None
