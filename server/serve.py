"""Serves an application until it is told to stop: the socket, uvicorn, and the two signals."""

import errno
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Literal

import uvicorn

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.app import Application
from openenv_tasksets.server.connection_limits import ConnectionLimits, limited_http
from openenv_tasksets.server.conversation import HARD_LIMIT_BYTES
from openenv_tasksets.server.fast_websocket import protocol_for
from openenv_tasksets.server.log_filter import filter_logs

Transport = Literal["fast", "plain"]
_BACKLOG = 2048
_GRACE_S = 10
_KILLED_BY = 128
DEFAULT_DRAIN_SECONDS = 20.0


def serve(
    app: Application,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    transport: Transport = "fast",
    drain_seconds: float = DEFAULT_DRAIN_SECONDS,
    limits: ConnectionLimits | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then let running answers finish, for at most ten seconds, and return.

    After SIGTERM, running episodes may be played to their end before that, and none begins. A second signal ends the
    process at once, with the exit code of one that the signal has killed.

    To be called on the main thread. Logging is the caller's to set up.

    Args:
        app: The application.
        host: Address to listen on.
        port: In [0, 65535]; 0 takes a free one.
        on_ready: Called once with the base URL, without a trailing slash, when connections are accepted.
        transport: As in ``uvicorn_config``.
        drain_seconds: How long running episodes are waited for after SIGTERM, >= 0.
        limits: Of its connections; None is the usual ones.

    Raises:
        TasksetError: The address is taken or not one of this machine's.
    """
    listener = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    config = uvicorn_config(app, transport, limits)
    with listener, _stopped_is_done():
        _Server(config, app, drain_seconds, lambda: on_ready(url)).run(sockets=[listener])


def uvicorn_config(
    app: Application, transport: Transport = "fast", limits: ConnectionLimits | None = None, **settings: Any
) -> uvicorn.Config:
    """How uvicorn serves an application.

    Messages are not compressed: it costs a fifth of the processor's time, and memory for every connection.

    Args:
        app: The application.
        transport: Its WebSockets: ``fast``, directly from the sessions, or ``plain``, through ASGI.
        limits: Of its connections; None is the usual ones.
        settings: Further ones of ``uvicorn.Config``.
    """
    filter_logs()
    return uvicorn.Config(
        app,
        http=limited_http(limits or ConnectionLimits(), app.entrance),
        ws=protocol_for(app.hosts, app.gate) if transport == "fast" else "websockets-sansio",
        ws_max_size=HARD_LIMIT_BYTES,
        ws_per_message_deflate=False,
        **{"log_config": None, "access_log": False, "timeout_graceful_shutdown": _GRACE_S, **settings},
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready, and drains."""

    def __init__(
        self, config: uvicorn.Config, app: Application, drain_seconds: float, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds
        self._on_ready = on_ready

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(_KILLED_BY + sig)
        if sig == signal.SIGINT:  # somebody at a terminal, who waits
            self._drain_seconds = 0.0
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._drain_seconds:
            # The socket stays open: who comes now is told why nothing begins.
            await self._app.drain(self._drain_seconds)
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was loaded stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        self._on_ready()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise TasksetError(f"cannot listen: {exc.strerror}{_advice(exc, host)}") from exc


def _advice(exc: OSError, host: str) -> str:
    if isinstance(exc, socket.gaierror) or exc.errno == errno.EADDRNOTAVAIL:
        return f"; {host} is not an address of this machine"
    return "; port 0 takes a free one" if exc.errno in (errno.EADDRINUSE, errno.EACCES) else ""


@contextmanager
def _stopped_is_done() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more when it is done; here that must not end the process."""
    handlers = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
