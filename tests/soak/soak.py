"""A server under every kind of client for minutes, while its workers are killed; then everything is as it was before.

    python tests/soak/soak.py --minutes 30

Everything is on loopback and bounded: so many clients at once, so many minutes. Exit code 0 only if every finished
episode had the task and the reward that an independent reader of the rows expects, no task of an epoch was given out
twice, nobody was told what nobody should be, and afterwards the server has the sessions, environments, threads, file
descriptors and child processes that it had before, in as much memory.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import soak_rows
from soak_clients import Clients

AT_ONCE = 24
WARM_UP_SECONDS = 15.0
SETTLE_SECONDS = 60.0
STABLE_SECONDS = 7.0
MIB = 2**20
SIGNS = ("c4n4ry", "Traceback", "never retrieved", "was destroyed")


class Server:
    """The server's process, seen from outside."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, str(Path(__file__).with_name("soak_server.py")), str(folder)]
        self.log = (folder / "log.txt").open("w+")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.pid = self._process.pid
        self.url = self._process.stdout.readline().strip()

    def children(self) -> list[int]:
        found = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(each) for each in (task / "children").read_text().split()]
        return found

    def counts(self) -> dict[str, int]:
        return {**httpx.get(f"{self.url}/soak", timeout=60).json(), "children": len(self.children())}

    def memory(self) -> float:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return -1


async def crowd(clients: Clients, seconds: float) -> None:
    """So many clients at once, one after the other, for so long."""
    until = time.monotonic() + seconds

    async def one_after_the_other() -> None:
        while time.monotonic() < until:
            await clients.one()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def kill_workers(server: Server, killed: list[int]) -> None:
    """Kill a child of the server's, again and again."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 3.0))
        children = server.children()
        if children:
            victim = random.choice(children)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)


async def measure(server: Server, seconds: float, samples: list[float]) -> None:
    """Twenty samples of the memory in so many seconds."""
    while True:
        await asyncio.sleep(seconds / 20)
        samples.append(server.memory())


async def settled(server: Server) -> dict[str, int]:
    """The counts when nobody is there any more, and nothing has changed for longer than connections are kept."""
    until = time.monotonic() + SETTLE_SECONDS
    counts, since = await asyncio.to_thread(server.counts), time.monotonic()
    while time.monotonic() < min(until, since + STABLE_SECONDS):
        await asyncio.sleep(0.5)
        now = await asyncio.to_thread(server.counts)
        if now != counts or any(now[name] for name in ("sessions", "environments", "waiting", "children")):
            counts, since = now, time.monotonic()
    return counts


async def soak(server: Server, expected: soak_rows.Expected, minutes: float) -> list[str]:
    """Everything that was wrong."""
    clients, killed, samples = Clients(server.url, expected), [], []
    # Also fills the pool of threads that reads rows, which keeps what it has.
    await asyncio.gather(*(clients.lists_tasks("loop") for _ in range(64)))
    await crowd(clients, WARM_UP_SECONDS)
    before = await settled(server)
    print(f"warm: {before}, {server.memory():.0f} MiB", flush=True)
    seconds = minutes * 60
    beside = [
        asyncio.create_task(kill_workers(server, killed)),
        asyncio.create_task(measure(server, seconds, samples)),
    ]
    await crowd(clients, seconds)
    for task in beside:
        task.cancel()
    await clients.close()
    after = await settled(server)
    early, late = (statistics.median(part) for part in (samples[4:9], samples[-5:]))
    print(f"after: {after}; memory {early:.0f} -> {late:.0f} MiB")
    print(f"{sum(clients.done.values())} doings, {expected.drawn} positions, {len(killed)} workers killed")
    print(", ".join(f"{name} {count}" for name, count in sorted(clients.done.items())))
    wrong = list(clients.wrong)
    if after != before:
        wrong.append(f"before {before}, after {after}")
    if late > early * 1.1 + 8:
        wrong.append(f"memory grew from {early:.0f} to {late:.0f} MiB")
    if not clients.done["episode"] or not killed:
        wrong.append("nothing was played, or nobody was killed: the soak is broken")
    return wrong


def main() -> int:
    """Soak one server; 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="for how long, after warming up")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of what the clients do")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder)
        soak_rows.write(rows)
        server = Server(rows)
        try:
            wrong = asyncio.run(soak(server, soak_rows.Expected(rows), arguments.minutes))
        finally:
            code = server.stop()
        server.log.seek(0)
        log = server.log.read()
        server.log.close()
    if code != 0:
        wrong.append(f"the server ended with {code}")
    wrong += [
        f"the log has {sign!r}: ...{log[max(0, at - 500) : at + 3000]}" for sign in SIGNS if (at := log.find(sign)) >= 0
    ]
    if wrong:
        print(log[-5000:])
    for line in wrong[:50]:
        print(line)
    print(f"{len(wrong)} things were wrong")
    return min(len(wrong), 1)


if __name__ == "__main__":
    sys.exit(main())
