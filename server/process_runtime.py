"""One environment in a process of its own: one that computes, hangs or crashes there hurts nobody else."""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Mapping
from typing import Any

from openenv_tasksets.loaders.errors import EnvironmentFailed, TasksetError, TimeExceeded
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.exit_status import how_it_ended
from openenv_tasksets.server.failure import within
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.process_message import (
    LENGTH_BYTES,
    MOST_BYTES,
    Name,
    pack,
    read_answer,
    read_outcome,
    write_call,
)
from openenv_tasksets.server.runtime import CLOSE_SECONDS, NO_OPTIONS, EnvironmentGone

logger = logging.getLogger(__name__)

_CHILD = "openenv_tasksets.server.environment_child"
_STDERR = 2


class ProcessRuntime:
    """An environment instance for one session; see ``openenv_tasksets.server.runtime``.

    A process that is stuck in a call, or that answers none any more, is killed.
    """

    def __init__(
        self,
        kind: EnvironmentType,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._name = kind.name
        self._process = process
        self._reader = reader
        self._writer = writer
        self._stuck = False

    @classmethod
    async def start(cls, kind: EnvironmentType, timeout_s: float | None = None) -> "ProcessRuntime":
        """Start a process and make an instance in it.

        Raises:
            EnvironmentFailed: The constructor raised, or the process could not be started.
            TimeExceeded: It took longer than ``timeout_s``.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                # What the environment prints is no part of this process's output.
                command = (sys.executable, "-m", _CHILD, str(theirs.fileno()))
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.DEVNULL, stdout=_STDERR, pass_fds=(theirs.fileno(),)
                )
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException as exc:
            ours.close()  # which ends a process that was started
            if not isinstance(exc, OSError):
                raise
            raise EnvironmentFailed(f"environment {kind.name!r} got no process: {type(exc).__name__}") from exc
        runtime = cls(kind, process, reader, writer)
        try:
            place = (list(sys.path), kind.cls.__module__, kind.cls.__qualname__, dict(kind.arguments))
            await runtime._call("make", place, timeout_s)
        except BaseException:
            await asyncio.shield(runtime._kill())
            raise
        return runtime

    @property
    def gone(self) -> bool:
        """Whether the process has ended, or says nothing any more."""
        return self._reader.at_eof() or self._process.returncode is not None

    async def reset(self, arguments: Mapping[str, Any], timeout_s: float | None = None) -> Outcome:
        """Begin an episode."""
        return read_outcome(await self._call("reset", dict(arguments), timeout_s))

    async def step(
        self, action: Mapping[str, Any], timeout_s: float | None = None, options: Mapping[str, Any] = NO_OPTIONS
    ) -> Outcome:
        """Take one action."""
        return read_outcome(await self._call("step", (action, options), timeout_s))

    async def state(self, timeout_s: float | None = None) -> dict[str, Any]:
        """The environment's state."""
        state: dict[str, Any] = await self._call("state", None, timeout_s)
        return state

    async def close(self, timeout_s: float = CLOSE_SECONDS) -> None:
        """Close the environment and end its process."""
        if self.gone and not self._stuck:
            self._stuck = True
            logger.warning("%s", await self._epitaph("while nobody asked it"))
        if not self._stuck:
            try:
                await self._call("close", None, timeout_s)
                await within(self._process.wait(), timeout_s)
            except (EnvironmentFailed, TimeExceeded) as exc:
                logger.warning("environment %r was not closed in order: %s", self._name, exc)
        await self._kill()

    async def _call(self, name: Name, payload: Any, timeout_s: float | None) -> Any:
        message = write_call(name, payload)
        try:
            return read_answer(await within(self._asked(message), timeout_s))
        except (TimeExceeded, asyncio.CancelledError):
            self._stuck = True
            raise
        except TasksetError:
            raise
        except (OSError, EOFError, ValueError, KeyError, TypeError) as exc:
            self._stuck = True
            hint = "" if name in ("make", "close") else "; reset() makes another"
            raise EnvironmentGone(await self._epitaph(f"in {name}") + hint) from exc

    async def _asked(self, message: bytes) -> bytes:
        self._writer.write(pack(message))
        await self._writer.drain()
        size = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
        if size > MOST_BYTES:
            raise ValueError("the answer is too large")
        return await self._reader.readexactly(size)

    async def _epitaph(self, when: str) -> str:
        """Why there is no answer, as far as can be known without what the process said."""
        await self._kill()
        code = self._process.returncode
        how = "ended" if code is None else how_it_ended(code)
        return f"environment {self._name!r} is gone: its process {how} {when}"

    async def _kill(self) -> None:
        self._writer.close()
        if self._process.returncode is None:
            try:
                # It may be ending by itself, and then has more to tell.
                await asyncio.wait_for(self._process.wait(), 0.1 if self._stuck else 0.0)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
        await self._process.wait()
