"""One life of a package's own server: a process on a free port of loopback, from its start to its end."""

import asyncio
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from openenv_tasksets.installed_app import InstalledApp
from openenv_tasksets.server.child_log import ChildLog
from openenv_tasksets.server.exit_status import how_it_ended

_LAUNCHER = Path(__file__).with_name("environment_launcher.py")
_HOST = "127.0.0.1"
_LOOK_SECONDS = 0.05
_ANSWER_SECONDS = 5.0
_MARGIN_SECONDS = 5.0


class NotReady(Exception):
    """The server did not begin to answer; the text says why."""


class ServerProcess:
    """A running server. Its process ends with this one, however this one ends.

    Attributes:
        url: Its base URL, without a trailing slash.
        ended: How it ended, once it has: ``was killed by SIGKILL``, ``ended with 1``.
    """

    def __init__(self, app: InstalledApp, log: ChildLog, stop_seconds: float) -> None:
        """Start it.

        Args:
            app: What it serves.
            log: Gets the lines that it writes.
            stop_seconds: How long it has after SIGTERM, before it is killed; >= 0.

        Raises:
            NotReady: There is no more process, port or file to be had.
        """
        self.ended: Future[str] = Future()
        self.ended.set_running_or_notify_cancel()  # who stops waiting for it cancels nothing
        self._stop_seconds = stop_seconds
        try:
            self._begin(app, stop_seconds)
        except OSError as exc:
            raise NotReady(f"it got no process: {exc.strerror}") from exc
        streams = ((self._process.stdout, logging.INFO), (self._process.stderr, logging.WARNING))
        self._readers = [threading.Thread(target=log.read, args=each, daemon=True) for each in streams]
        for reader in self._readers:
            reader.start()

    def _begin(self, app: InstalledApp, stop_seconds: float) -> None:
        with socket.socket() as listener:
            # Bound here, so that nobody else gets the port; it refuses connections until the server listens.
            listener.bind((_HOST, 0))
            self._port: int = listener.getsockname()[1]
            read_end, write_end = os.pipe()
            self._lifeline = os.fdopen(write_end, "wb", buffering=0)
            try:
                self._process = _launch(app, listener.fileno(), read_end, stop_seconds)
            except BaseException:
                self._lifeline.close()
                raise
            finally:
                os.close(read_end)
        self.url = f"http://{_HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """Of the process that keeps watch, which is its group's too."""
        return self._process.pid

    async def listens(self) -> bool:
        """Whether it accepts connections; one whose end is near does not, though it is not over yet."""
        try:
            _, writer = await asyncio.open_connection(_HOST, self._port)
        except OSError:
            return False
        writer.close()
        return True

    def await_ready(self, seconds: float, stopping: threading.Event) -> None:
        """Wait until it answers ``/health``.

        Args:
            seconds: How long at most, > 0.
            stopping: Set by whoever wants to wait no more.

        Raises:
            NotReady: It ended, or did not answer in time, or is not waited for any more.
        """
        deadline = time.monotonic() + seconds
        while (answer := self._health()) != "200":
            if self._process.poll() is not None:
                raise NotReady(f"it {how_it_ended(self._process.returncode)}")
            if stopping.is_set():
                raise NotReady("it is not wanted any more")
            if time.monotonic() >= deadline:
                raise NotReady(f"it was not ready within {seconds:g} s; /health: {answer}")
            stopping.wait(_LOOK_SECONDS)

    def wait(self) -> str:
        """Wait for its end, and end what it has started and left behind; to be called once.

        Returns:
            How it ended, as ``ended`` is to say.
        """
        code = self._process.wait()
        self._end_group()
        for reader in self._readers:
            reader.join(_MARGIN_SECONDS)
        self._lifeline.close()
        return how_it_ended(code)

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after ``stop_seconds``."""
        with suppress(OSError, ValueError):  # it has ended
            self._lifeline.write(b".")
        try:
            self._process.wait(self._stop_seconds + _MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._end_group()

    def _end_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _health(self) -> str:
        """The status of its answer, or what stands in its place."""
        connection = http.client.HTTPConnection(_HOST, self._port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("GET", "/health")
            return str(connection.getresponse().status)
        except ConnectionRefusedError:
            return "not listening"
        except (OSError, http.client.HTTPException) as exc:
            return f"no answer ({type(exc).__name__})"
        finally:
            connection.close()


def _launch(app: InstalledApp, listener: int, lifeline: int, stop_seconds: float) -> "subprocess.Popen[bytes]":
    job = {
        "parent": os.getpid(),
        "listener": listener,
        "lifeline": lifeline,
        "stop_seconds": stop_seconds,
        "path": [os.path.abspath(place) for place in sys.path],
        "folder": str(app.folder),
        "app": app.app,
    }
    return subprocess.Popen(  # noqa: S603 - our own program
        # Unbuffered and with a trace of crashes, for the log's last lines.
        [sys.executable, "-P", "-u", "-X", "faulthandler", _LAUNCHER, json.dumps(job)],
        pass_fds=(listener, lifeline),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Ctrl+C is for us; and what it starts can be ended with it.
        start_new_session=True,
    )
