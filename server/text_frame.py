"""The bytes of an unmasked WebSocket text frame: what a server sends."""

from struct import Struct

_SHORT = tuple(bytes((0x81, size)) for size in range(126))
_medium = Struct("!BBH").pack
_long = Struct("!BBQ").pack


def text_frame(payload: bytes) -> bytes:
    """One final, unfragmented frame.

    Args:
        payload: UTF-8 text, at most 2**63 - 1 bytes.
    """
    size = len(payload)
    if size < 126:
        return _SHORT[size] + payload
    return (_medium(0x81, 126, size) if size < 65536 else _long(0x81, 127, size)) + payload
