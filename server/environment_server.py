"""A package's own server, kept running beside us: started, watched, started again when it dies, stopped with us."""

import asyncio
import atexit
import logging
import os
import shlex
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

from tqdm import tqdm

from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration import EnvironmentDeclaration
from openenv_tasksets.installed_app import InstalledApp
from openenv_tasksets.loaders.errors import EnvironmentFailed, EnvironmentNotFound, TasksetError
from openenv_tasksets.server.child_log import ChildLog
from openenv_tasksets.server.event_log import tell
from openenv_tasksets.server.server_process import NotReady, ServerProcess

logger = logging.getLogger(__name__)

_SHOWN_SECONDS = 0.2
_MOST_DOUBLINGS = 16
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, and how often it is started.

    Attributes:
        start_seconds: Until it answers, > 0.
        stop_seconds: From SIGTERM to SIGKILL, >= 0.
        delay_seconds: Before it is started again, > 0; doubled with each further end of a short life.
        longest_delay_seconds: At most, > 0.
        settled_seconds: What is no short life any more, > 0.
        starts: After so many in a row that failed none follows, >= 1.
    """

    start_seconds: float = 120.0
    stop_seconds: float = 10.0
    delay_seconds: float = 0.5
    longest_delay_seconds: float = 30.0
    settled_seconds: float = 60.0
    starts: int = 5


class EnvironmentServer:
    """The server of an installed package. Thread-safe, and usable from several event loops.

    It is an ``openenv_tasksets.server.remote_runtime.Address``. Once it has answered, it is started again whenever it
    ends, ever more slowly; it is given up where it does not come to answer any more.

    Args:
        app: What it serves.
        name: The environment's, for logs and errors.
        patience: None is the usual one.

    Attributes:
        app: As given.
        name: As given.
        restarts: How often it was started again.
        given_up: Whether it will not be started again.
    """

    def __init__(self, app: InstalledApp, name: str, patience: Patience | None = None) -> None:
        self.app = app
        self.name = name
        self.restarts = 0
        self.given_up = False
        self._patience = patience or Patience()
        self._log = ChildLog(name)
        self._lock = threading.Lock()
        self._started = False
        self._stopping = threading.Event()
        self._process: ServerProcess | None = None
        self._up = _pending()
        self._keeper = threading.Thread(target=self._keep, name=f"{name}: server", daemon=True)

    @property
    def is_up(self) -> bool:
        """Whether it runs and has answered."""
        up = self._up
        return up.done() and up.exception() is None

    def check(self, declared: EnvironmentDeclaration, consent: Consent) -> None:
        """Refuse the secrets that the user has not agreed to; it has all the variables of this process."""
        consent.check(declared, variables=os.environ)

    async def __call__(self) -> str:
        """The base URL of the process that answers now, or of the next one that does; the first call starts it.

        Raises:
            EnvironmentNotFound: It ended before it answered, or did not answer in time; with its last lines.
            EnvironmentFailed: It is given up or stopped.
        """
        if self._begin():
            await self._first()
        while True:
            process = await self.running()
            if await process.listens():
                return process.url
            await asyncio.wrap_future(process.ended)

    async def running(self) -> ServerProcess:
        """The process that answers now, or the next one that does.

        Raises:
            EnvironmentFailed: There will be none.
        """
        return await asyncio.wrap_future(self._up)

    def stop(self) -> None:
        """End it and wait for that; a second call does nothing."""
        atexit.unregister(self.stop)
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is not None:
            process.stop()
        if self._keeper.is_alive():
            self._keeper.join()

    def _begin(self) -> bool:
        """Start it where nobody has; whether that was here."""
        with self._lock:
            if self._started:
                return False
            self._started = True
        # Where nobody stops it, Python's end does, and waits for it.
        atexit.register(self.stop)
        self._keeper.start()
        return True

    async def _first(self) -> None:
        """Wait for the first answer, with progress on a terminal."""
        first = asyncio.ensure_future(self.running())
        what = f"{self.name}: starting {self.app.package}"
        with tqdm(desc=what, bar_format="{desc}: {elapsed}", disable=None, leave=False) as bar:
            try:
                while not first.done():
                    await asyncio.wait([first], timeout=_SHOWN_SECONDS)
                    bar.refresh()
                await first
            finally:
                first.cancel()

    def _keep(self) -> None:
        end: TasksetError = EnvironmentFailed(f"environment {self.name!r} is lost: its server is not watched any more")
        try:
            end = self._lives()
        finally:
            if self._up.done():
                self._up = _pending()
            self._up.set_exception(end)

    def _lives(self) -> TasksetError:
        """Start it, again and again, until it is stopped or given up; what is told from then on."""
        patience = self._patience
        failed = short = 0
        while not self._stopping.is_set():
            try:
                seconds = self._live()
            except NotReady as exc:
                failed += 1
                if self._stopping.is_set():
                    break
                if not short:
                    return self._not_started(str(exc))
                logger.warning("%s: the server did not start again: %s%s", self.name, exc, self._last_lines())
                if failed >= patience.starts:
                    return self._give_up(failed)
            else:
                failed = 0
                short = 1 if seconds >= patience.settled_seconds else short + 1
            delay = patience.delay_seconds * 2 ** min(short + failed - 1, _MOST_DOUBLINGS)
            if not self._stopping.wait(min(delay, patience.longest_delay_seconds)):
                self.restarts += 1
        return EnvironmentFailed(f"environment {self.name!r} is stopped")

    def _live(self) -> float:
        """One life of it, from its start to its end; the seconds in which it answered.

        Raises:
            NotReady: None, because it did not come to answer.
        """
        self._log.begin()
        with self._lock:
            if self._stopping.is_set():
                raise NotReady("it is not wanted any more")
            process = self._process = ServerProcess(self.app, self._log, self._patience.stop_seconds)
        try:
            process.await_ready(self._patience.start_seconds, self._stopping)
        except NotReady:
            process.stop()
            process.wait()
            raise
        self._log.settle()
        began = time.monotonic()
        tell("environment server started", environment=self.name, pid=process.pid, url=process.url)
        self._up.set_result(process)
        how = process.wait()
        # In this order: who knows that this one ended, waits for the next one.
        self._up = _pending()
        process.ended.set_result(how)
        if not self._stopping.is_set():
            logger.warning("%s: the server %s; it is started again", self.name, how)
        tell("environment server ended", environment=self.name, pid=process.pid, how=how)
        return time.monotonic() - began

    def _not_started(self, why: str) -> EnvironmentNotFound:
        by_hand = f"cd {shlex.quote(str(self.app.folder))} && python -m uvicorn {self.app.app}"
        return EnvironmentNotFound(
            f"environment {self.name!r}: the server of {self.app.package} did not start: {why}{self._last_lines()}\n"
            f"install what it misses, or see how it starts by hand: {by_hand}"
        )

    def _give_up(self, failed: int) -> EnvironmentFailed:
        self.given_up = True
        logger.error("%s: the server is given up after %d failed starts in a row", self.name, failed)
        return EnvironmentFailed(
            f"environment {self.name!r} is not to be had: the server of {self.app.package} failed to start {failed} "
            "times in a row; the log says why, and this server has to be started again once that is mended"
        )

    def _last_lines(self) -> str:
        return "".join(f"\n  | {line:.{_SHOWN_CHARACTERS}}" for line in self._log.tail)


def _pending() -> "Future[ServerProcess]":
    future: Future[ServerProcess] = Future()
    future.set_running_or_notify_cancel()  # who stops waiting for it cancels nothing
    return future
