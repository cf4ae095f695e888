"""Serving: ready when it says so, over when it is told so, and clear when it cannot begin."""

import http.client
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.app import Application, create_app
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.serve import serve


@pytest.fixture
def app(quiz_taskset: Any, quiz_environment: type[Any]) -> Application:
    return create_app([Host(quiz_taskset, quiz_environment)])


def then_stop(act: Callable[[str], None], with_signal: signal.Signals) -> Callable[[str], None]:
    """An ``on_ready`` that acts on a thread and then signals this process, as a user would."""

    def on_ready(url: str) -> None:
        def run() -> None:
            try:
                act(url)
            finally:
                os.kill(os.getpid(), with_signal)

        threading.Thread(target=run).start()

    return on_ready


def get(url: str, path: str) -> bytes:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_once_it_is_ready_and_returns_when_signalled(app: Application, with_signal: signal.Signals) -> None:
    seen: list[bytes] = []
    before = signal.getsignal(with_signal)

    serve(app, host="127.0.0.1", port=0, on_ready=then_stop(lambda url: seen.append(get(url, "/health")), with_signal))

    assert seen == [b'{"status":"healthy"}']
    assert signal.getsignal(with_signal) is before, "the caller's own handler is back"


def test_the_url_has_the_host_as_it_was_given_and_the_port_that_was_taken(app: Application) -> None:
    seen: list[str] = []

    serve(app, host="localhost", port=0, on_ready=then_stop(seen.append, signal.SIGTERM))

    parts = urlsplit(seen[0])
    assert (parts.scheme, parts.hostname, parts.path) == ("http", "localhost", "")
    assert parts.port != 0


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(app: Application) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TasksetError, match=r"cannot listen: Address already in use.*port 0 takes a free one"):
            serve(app, host="127.0.0.1", port=port, on_ready=lambda _url: None)


def test_an_address_of_another_machine_is_an_error(app: Application) -> None:
    with pytest.raises(TasksetError, match="cannot listen: Cannot assign requested address"):
        serve(app, host="192.0.2.1", port=0, on_ready=lambda _url: None)
