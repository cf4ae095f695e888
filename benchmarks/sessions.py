"""Many sessions of an environment that sleeps in every step: how long others wait, on our server and on OpenEnv's.

    python benchmarks/sessions.py --sessions 1000 --seconds 10 --pauses 0 1

Each step sleeps 100 ms on a thread. Every session of the crowd steps without a pause, which is more than any of the
servers can do, or with one, as an agent that thinks. Meanwhile ``/health`` and the steps of one more session are timed.
Server, crowd and watcher are three processes; all servers are measured in turns, in one run.
"""

import argparse
import base64
import heapq
import json
import os
import resource
import select
import socket
import statistics
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEP_SECONDS = 0.1


def environment() -> tuple[type, type, type]:
    """An OpenEnv environment whose step sleeps, with its action and its observation."""
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class Nap(Action):
        seconds: float = STEP_SECONDS

    class Sleeps(Environment[Nap, Observation, State]):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def reset(self, seed: int | None = None, episode_id: str | None = None, question: str = "") -> Observation:  # noqa: ARG002
            return Observation()

        def step(self, action: Nap, timeout_s: float | None = None, **_: Any) -> Observation:  # noqa: ARG002
            time.sleep(action.seconds)
            return Observation(reward=0.0)

        @property
        def state(self) -> State:
            return State()

    return Sleeps, Nap, Observation


def our_app(blocking: Any = None) -> Any:
    """Our server, whose environments run as the class says or as they are told to."""
    from openenv_tasksets.declaration import Declaration
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host, HostSettings
    from openenv_tasksets.taskset import Taskset

    openenv = {"min_version": ">=0.10.0", "package": "openenv-tasksets"}
    declared = {"id": "naps", "task": {"reset": {"question": "question"}}, "frameworks": {"openenv": openenv}}
    declaration = Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [declared]})
    rows = [{"question": f"q{n}"} for n in range(1000)]
    settings = HostSettings(max_sessions=4096, blocking=blocking)
    return create_app([Host(Taskset.from_rows(rows, declaration), environment()[0], settings=settings)])


def openenvs_app() -> Any:
    """OpenEnv's server."""
    from openenv.core.env_server import create_app

    return create_app(*environment(), env_name="naps", max_concurrent_envs=4096)


SERVERS = {
    "ours, threads": our_app,
    "ours, the pool": lambda: our_app("pool"),
    "OpenEnv's server": openenvs_app,
}


def serve(name: str) -> None:
    """Serve on a free port, which is printed."""
    import uvicorn

    from openenv_tasksets.server.app import Application
    from openenv_tasksets.server.serve import uvicorn_config

    app = SERVERS[name]()
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(listener.getsockname()[1], flush=True)
        # The crowd answers no pings, and may take long to come.
        settings: dict[str, Any] = {"log_level": "error", "access_log": False, "ws_ping_interval": None}
        if isinstance(app, Application):
            config = uvicorn_config(app, **settings)
        else:
            config = uvicorn.Config(app, ws="websockets-sansio", **settings)
        uvicorn.Server(config).run(sockets=[listener])


def frame(text: str) -> bytes:
    """A masked text frame."""
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text.encode()


RESET, STEP, SHORT_STEP = map(
    frame, ('{"type":"reset","data":{}}', '{"type":"step","data":{}}', '{"type":"step","data":{"seconds":0}}')
)
HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


def connected(port: int) -> socket.socket:
    """A session that was reset."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
        f"sec-websocket-key: {key}\r\n\r\n".encode()
    )
    while not connection.recv(1 << 16).endswith(b"\r\n\r\n"):
        pass
    ask(connection, RESET)
    return connection


def ask(connection: socket.socket, sent: bytes) -> None:
    """Send a frame and wait for its answer."""
    connection.sendall(sent)
    check(connection.recv(1 << 16))


def check(answer: bytes) -> None:
    """An answer is one whole frame with an observation: they are short."""
    length, start = (answer[1], 2) if answer[1] < 126 else (struct.unpack_from("!H", answer, 2)[0], 4)
    if answer[0] != 0x81 or len(answer) != start + length or b'"observation"' not in answer[start : start + 30]:
        raise SystemExit(f"not what was asked for: {answer[:300]!r}")


def crowd(port: int, sessions: int, seconds: float, pause: float) -> None:
    """Sessions that step; says when they do, and then how many steps there were and what they cost here."""
    poll, players = select.epoll(), {}
    for _ in range(sessions):
        connection = connected(port)
        players[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
    print("going", flush=True)
    began, cpu, steps = time.monotonic(), time.process_time(), 0
    # Not all at once, where they pause.
    due = [(began + pause * place / sessions, number) for place, number in enumerate(players)]
    while (now := time.monotonic()) < began + seconds:
        while due and due[0][0] <= now:
            players[heapq.heappop(due)[1]].send(STEP)
        for number, _ in poll.poll(min(0.1, due[0][0] - now) if due else 0.1):
            check(players[number].recv(1 << 16))
            steps += 1
            if pause:
                heapq.heappush(due, (time.monotonic() + pause, number))
            else:
                players[number].send(STEP)
    print(json.dumps({"steps": steps / seconds, "cpu": (time.process_time() - cpu) / seconds}), flush=True)


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one server, in one round.

    Attributes:
        times: Milliseconds that ``/health`` and the steps of one session took.
        steps: Of the crowd, in a second.
        cores: What server and crowd used of the processors.
    """

    times: dict[str, list[float]]
    steps: float
    cores: dict[str, float]


