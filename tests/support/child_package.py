"""Packages with a server of their own, written to a folder, and questions about processes."""

import os
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from openenv_tasksets.installed_app import InstalledApp

SERVER = """\
import os, signal, subprocess, sys, time


def do(path):
    if path == "/pid":
        return os.getpid()
    if path == "/folder":
        return os.getcwd()
    if path == "/helper":
        return subprocess.Popen(["sleep", "600"]).pid
    if path == "/die":
        os.kill(os.getpid(), signal.SIGKILL)
    if path == "/exit":
        os._exit(3)
    if path == "/stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if path == "/talk":
        print("said aloud")
        print("complained \\x1b[2J\\x07", file=sys.stderr)
    if path == "/flood":
        print("x" * 5_000_000)
        for number in range(100_000):
            print("line", number)
        print("the last line")
    return "well"


async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = str(do(scope["path"])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""
"""A server without OpenEnv, which starts fast: what it does is said by the path."""


def write_app(folder: Path, code: str = SERVER, name: str = "riddles") -> InstalledApp:
    """A package whose ``server.app:app`` is ``code``, importable from ``folder``."""
    server = folder / name / "server"
    server.mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    (server / "__init__.py").touch()
    (server / "app.py").write_text(code)
    return InstalledApp(f"openenv-{name} 1.2", f"{name}.server.app:app", folder / name)


def install_app(folder: Path, code: str = SERVER) -> InstalledApp:
    """As ``write_app``, as an installed distribution, ``openenv-riddles`` 1.2."""
    info = folder / "openenv_riddles-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openenv-riddles\nVersion: 1.2\n")
    return write_app(folder, code)


def ask(url: str, path: str) -> str:
    """The body of a server's answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url + path, timeout=60) as response:
        body: bytes = response.read()
    return body.decode()


def lives(pid: Any) -> bool:
    """Whether there is such a process, and it is more than a name in the table."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def processes_with(text: str) -> list[int]:
    """Those with ``text`` in their command."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            if text.encode() in file.read_bytes():
                found.append(int(file.parent.name))
    return found


def await_end(*pids: Any) -> None:
    """Return once none of the processes lives; the test's own time limit is the limit."""
    while any(lives(pid) for pid in pids):
        time.sleep(0.02)
