"""A WebSocket's messages, out of the bytes of a transport, and its ends.

Framing is that of the library ``websockets``, but for what nearly every frame is: one final, unreserved text or
binary frame outside of a fragmented message. The bounds of a frame are found here, so that the library always stands
at one; handed to it, such a frame and its answer took 11 us, here 1 us.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.speedups import apply_mask

from openenv_tasksets.server.conversation import HARD_LIMIT_BYTES as LIMIT
from openenv_tasksets.server.handshake import server_protocol
from openenv_tasksets.server.text_frame import text_frame

KEEPALIVE_FAILED = 1011

CLOSE_SECONDS = 10.0
"""How long a client has to close its side of a connection that is closing."""


class MessageProtocol(asyncio.Protocol):
    """One connection of uvicorn's, from its upgrade request on. A subclass answers that, and the messages.

    Args:
        config: Of the server.
        server_state: Of the server, which knows its connections.
    """

    def __init__(self, config: uvicorn.Config, server_state: ServerState) -> None:
        self._config = config
        self._server_state = server_state
        self._loop = asyncio.get_running_loop()
        self._library = server_protocol()
        self._buffer = bytearray()
        self._needed = 0
        self._fragments: list[bytes] | None = None
        self._is_text = True
        self._open_now = False
        self._lost = False
        self._heard = True
        self._timer: asyncio.TimerHandle | None = None

    # What a subclass says

    def _open(self, request: Request, data: bytes) -> None:
        """Answer the request to upgrade, whose bytes are given too."""
        raise NotImplementedError

    def _receive_message(self, payload: bytes, *, is_text: bool) -> None:
        """A whole message came."""
        raise NotImplementedError

    def _is_full(self) -> bool:
        """Whether no more messages may wait for an answer, so that the client is not listened to."""
        raise NotImplementedError

    def _closing(self) -> None:
        """A closing handshake has begun: nothing more is answered, and only its end is waited for."""
        raise NotImplementedError

    # What the transport and the server call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection was an HTTP one so far."""
        self._transport = cast("asyncio.Transport", transport)
        self._server_state.connections.add(cast("Any", self))

    def data_received(self, data: bytes) -> None:
        """Bytes of any number of frames; the first ones are the upgrade request."""
        self._heard = True
        if not self._open_now:
            self._receive_unopened(data)
            return
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        taken = self._take_frames(data)
        if taken == len(data):
            return
        if self._library.state is State.OPEN:
            self._buffer += data[taken:]
        else:
            self._receive_unopened(data[taken:])

    def eof_received(self) -> bool:
        """The client sends no more; nothing is left to say to it."""
        return False

    def connection_lost(self, _exc: Exception | None) -> None:
        """The connection is over."""
        self._lost = True
        self._server_state.connections.discard(cast("Any", self))
        if self._timer is not None:
            self._timer.cancel()

    def shutdown(self) -> None:
        """The server is stopping."""
        self._close(CloseCode.SERVICE_RESTART)
        self._transport.close()

    # Bytes in

    def _receive_unopened(self, data: bytes) -> None:
        """Bytes before the handshake, or after the closing one began."""
        if self._library.eof_sent:
            return
        self._library.receive_data(data)
        for event in self._library.events_received():
            if isinstance(event, Request):
                self._open(event, data)
            elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                self._flush()

    def _take_frames(self, data: bytes) -> int:
        """Take every whole frame; how many bytes that were."""
        at, size = 0, len(data)
        self._needed = 0
        while size - at >= 2 and self._open_now:
            first, second = data[at], data[at + 1]
            end = at + second - 122
            if first == 0x81 and 0x80 <= second < 0xFE and end <= size and self._fragments is None:
                # A short one; all that follows would find the same.
                self._receive_message(apply_mask(data[at + 6 : end], data[at + 2 : at + 6]), is_text=True)
                at = end
                continue
            head, length = 6, second & 0x7F
            if length >= 126:
                head = 8 if length == 126 else 14
                if size - at < head - 4:
                    break
                length = int.from_bytes(data[at + 2 : at + head - 4], "big")
            # What is wrong with a frame is seen in its first bytes, and the library's to say.
            room = LIMIT - (self._library.current_size or 0)
            if length > room or second < 0x80 or (first & 0x08 and length > 125):
                self._give_to_library(data[at:])
                return size
            end = at + head + length
            if end > size:
                self._needed = end - at
                break
            if (first == 0x81 or first == 0x82) and self._fragments is None:
                payload = apply_mask(data[at + head : end], data[at + head - 4 : at + head])
                self._receive_message(payload, is_text=first == 0x81)
            else:
                self._give_to_library(data[at:end])
            at = end
        return at

    def _give_to_library(self, data: bytes) -> None:
        self._library.receive_data(data)
        for event in self._library.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._receive_fragment(event)
        self._flush()

    def _receive_fragment(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT or self._fragments is None:
            self._fragments, self._is_text = [], frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            payload, self._fragments = b"".join(self._fragments), None
            self._receive_message(payload, is_text=self._is_text)

    # Bytes out

    def _send(self, frame: bytes) -> None:
        if self._open_now:
            self._transport.write(text_frame(frame))

    # Ends

    def _close(self, code: int) -> None:
        if self._open_now:
            self._library.send_close(code)
            self._flush()

    def _flush(self) -> None:
        """Write what the library has to say, and wait for the end of the connection where there is one to come."""
        for chunk in self._library.data_to_send():
            if chunk:
                self._transport.write(chunk)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
        self._open_now = self._library.state is State.OPEN
        if self._library.state is State.CLOSING:
            self._set_timer(CLOSE_SECONDS, self._transport.abort)
            self._closing()

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if self._lost else self._loop.call_later(seconds, call)

    def _ping(self) -> None:
        self._heard = False
        self._library.send_ping(b"")
        self._flush()
        self._set_timer(self._config.ws_ping_timeout or 20.0, self._check_heard)

    def _check_heard(self) -> None:
        if self._heard or self._is_full():
            self._keep_alive()
            return
        self._library.fail(KEEPALIVE_FAILED, "keepalive ping timeout")
        self._flush()
        self._transport.abort()

    def _keep_alive(self) -> None:
        interval, timeout = self._config.ws_ping_interval, self._config.ws_ping_timeout or 0.0
        if interval:
            self._set_timer(interval if self._timer is None else max(0.0, interval - timeout), self._ping)
