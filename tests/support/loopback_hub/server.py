"""Sockets: requests in, answers out, and the faults in between."""

import select
import socket
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from loopback_hub.errors import HubError
from loopback_hub.exchange import Request, Response, error_response, json_response
from loopback_hub.faults import FaultKind, Faults
from loopback_hub.request_log import Origin, RequestLog, RequestRecord
from loopback_hub.routes import answer
from loopback_hub.store import Store

_PIECE_BYTES = 1 << 18
_POLL_SECONDS = 0.005
_DRIP_BYTES, _DRIP_SECONDS = 16, 0.05
_ETAGS = ("ETag", "X-Linked-ETag")


class Server(ThreadingHTTPServer):
    """One origin on a free port of 127.0.0.1, served by a thread a connection.

    Attributes:
        lock: Held while a request is answered, so that each has its effect whole; shared by the origins.
        closing: Set once the server is to let go of every connection.
    """

    request_queue_size = 128

    def __init__(self, origin: Origin, store: Store, log: RequestLog, faults: Faults, lock: threading.RLock) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.origin: Origin = origin
        self.store = store
        self.log = log
        self.faults = faults
        self.lock = lock
        self.closing = threading.Event()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that was free."""
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, remembered from the moment that it is accepted, in a thread of its own."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of a mistake in this server, and nothing about clients that hang up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening, drop every connection and wait for the threads."""
        self.closing.set()
        self.shutdown()
        for connection, thread in list(self._connections.items()):
            with suppress(OSError):  # the client may be faster
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Serve one request, or fail it as told."""
        record = RequestRecord(
            self.server.origin, self.command, self.path, "Authorization" in self.headers, self.headers.get("Range")
        )
        self.server.log.begin(record)
        fault = self.server.faults.take(record)
        record.fault = fault
        body = self._read_body()
        record.bytes_in = len(body)
        # Read whole before the reset, so that every client meets it in the same place: where it waits for the answer.
        if fault == "reset":
            return self._reset()
        if fault == "stall":
            return self._stall()
        response = _failure(fault) if fault in ("429", "500") else self._answer(body)
        if fault == "lost-answer":
            return self._reset()
        if fault == "etag":
            response = replace(response, headers={**response.headers, **dict.fromkeys(_ETAGS, '"changed"')})
        if fault == "short":
            response = replace(response, body=response.body[:-1])
        record.status = response.status
        if fault == "drip":
            return self._drip(record, response)
        return self._send(record, response, cut=fault == "cut")

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _answer(self, body: bytes) -> Response:
        server = self.server
        with server.lock:
            try:
                # The other origin knows no users: what opens it is a signature.
                token = self.headers.get("Authorization") if server.origin == "api" else None
                account = server.store.authenticate(token)
            except HubError as exc:
                return error_response(exc)
            headers = {name.lower(): value for name, value in self.headers.items()}
            host = self.headers.get("Host", f"127.0.0.1:{server.port}")
            request = Request(server.origin, self.command, self.path, host, headers, body, account)
            return answer(server.store, request)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            pieces.append(self._read(size))
            self.rfile.readline()
        self._read(len(b"\r\n"))
        return b"".join(pieces)

    def _read(self, size: int) -> bytes:
        """A part of a body is no body: a client that dies while it sends has asked for nothing."""
        received = self.rfile.read(size)
        if len(received) < size:
            raise ConnectionAbortedError
        return received

    def _send(self, record: RequestRecord, response: Response, *, cut: bool, most: int | None = None) -> None:
        head = f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n"
        for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
            head += f"{name}: {value}\r\n"
        start = f"{head}\r\n".encode("latin-1", "replace")
        body = memoryview(b"" if self.command == "HEAD" else response.body)[:most]
        if cut:
            self.close_connection = True
            start, body = (start, body[: len(body) // 2]) if len(body) > 1 else (start[: len(start) // 2], body[:0])
        # Written before it is sent: a client that has its answer may read the log at once.
        record.bytes_out = len(body)
        sent = 0
        try:
            self.connection.sendall(start + body[:_PIECE_BYTES])
            for sent in range(_PIECE_BYTES, len(body), _PIECE_BYTES):
                self.connection.sendall(body[sent : sent + _PIECE_BYTES])
        except OSError:  # the client has hung up
            record.bytes_out = sent
            self.close_connection = True

    def _drip(self, record: RequestRecord, response: Response) -> None:
        """Send the head, and then a few bytes at a time until the client hangs up."""
        self.close_connection = True
        self._send(record, response, cut=False, most=0)
        body = memoryview(response.body)
        with suppress(OSError):
            for place in range(0, len(body), _DRIP_BYTES):
                if not self.server.faults.armed or self.server.closing.wait(_DRIP_SECONDS):
                    return
                self.connection.sendall(body[place : place + _DRIP_BYTES])

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The last reference closes the socket; with this option, by a reset instead of a goodbye.
        self.rfile.close()
        self.connection.close()

    def _stall(self) -> None:
        self.close_connection = True
        while self.server.faults.armed and not self.server.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], _POLL_SECONDS)
            if readable:  # whole requests are read: what comes now is the end
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Print nothing: the log is an object."""


def _failure(fault: FaultKind | None) -> Response:
    if fault == "429":
        return json_response({"error": "You have been rate-limited"}, 429, {"Retry-After": "0"})
    return json_response({"error": "Internal Server Error"}, 500)
