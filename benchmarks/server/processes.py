"""Server and client processes, and what the system says of them. Linux."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from load import Load

HERE = Path(__file__).parent
START_S = 300


class ServerProcess:
    """A running server.

    Args:
        process: Which has printed its port.
        port: That port.
        start_seconds: From the start of the process until it was healthy.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int, start_seconds: float) -> None:
        self._process = process
        self.port = port
        self.start_seconds = start_seconds

    def cpu_seconds(self) -> float:
        """Processor time so far, of the process and its threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def own_bytes(self) -> int:
        """Memory that would be free without it (USS)."""
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))

    def threads(self) -> int:
        """How many there are."""
        return len(list(Path(f"/proc/{self._process.pid}/task").iterdir()))


@contextmanager
def server(name: str, *, folder: Path | None = None, times: int = 1) -> Iterator[ServerProcess]:
    """A server in a process of its own, healthy when it is given.

    Args:
        name: A key of ``servers.SERVERS``.
        folder: Of its taskset; None is rows in memory.
        times: How often those are repeated.
    """
    began = time.perf_counter()
    command = [sys.executable, "-W", "ignore", str(HERE), "--serve", name, "--times", str(times)]
    if folder is not None:
        command += ["--folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        port = int(process.stdout.readline()) if process.stdout else 0
        _until_healthy(port)
        running = ServerProcess(process, port, time.perf_counter() - began)
        yield running
    finally:
        process.kill()
        process.wait()


def _until_healthy(port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.005)
    raise SystemExit("the server did not become healthy")


def load(*arguments: object) -> Load:
    """What a client process reports; see ``load.main``."""
    done = subprocess.run(_client(*arguments), check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"the client failed: {done.stderr.strip()}")
    return Load(**json.loads(done.stdout))


@contextmanager
def held_sessions(port: int, sessions: int) -> Iterator[Load]:
    """Sessions that a client process has opened and keeps."""
    with subprocess.Popen(  # noqa: S603
        _client("open", port, sessions), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101
        yield Load(**json.loads(process.stdout.readline()))
        process.communicate("\n")


def _client(*arguments: object) -> list[str]:
    return [sys.executable, str(HERE), "--client", *map(str, arguments)]