def watch(port: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds that ``/health`` and the steps of one session take, whose step does not sleep."""
    times: dict[str, list[float]] = {"/health": [], "step": []}
    with socket.create_connection(("127.0.0.1", port), timeout=120) as http, connected(port) as websocket:
        until = time.monotonic() + seconds
        while time.monotonic() < until or not times["step"]:
            began = time.perf_counter()
            http.sendall(HEALTH)
            answer = b""
            while not answer.endswith(b'"healthy"}'):
                answer += http.recv(1 << 16)
            times["/health"].append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            ask(websocket, SHORT_STEP)
            times["step"].append((time.perf_counter() - began) * 1e3)
            time.sleep(0.01)
    return times


def cpu_seconds(pid: int) -> float:
    """Processor time so far, of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(name: str, sessions: int, seconds: float, pause: float) -> Seen:
    """What the watcher sees of a server with its crowd."""
    own = [sys.executable, __file__]
    # OpenEnv's server writes a traceback for each session of the crowd, when that goes.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([*own, "--serve", name], **pipes) as server:  # noqa: S603
        assert server.stdout is not None  # noqa: S101 - for the type checker
        try:
            port = int(server.stdout.readline())
            numbers = map(str, (port, sessions, seconds + 2, pause))
            with subprocess.Popen([*own, "--crowd", *numbers], stdout=subprocess.PIPE, text=True) as others:  # noqa: S603
                assert others.stdout is not None  # noqa: S101 - for the type checker
                others.stdout.readline()
                time.sleep(1)
                before = cpu_seconds(server.pid)
                times = watch(port, seconds)
                used = (cpu_seconds(server.pid) - before) / seconds
                done = json.loads(others.stdout.readline())
            return Seen(times, done["steps"], {"server": used, "crowd": done["cpu"]})
        finally:
            server.kill()


def compare(sessions: int, seconds: float, rounds: int, pause: float) -> None:
    """Measure all servers in turns and print the medians of the rounds."""
    seen: dict[str, list[Seen]] = {name: [] for name in SERVERS}
    for _ in range(rounds):
        for name in SERVERS:
            seen[name].append(measured(name, sessions, seconds, pause))
    pausing = f"{pause:g} s of pause between steps" if pause else "no pause between steps"
    print(f"{sessions} sessions, a step sleeps {STEP_SECONDS:g} s, {pausing}; medians of {rounds} rounds")
    for name, results in seen.items():
        shown = []
        for what in ("/health", "step"):
            p50, p99 = (
                statistics.median(sorted(each.times[what])[len(each.times[what]) * share // 100] for each in results)
                for share in (50, 99)
            )
            most = max(max(each.times[what]) for each in results)
            shown.append(f"{what} p50 {p50:.1f}, p99 {p99:.1f}, at most {most:.0f} ms")
        steps = statistics.median(each.steps for each in results)
        cores = (f"{who} {statistics.median(each.cores[who] for each in results):.2f}" for who in ("server", "crowd"))
        print(f"{name:<17}{'; '.join(shown)}; the crowd {steps:,.0f} steps/s; cores: {', '.join(cores)}", flush=True)


def main() -> None:
    """Parse the command line; ``--serve`` and ``--crowd`` are the processes that a comparison starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sessions", type=int, default=1000, help="of the crowd")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each server is watched")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--pauses", type=float, nargs="+", default=[0.0, 1.0], help="seconds between a session's steps")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--crowd", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if arguments.serve:
        serve(arguments.serve)
    elif arguments.crowd:
        port, sessions, seconds, pause = arguments.crowd
        crowd(int(port), int(sessions), float(seconds), float(pause))
    else:
        for pause in arguments.pauses:
            compare(arguments.sessions, arguments.seconds, arguments.rounds, pause)


if __name__ == "__main__":
    main()
