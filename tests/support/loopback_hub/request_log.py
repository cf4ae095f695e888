"""Which requests came, what was answered, and how many bytes went each way."""

import threading
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Origin: TypeAlias = Literal["api", "cdn"]


@dataclass(slots=True)
class RequestRecord:
    """One request, in the order of arrival.

    Attributes:
        origin: Which of the two servers was asked.
        path: The request's target as it was sent, with its query.
        authorized: Whether the request carried a token, valid or not.
        range: The ``Range`` header, or None.
        status: HTTP status of the answer; None while there is none, and where a fault left none.
        bytes_in: Length of the request's body.
        bytes_out: Bytes of the answer's body that were sent.
        fault: How a fault failed the request, or None.
    """

    origin: Origin
    method: str
    path: str
    authorized: bool
    range: str | None = None
    status: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    fault: str | None = None


class RequestLog:
    """All requests since the last reset, shared by the threads that serve."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[RequestRecord] = []

    def begin(self, record: RequestRecord) -> None:
        """Add a request that has arrived; who serves it writes the rest into the record."""
        with self._lock:
            self._records.append(record)

    def reset(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._records = []

    @property
    def records(self) -> list[RequestRecord]:
        """Copies of all records, in the order of arrival."""
        with self._lock:
            return [replace(record) for record in self._records]
