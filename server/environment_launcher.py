"""The two processes of a package's own server: one that serves, and one that ends it when we are done or gone.

python -P environment_launcher.py JOB

Runs as a script, which imports nothing but the standard library until its path is ours. The process that was started
keeps watch and has no other work, so that no code of an environment can keep it from that; the server is its child.
"""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from typing import Any

_LOOK_SECONDS = 1.0
_CLOSE_SECONDS = 2
_NOT_STARTED = 3
_LARGEST_MESSAGE_BYTES = 100 * 2**20


def main(job: dict[str, Any]) -> None:
    """Serve, and keep watch.

    Args:
        job: ``parent``, the process that started this one; ``lifeline``, the number of a pipe that says when to stop,
            by a byte or its end; ``stop_seconds``, which the server has after SIGTERM; and what ``_serve`` reads.
    """
    server = os.fork()
    if server == 0:
        os.close(job["lifeline"])
        _serve(job)
        return
    os.close(job["listener"])
    stopping = threading.Event()
    threading.Thread(target=_stop_when_told, args=(job, server, stopping), daemon=True).start()
    _, status = os.waitpid(server, 0)
    if stopping.is_set():
        _end_all()
    _end_like(os.waitstatus_to_exitcode(status))


def _serve(job: dict[str, Any]) -> None:
    """Serve ``app``, found on ``path``, at the bound socket with the number ``listener``, in the folder ``folder``."""
    sys.path[:] = job["path"]
    os.chdir(job["folder"])
    import uvicorn

    module, _, name = job["app"].partition(":")
    __import__(module)  # whose tracebacks show none of the import system, unlike importlib's
    app: Any = sys.modules[module]
    for part in name.split("."):
        app = getattr(app, part)
    config = uvicorn.Config(
        app,
        # What the application logs is its own affair, and without a word of it only warnings are written.
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=_LARGEST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        # On loopback an end is noticed at once; a ping would end the sessions of a server that computes for long.
        ws_ping_interval=None,
        timeout_graceful_shutdown=_CLOSE_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[socket.socket(fileno=job["listener"])])
    if not server.started:
        sys.exit(_NOT_STARTED)


def _stop_when_told(job: dict[str, Any], server: int, stopping: threading.Event) -> None:
    while os.getppid() == job["parent"] and not select.select([job["lifeline"]], [], [], _LOOK_SECONDS)[0]:
        pass
    stopping.set()
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGTERM)
    time.sleep(job["stop_seconds"])
    _end_all()


def _end_all() -> None:
    """End this process and what the server started, which is one group."""
    os.killpg(0, signal.SIGKILL)


def _end_like(code: int) -> None:
    if code >= 0:
        sys.exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
