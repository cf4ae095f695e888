"""For tests of WebSocket's own rules: a client that says exactly what it is told to, and what it is told to say."""

import json
import socket

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
STATE = b'{"type":"state"}'
RESET = b'{"type":"reset","data":{"index":0}}'
MIB = 2**20


class Echo:
    """Answers with the size of what it is told, and with as much as is wanted."""

    blocking = False

    def reset(self, question):
        return {"question": question}

    def step(self, action):
        return {"size": len(action.get("answer", "")), "echo": "x" * action.get("want", 0), "done": False}

    state = None

    def close(self):
        pass


class Raw:
    """A client that says exactly what it is told to."""

    def __init__(self, url, path="/quiz/ws", headers=()):
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            *headers,
            "",
            "",
        ]
        self.socket.sendall("\r\n".join(lines).encode())
        self.rest = b""
        self.head = self.until(b"\r\n\r\n").decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def until(self, mark):
        while mark not in self.rest:
            self.rest += self.more()
        found, _, self.rest = self.rest.partition(mark)
        return found

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        return data

    def exactly(self, size):
        while len(self.rest) < size:
            self.rest += self.more()
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def send(self, opcode, payload=b"", *, fin=True, reserved=0, mask=True):
        self.socket.sendall(frame(opcode, payload, fin=fin, reserved=reserved, mask=mask))

    def frame(self):
        """Opcode and payload of the next frame; None at the end of the connection."""
        try:
            first, second = self.exactly(2)
            assert second < 128, "a server does not mask"
            size = second
            if second > 125:
                size = int.from_bytes(self.exactly(2 if second == 126 else 8), "big")
            return first & 15, self.exactly(size)
        except (EOFError, ConnectionResetError):
            return None

    def asks_state(self):
        """Whether the session answers."""
        self.send(TEXT, STATE)
        opcode, payload = self.frame()
        return opcode == TEXT and json.loads(payload)["type"] == "state"

    def closed_with(self):
        """The code of the closing frame, which is followed by nothing but the end."""
        opcode, payload = self.frame()
        assert opcode == CLOSE, payload
        assert self.frame() is None
        return int.from_bytes(payload[:2], "big") if payload else None


def frame(opcode, payload=b"", *, fin=True, reserved=0, mask=True):
    """The bytes of one frame."""
    size = len(payload)
    bits = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if size < 126:
        head += bytes([bits | size])
    elif size < 65536:
        head += bytes([bits | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bits | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = b"7\xfa!="  # the same in every process that collects these tests
    masked = int.from_bytes(payload, "big") ^ int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return head + key + masked.to_bytes(size, "big")


def padded(size):
    """A step of exactly so many bytes, and how long its answer is."""
    empty = b'{"type":"step","data":{"answer":""}}'
    return empty.replace(b'""', b'"' + b"x" * (size - len(empty)) + b'"'), size - len(empty)
