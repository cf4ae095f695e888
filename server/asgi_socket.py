"""One WebSocket over ASGI, of which hardly more is kept than what it is spoken through: Starlette's takes 1 KiB."""

import contextlib
from collections.abc import Sequence

from starlette.types import Message, Receive, Scope, Send

from openenv_tasksets.server.conversation import NORMAL
from openenv_tasksets.server.gate import select_subprotocol

GONE = (OSError, RuntimeError)
"""What ``send`` raises where the client is gone; the second, uvicorn where it has closed the connection itself."""


class SocketClosed(Exception):
    """The client is gone."""


class AsgiSocket:
    """A client's WebSocket.

    Args:
        receive: ASGI's.
        send: ASGI's.

    Attributes:
        receive: As given.
        send: As given. It raises one of ``GONE`` where the client is gone, which is what is received next.
        open: Whether it is accepted and was not closed from this side.
    """

    __slots__ = ("open", "receive", "send")

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive = receive
        self.send = send
        self.open = False

    async def accept(self, scope: Scope, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer the opening handshake.

        Args:
            scope: The connection's.
            headers: To be answered.

        Raises:
            SocketClosed: The client is gone.
        """
        if (await self.receive())["type"] != "websocket.connect":
            raise SocketClosed
        subprotocol = select_subprotocol(scope["subprotocols"])
        try:
            await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": list(headers)})
        except GONE as exc:
            raise SocketClosed from exc
        self.open = True

    async def answer(self, frame: bytes | None) -> bool:
        """Send a text frame, or close for None; whether it is open still."""
        if frame is None:
            await self.close(NORMAL)
        elif self.open:
            with contextlib.suppress(*GONE):
                await self.send({"type": "websocket.send", "text": frame.decode()})
        return self.open

    async def end(self, frame: bytes, code: int) -> None:
        """Send a last frame, and close."""
        if await self.answer(frame):
            await self.close(code)

    async def close(self, code: int) -> None:
        """Begin the closing handshake; a second call does nothing."""
        if self.open:
            self.open = False
            with contextlib.suppress(*GONE):
                await self.send({"type": "websocket.close", "code": code})


def frame_of(message: Message) -> str | bytes:
    """The frame that was received.

    Raises:
        SocketClosed: None was: the client is gone.
    """
    if message["type"] == "websocket.disconnect":
        raise SocketClosed
    text: str | None = message.get("text")
    return message["bytes"] if text is None else text


def broke(message: Message) -> bool:
    """Whether a client that is gone went without a word."""
    # uvicorn gives a reason, if an empty one, exactly where the client sent a close frame.
    return "reason" not in message
