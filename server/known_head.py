"""The head of a request that a connection has had before: clients send the same one again and again.

Another request with it is recognised instead of parsed. Nothing is understood here that the parser has not understood
before: whatever differs by more than the digits of the body's length is for the parser.
"""

import re
from dataclasses import dataclass

_END = b"\r\n\r\n"
_ODD = re.compile(rb"\n(upgrade|transfer-encoding|expect)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_MOST_DIGITS = 7
_MOST_BYTES = 2048


@dataclass(frozen=True, slots=True)
class KnownHead:
    """The bytes of a request before its body.

    Attributes:
        before: All of them, or those before the digits of the body's length.
        after: Those after the digits; None where there is no length, and so no body.
    """

    before: bytes
    after: bytes | None

    @classmethod
    def of(cls, data: bytes, body: bytes) -> "KnownHead | None":
        """The head of one whole request; None where it is long, or another one with it might mean something else.

        Args:
            data: All that came, which the parser took for one request and no more.
            body: What it took for its body.
        """
        end = data.find(_END) + len(_END)
        head = data[:end]
        # Else the body came in chunks, there is more behind it, or lines end as they should not.
        if not len(_END) <= end <= _MOST_BYTES or data[end:] != body or _ODD.search(head):
            return None
        length = _LENGTH.search(head)
        if length is None:
            return None if body else cls(head, None)
        return cls(head[: length.start(1)], head[length.end(1) :]) if int(length[1]) == len(body) else None

    def body(self, data: bytes) -> bytes | None:
        """The body of a request, if this is its head and all of it is there, and nothing more."""
        before, after = self.before, self.after
        if after is None:
            return b"" if data == before else None
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + _MOST_DIGITS + 1)
        digits = data[start:end]
        if end < 0 or not digits.isdigit() or not data.startswith(after, end):
            return None
        body = data[end + len(after) :]
        return body if int(digits) == len(body) else None


def request_line(data: bytes) -> bytes:
    """What a head is looked up by: method, path and version."""
    return data[: data.find(b"\r")]
