"""One session's environment behind a URL: a WebSocket to an OpenEnv server, and never a second one in an episode."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from openenv_tasksets.loaders.errors import EnvironmentFailed, TasksetError, TimeExceeded
from openenv_tasksets.server.failure import within
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.runtime import CLOSE_SECONDS, NO_OPTIONS, UpstreamLost
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.server.upstream import UpstreamSocket
from openenv_tasksets.server.upstream_frame import Asked, read_answer, read_outcome, read_unasked, write_request

OpenSocket = Callable[[], Awaitable[UpstreamSocket]]

_CLOSE = b'{"type":"close"}'
_TOO_BIG = 1009


class Relay:
    """An environment instance for one session; see ``openenv_tasksets.server.runtime``.

    A connection that is lost, or whose answers cannot be told apart any more, ends the episode: another one has
    another environment. Only a ``reset`` opens one anew.

    Args:
        name: The environment's, for errors.
        open_socket: Connects, to where the server is now.
        answer_seconds: How long to wait for an answer at most, > 0; None waits for ever.
    """

    def __init__(self, name: str, open_socket: OpenSocket, answer_seconds: float | None) -> None:
        self._name = name
        self._open_socket = open_socket
        self._answer_seconds = answer_seconds
        self._socket: UpstreamSocket | None = None

    @classmethod
    async def start(
        cls, name: str, open_socket: OpenSocket, answer_seconds: float | None = None, timeout_s: float | None = None
    ) -> "Relay":
        """Connect, and wait until the server has an environment for it.

        Raises:
            CapacityReached: The server has no session left.
            EnvironmentFailed: There is no such server, or it cannot make the environment.
            TimeExceeded: It took longer than ``timeout_s`` or ``answer_seconds``.
        """
        relay = cls(name, open_socket, answer_seconds)
        await within(relay._connect(), relay._seconds(timeout_s))
        return relay

    async def reset(self, arguments: Mapping[str, Any], timeout_s: float | None = None) -> Outcome:
        """Begin an episode, over a new connection where the one before was lost."""
        if self._socket is None or self._socket.state is not State.OPEN:
            await within(self._connect(), self._seconds(timeout_s))
        return self._outcome(await self._ask("reset", arguments, timeout_s))

    async def step(
        self,
        action: Mapping[str, Any],
        timeout_s: float | None = None,
        options: Mapping[str, Any] = NO_OPTIONS,  # noqa: ARG002 - the protocol's
    ) -> Outcome:
        """Take one action; OpenEnv's WebSocket has no place for options."""
        return self._outcome(await self._ask("step", action, timeout_s))

    async def state(self, timeout_s: float | None = None) -> dict[str, Any]:
        """The environment's state."""
        return await self._ask("state", None, timeout_s)

    async def ask_tools(self, request: Mapping[str, Any], timeout_s: float | None = None) -> Outcome:
        """Pass a request for tools on."""
        return Outcome(await self._ask("mcp", request, timeout_s), None, False)

    async def close(self, timeout_s: float = CLOSE_SECONDS) -> None:
        """End the server's session: its slot is free when this returns, unless it takes too long."""
        socket, self._socket = self._socket, None
        if socket is None:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await socket.send(_CLOSE, text=True)
                while True:
                    await socket.read()
        except (ConnectionClosed, TimeoutError):
            pass
        finally:
            socket.transport.abort()

    async def _connect(self) -> None:
        self._drop()
        self._socket = await self._open_socket()
        try:
            # Nothing greets a client: a server that is full says so in its first answer.
            await self._ask("state", None, None)
        except EnvironmentFailed:
            if self._socket is None:
                raise
            # Some have a session, but no state before the first reset().

    def _outcome(self, data: Mapping[str, Any]) -> Outcome:
        try:
            return read_outcome(self._name, data)
        except UpstreamLost:
            self._drop()
            raise

    async def _ask(self, asked: Asked, data: Mapping[str, Any] | None, timeout_s: float | None) -> dict[str, Any]:
        socket = self._socket
        if socket is None:
            raise UpstreamLost(f"environment {self._name!r} has no connection any more; reset() begins anew")
        request = write_request(self._name, asked, data)
        try:
            frame = await within(self._exchange(socket, request), self._seconds(timeout_s))
            return read_answer(self._name, asked, frame)
        except ConnectionClosed as exc:
            self._drop()
            raise UpstreamLost(self._epitaph(asked, exc)) from None
        except TasksetError as exc:
            if isinstance(exc, TimeExceeded | UpstreamLost | CapacityReached):
                self._drop()
            raise
        except BaseException:
            # An answer that still comes must not be taken for another's.
            self._drop()
            raise

    async def _exchange(self, socket: UpstreamSocket, request: bytes) -> bytes:
        if socket.unread:
            raise read_unasked(self._name, await socket.read())
        with contextlib.suppress(ConnectionClosed):
            await socket.send(request, text=True)
        # Also of a closed connection: what the server said before it closed is still to be read.
        return await socket.read()

    def _epitaph(self, asked: Asked, exc: ConnectionClosed) -> str:
        sent = exc.sent is not None and exc.sent.code == _TOO_BIG
        why = "its answer is too large" if sent else "the connection to it is lost"
        return f"environment {self._name!r}: {why}, in {asked}, and with it the episode; reset() begins anew"

    def _seconds(self, timeout_s: float | None) -> float | None:
        given = [each for each in (timeout_s, self._answer_seconds) if each is not None]
        return min(given, default=None)

    def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.abort()
