"""What other packages log of a server: never a token, and no error where nothing is wrong."""

import logging

import pytest

from openenv_tasksets.server.log_filter import filter_logs, keep

TOKEN = "a-token-of-the-trainer"
LOGGERS = ("uvicorn.error", "websockets.server", "mcp.server.streamable_http")


@pytest.fixture(params=LOGGERS)
def logger(request, caplog):
    logger = logging.getLogger(request.param)
    before = list(logger.filters)
    logger.addHandler(caplog.handler)
    filter_logs()
    with caplog.at_level(logging.DEBUG, logger=request.param):
        yield logger
    logger.removeHandler(caplog.handler)
    logger.filters[:] = before


@pytest.mark.parametrize("name", ["Authorization", "authorization", "Sec-WebSocket-Protocol"])
def test_headers_with_tokens_lose_their_values(logger, caplog, name):
    logger.debug("< %s: %s", name, f"Bearer {TOKEN}")
    assert TOKEN not in caplog.text
    assert f"< {name}: …" in caplog.text


@pytest.mark.parametrize("arguments", [("Host", "127.0.0.1"), ("GET", "/ws", 1), (), ({"a": 1},)], ids=str)
def test_all_else_is_logged_as_it_is(logger, caplog, arguments):
    logger.info(" ".join(["%s"] * len(arguments)) or "started", *arguments)
    assert " ".join(map(str, arguments)) in caplog.text
    assert len(caplog.records) >= 1


def test_a_connection_that_was_refused_by_a_response_is_no_error(logger, caplog):
    logger.error("ASGI callable returned without completing handshake.")
    assert caplog.records == []


def test_the_end_of_a_clients_own_stream_is_no_error_and_other_exceptions_are():
    class ClosedResourceError(Exception):
        pass

    def record(exc):
        return logging.LogRecord("mcp", logging.ERROR, "", 0, "failed", (), (type(exc), exc, None))

    assert not keep(record(ClosedResourceError()))
    assert keep(record(ValueError()))
    assert keep(logging.LogRecord("mcp", logging.ERROR, "", 0, "failed", (), None))
