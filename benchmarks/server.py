"""Episodes a second over /ws: our server against OpenEnv's own, with the same environment, in one run.

    python benchmarks/server.py --seconds 3

An episode is one reset and one step. Every server runs in a process of its own and so does the client, which keeps
each of its sessions busy for ``--seconds``; only one server is asked at a time, in turns, and the median of the
rounds is printed. The servers have the same settings of uvicorn. Where the client is the slower side, the server's
processor time an episode tells more than the rate does.
"""

import argparse
import asyncio
import importlib.metadata
import json
import math
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROWS = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(10_000)]
PACKAGES = ("openenv-tasksets", "openenv", "uvicorn", "fastapi", "websockets", "pydantic", "msgspec", "uvloop")
ENVIRONMENT = "pydantic environment"
BASELINE = "OpenEnv's server, with our mixin"


def taskset(arguments: dict[str, str], extra: dict[str, Any] | None = None) -> Any:
    """Ten thousand sums, bound to the arguments of a reset()."""
    from openenv_tasksets.declaration import Declaration
    from openenv_tasksets.taskset import Taskset

    openenv = {"min_version": ">=0.10.0", "package": "openenv-tasksets", **(extra or {})}
    task = {"reset": arguments, "visible": [name for name, column in arguments.items() if column == "question"]}
    environment = {"id": "sums", "task": task, "frameworks": {"openenv": openenv}}
    declaration = Declaration.model_validate({"spec_version": "hf-rl-env-0.1", "environments": [environment]})
    return Taskset.from_rows(ROWS, declaration)


def pydantic_environment() -> tuple[type, type, type]:
    """A single-step OpenEnv environment, with its action and its observation."""
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class SumAction(Action):
        answer: str

    class SumObservation(Observation):
        question: str = ""

    class Sums(Environment[SumAction, SumObservation, State]):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def reset(
            self,
            seed: int | None = None,  # noqa: ARG002
            episode_id: str | None = None,
            question: str = "",
            answer: str = "",
        ) -> SumObservation:
            self._answer = answer
            self._state = State(episode_id=episode_id)
            return SumObservation(question=question)

        def step(self, action: SumAction, timeout_s: float | None = None, **_: Any) -> SumObservation:  # noqa: ARG002
            return SumObservation(done=True, reward=float(action.answer == self._answer))

        @property
        def state(self) -> State:
            return self._state

    return Sums, SumAction, SumObservation


def our_app() -> Any:
    """Our server."""
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host

    return create_app([Host(taskset({"question": "question", "answer": "answer"}), pydantic_environment()[0])])


def our_app_inline() -> Any:
    """Our server, and the environment says that it does not block."""
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host

    environment = type("Sums", (pydantic_environment()[0],), {"blocking": False})
    return create_app([Host(taskset({"question": "question", "answer": "answer"}), environment)])


def our_app_with_answer() -> Any:
    """Our server with the shipped environment."""
    from openenv_tasksets.answer import Answer
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host

    tasks = taskset({"prompt": "question", "answer": "answer"}, {"arguments": {"checker": "number"}})
    return create_app([Host(tasks, Answer)])


def openenvs_app() -> Any:
    """OpenEnv's server: no rows, no task is selected."""
    from openenv.core.env_server import create_app

    return create_app(*pydantic_environment(), env_name="sums", max_concurrent_envs=1024)


def openenvs_app_with_mixin() -> Any:
    """OpenEnv's server: the mixin selects the rows."""
    from openenv.core.env_server import create_app

    from openenv_tasksets.mixin import bind_environment

    environment, action, observation = pydantic_environment()
    bound = bind_environment(environment, taskset({"question": "question", "answer": "answer"}))
    return create_app(bound, action, observation, env_name="sums", max_concurrent_envs=1024)


