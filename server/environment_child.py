"""The process of one environment: answers the server's calls, one after the other, until the server is gone.

python -m openenv_tasksets.server.environment_child FILE_DESCRIPTOR
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from openenv_tasksets.loaders.errors import EnvironmentFailed, TasksetError
from openenv_tasksets.server.environment_type import EnvironmentType, class_at
from openenv_tasksets.server.errors import where_raised
from openenv_tasksets.server.failure import failures
from openenv_tasksets.server.local_runtime import LocalRuntime
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.process_message import (
    LENGTH_BYTES,
    Name,
    pack,
    read_call,
    write_answer,
    write_error,
)

_LOOK_SECONDS = 1.0


def main(descriptor: int) -> None:
    """Answer the calls that come from the socket of this number."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which then closes this process
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    served = _Served()
    with socket.socket(fileno=descriptor) as server, asyncio.Runner() as runner:
        while (message := _received(server)) is not None:
            name, payload = read_call(message)
            server.sendall(pack(_answer(served, runner, name, payload)))
            if name == "close":
                return


def _answer(served: "_Served", runner: asyncio.Runner, name: Name, payload: Any) -> bytes:
    try:
        return write_answer(runner.run(served.call(name, payload)))
    except TasksetError as exc:
        return write_error(exc, where_raised(exc))
    except Exception as exc:  # noqa: BLE001 - the server is told, whatever it is
        failed = EnvironmentFailed(f"the environment's process failed in {name}: {type(exc).__name__}")
        return write_error(failed, where_raised(exc))


class _Served:
    """The environment, once it is made."""

    def __init__(self) -> None:
        self._runtime: LocalRuntime | None = None

    async def call(self, name: Name, payload: Any) -> Outcome | dict[str, Any] | None:
        if name == "make":
            sys.path[:], module, path, arguments = payload
            kind = EnvironmentType.of(class_at(module, path), arguments, False)
            with failures(kind.name, "could not be made"):
                self._runtime = LocalRuntime(kind, kind.make(), None)
            return None
        runtime = self._runtime
        if runtime is None:
            raise EnvironmentFailed(f"the environment's process was asked for {name} before it had an environment")
        if name == "reset":
            return await runtime.reset(payload)
        if name == "step":
            action, options = payload
            return await runtime.step(action, options=options)
        if name == "state":
            return await runtime.state()
        await runtime.close()
        return None


def _received(server: socket.socket) -> bytes | None:
    """The next message; None where the server is gone."""
    head = _exactly(server, LENGTH_BYTES)
    return None if head is None else _exactly(server, int.from_bytes(head, "big"))


def _exactly(server: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        chunk = server.recv(size - len(data))
        if not chunk:
            return None
        data += chunk
    return bytes(data)


def _end_with(parent: int) -> None:
    """End this process with the one that started it, also in the middle of a call."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
