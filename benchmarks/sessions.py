"""Many sessions of an environment that sleeps in every step: how long others wait, on our server and on OpenEnv's.

    python benchmarks/sessions.py --sessions 1000 --seconds 10

Every session steps without a pause, each step sleeps 100 ms on its thread. Meanwhile ``/health`` and the steps of one
more session are timed, from a process of its own; both servers are measured in turns, in one run.
"""

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import time
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


def our_app() -> Any:
    """Our server."""
    from openenv_tasksets.declaration import Declaration
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host, HostSettings
    from openenv_tasksets.taskset import Taskset

    openenv = {"min_version": ">=0.10.0", "package": "openenv-tasksets"}
    declared = {"id": "naps", "task": {"reset": {"question": "question"}}, "frameworks": {"openenv": openenv}}
    declaration = Declaration.model_validate({"spec_version": "hf-rl-env-0.1", "environments": [declared]})
    rows = [{"question": f"q{n}"} for n in range(1000)]
    settings = HostSettings(max_sessions=4096)
    return create_app([Host(Taskset.from_rows(rows, declaration), environment()[0], settings=settings)])


def openenvs_app() -> Any:
    """OpenEnv's server."""
    from openenv.core.env_server import create_app

    return create_app(*environment(), env_name="naps", max_concurrent_envs=4096)


SERVERS = {"our server": our_app, "OpenEnv's server": openenvs_app}


def serve(name: str) -> None:
    """Serve on a free port, which is printed."""
    import uvicorn

    from openenv_tasksets.server.app import Application
    from openenv_tasksets.server.serve import uvicorn_config

    app = SERVERS[name]()
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(listener.getsockname()[1], flush=True)
        settings: dict[str, Any] = {"log_level": "error", "access_log": False}
        if isinstance(app, Application):
            config = uvicorn_config(app, **settings)
        else:
            config = uvicorn.Config(app, ws="websockets-sansio", **settings)
        uvicorn.Server(config).run(sockets=[listener])


async def crowd(port: int, sessions: int, seconds: float) -> None:
    """Sessions that step without a pause; says when they do, and then how many steps there were."""
    from websockets.asyncio.client import connect

    opening, going = asyncio.Semaphore(50), asyncio.Barrier(sessions + 1)

    async def one() -> int:
        async with opening:
            websocket = await connect(f"ws://127.0.0.1:{port}/ws", open_timeout=120, ping_interval=None)
            await websocket.send('{"type":"reset","data":{}}')
            await websocket.recv()
        await going.wait()
        until, steps = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            await websocket.send('{"type":"step","data":{}}')
            await websocket.recv()
            steps += 1
        websocket.transport.abort()
        return steps

    running = [asyncio.create_task(one()) for _ in range(sessions)]
    await going.wait()
    print("going", flush=True)
    print(sum(await asyncio.gather(*running)), flush=True)


async def watch(port: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds that ``/health`` and the steps of one session take meanwhile; the step's nap is not counted."""
    import httpx
    from websockets.asyncio.client import connect

    times: dict[str, list[float]] = {"/health": [], "step": []}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as http,
        connect(f"ws://127.0.0.1:{port}/ws", open_timeout=120) as websocket,
    ):
        await websocket.send('{"type":"reset","data":{}}')
        await websocket.recv()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.perf_counter()
            await http.get("/health")
            times["/health"].append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            await websocket.send('{"type":"step","data":{"seconds":0}}')
            await websocket.recv()
            times["step"].append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(0.01)
    return times


def measured(port: int, sessions: int, seconds: float) -> tuple[dict[str, list[float]], float]:
    """What the watcher saw, and the crowd's steps a second."""
    command = [sys.executable, __file__, "--crowd", str(port), str(sessions), str(seconds + 2)]
    others = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    with others:
        assert others.stdout is not None  # noqa: S101 - for the type checker
        others.stdout.readline()
        times = asyncio.run(watch(port, seconds))
        steps = int(others.stdout.readline())
    return times, steps / (seconds + 2)


def compare(sessions: int, seconds: float, rounds: int) -> None:
    """Measure both servers in turns and print the medians of the rounds."""
    seen: dict[str, list[tuple[dict[str, list[float]], float]]] = {name: [] for name in SERVERS}
    for _ in range(rounds):
        for name in SERVERS:
            command = [sys.executable, __file__, "--serve", name]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
                assert server.stdout is not None  # noqa: S101 - for the type checker
                try:
                    port = int(server.stdout.readline())
                    seen[name].append(measured(port, sessions, seconds))
                finally:
                    server.kill()
    print(f"{sessions} sessions, each step {STEP_SECONDS:g} s; medians of {rounds} rounds, milliseconds")
    for name, results in seen.items():
        shown = []
        for what in ("/health", "step"):
            cuts = [statistics.quantiles(times[what], n=100) for times, _ in results]
            p50, p99 = (statistics.median(each[place] for each in cuts) for place in (49, 98))
            shown.append(f"{what} p50 {p50:.1f} p99 {p99:.1f}")
        rate = statistics.median(rate for _, rate in results)
        print(f"{name:<17} {'; '.join(shown)}; the crowd {rate:,.0f} steps/s")


def main() -> None:
    """Parse the command line; ``--serve`` and ``--crowd`` are the processes that a comparison starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sessions", type=int, default=1000, help="that step without a pause")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each server is watched")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--crowd", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
    elif arguments.crowd:
        port, sessions, seconds = arguments.crowd
        asyncio.run(crowd(int(port), int(sessions), float(seconds)))
    else:
        compare(arguments.sessions, arguments.seconds, arguments.rounds)


if __name__ == "__main__":
    main()