SERVERS: dict[str, Callable[[], Any]] = {
    f"our server, {ENVIRONMENT}": our_app,
    f"our server, {ENVIRONMENT}, not blocking": our_app_inline,
    "our server, answer": our_app_with_answer,
    BASELINE: openenvs_app_with_mixin,
    "OpenEnv's server, no rows": openenvs_app,
}


def serve(name: str) -> None:
    """Serve on a free port, which is printed."""
    import uvicorn

    app = SERVERS[name]()
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(app, ws="websockets-sansio", log_level="error", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


async def play(url: str, sessions: int, seconds: float) -> float:
    """Episodes a second of so many sessions."""
    from websockets.asyncio.client import connect

    reset, step = '{"type":"reset","data":{}}', '{"type":"step","data":{"answer":"1"}}'
    all_open = asyncio.Barrier(sessions)

    async def episodes() -> int:
        async with connect(url) as websocket:
            count = 0
            await all_open.wait()
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                for frame in (reset, step):
                    await websocket.send(frame)
                    reply = await websocket.recv()
                    if '"type":"observation"' not in str(reply):
                        raise SystemExit(f"{url} answered {reply!r}")
                count += 1
            return count

    return sum(await asyncio.gather(*(episodes() for _ in range(sessions)))) / seconds


@dataclass(frozen=True, slots=True)
class Figure:
    """What one measurement of one server gave.

    Attributes:
        rate: Episodes a second, as the client sees them.
        cpu: Microseconds of the server's processor time an episode; NaN where the system does not tell.
    """

    rate: float
    cpu: float


def measured(server: "subprocess.Popen[str]", port: int, sessions: int, seconds: float) -> Figure:
    """Measure one server with a client process."""
    command = [sys.executable, __file__, "--play", f"ws://127.0.0.1:{port}/ws", str(sessions), str(seconds)]
    before = cpu_seconds(server.pid)
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    rate = float(json.loads(done.stdout))
    return Figure(rate, (cpu_seconds(server.pid) - before) / (rate * seconds) * 1e6)


def started(name: str) -> "subprocess.Popen[str]":
    """A server process."""
    command = [sys.executable, __file__, "--serve", name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(seconds: float, rounds: int, sessions: list[int]) -> None:
    """Measure every server in turns and print the medians."""
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; {versions}")
    print(f"An episode is one reset and one step; medians of {rounds} rounds of {seconds:g} s.\n")
    servers = {name: started(name) for name in SERVERS}
    try:
        ports = {name: int(server.stdout.readline()) for name, server in servers.items() if server.stdout}
        for name, port in ports.items():
            measured(servers[name], port, 1, 0.5)
        figures: dict[tuple[str, int], list[Figure]] = {}
        for _ in range(rounds):
            for count in sessions:
                for name, port in ports.items():
                    figures.setdefault((name, count), []).append(measured(servers[name], port, count, seconds))
    finally:
        for server in servers.values():
            server.terminate()
    for count in sessions:
        print_table(count, {name: figures[name, count] for name in SERVERS})


def print_table(sessions: int, figures: dict[str, list[Figure]]) -> None:
    """Medians of every server for one number of sessions."""
    rates = {name: statistics.median(figure.rate for figure in each) for name, each in figures.items()}
    width = max(map(len, figures))
    print(f"{f'{sessions} session(s)':<{width}}  episodes/s   ratio   server's us/episode")
    for name, each in figures.items():
        cpu = statistics.median(figure.cpu for figure in each)
        print(f"{name:<{width}}  {rates[name]:>10,.0f}  {rates[name] / rates[BASELINE]:>6.2f}  {cpu:>20,.0f}")
    print()


def main() -> None:
    """Parse the command line; ``--serve`` and ``--play`` are the processes that a comparison starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each figure is measured")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 8, 64], help="sessions at once")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--play", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
    elif arguments.play:
        url, sessions, seconds = arguments.play
        print(json.dumps(asyncio.run(play(url, int(sessions), float(seconds)))))
    else:
        compare(arguments.seconds, arguments.rounds, arguments.sessions)


if __name__ == "__main__":
    main()
