"""A host behind the real server, on a free port of loopback, for as long as a ``with`` lasts."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

_POLL_S = 0.005


@contextmanager
def served(host: Host) -> Iterator[str]:
    """Serve a host from a thread; gives its URL.

    Raises:
        TasksetError: The server did not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            create_app([host]),
            ws="websockets-sansio",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), name="audited server", daemon=True
        )
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise TasksetError("the server that was to be audited did not start; the log says why")
                time.sleep(_POLL_S)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
