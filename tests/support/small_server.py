"""A server on loopback that answers as a test says."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Asked:
    """One request; ``path`` is its target, query and all."""

    path: str
    headers: Mapping[str, str]
    body: bytes


Answer: TypeAlias = tuple[int, Mapping[str, Any], bytes]
"""Status, headers and body. ``Content-Length`` is added; given as None it is not, and the connection ends the body."""


@contextmanager
def small_server(answer: Callable[[Asked], Answer | None]) -> Iterator[str]:
    """The address of a server that answers what ``answer`` returns, called in a thread of the connection.

    Where it returns None, the connection ends without an answer.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            given = answer(Asked(self.path, dict(self.headers), body))
            if given is None:
                self.close_connection = True
                return
            status, headers, content = given
            self.send_response(status)
            for name, value in {"Content-Length": len(content), **headers}.items():
                if value is not None:
                    self.send_header(name, str(value))
            self.end_headers()
            with suppress(OSError):  # the client may not have waited
                self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
