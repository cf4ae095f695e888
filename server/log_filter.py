"""What other packages log of a server: no token, and no error where nothing is wrong."""

import logging

_WITH_TOKENS = frozenset(("authorization", "sec-websocket-protocol"))
_REFUSED = "ASGI callable returned without completing handshake."


def filter_logs() -> None:
    """Pass what uvicorn, websockets and the SDK for the Model Context Protocol log through ``keep``."""
    for name in ("uvicorn.error", "websockets.server", "mcp.server.streamable_http"):
        logging.getLogger(name).addFilter(keep)


def keep(record: logging.LogRecord) -> bool:
    """Whether to log a record, whose headers with tokens lose their values.

    Not logged is that a connection was refused by a response, and that a client of MCP has ended its own stream: both
    would be errors, the latter with a traceback.
    """
    if isinstance(record.args, tuple) and len(record.args) == 2 and str(record.args[0]).lower() in _WITH_TOKENS:
        record.args = (record.args[0], "…")
    if record.msg == _REFUSED:
        return False
    return not (record.exc_info and type(record.exc_info[1]).__name__ == "ClosedResourceError")
