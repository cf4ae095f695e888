"""What the relay adds: episodes at an OpenEnv server, directly and through ours, in turns and in one run.

    python benchmarks/relay.py --episodes 3000

An episode is one reset and one step of an environment that does next to nothing. The upstream is OpenEnv's own server
in a process of its own, ours relays from another, and both are asked over one WebSocket each.
"""

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WARM_UP = 200


def upstream_app() -> Any:
    """OpenEnv's server, with an environment that shows its question and judges the answer."""
    from openenv.core.env_server import create_app
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class Said(Action):
        answer: str

    class Shown(Observation):
        question: str | None = None

    class Asks(Environment[Said, Shown, State]):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def reset(
            self,
            seed: int | None = None,  # noqa: ARG002
            episode_id: str | None = None,  # noqa: ARG002
            question: str = "",
            answer: str = "",
        ) -> Shown:
            self._answer = answer
            return Shown(question=question)

        def step(self, action: Said, timeout_s: float | None = None, **_: Any) -> Shown:  # noqa: ARG002
            return Shown(reward=float(action.answer == self._answer), done=True)

        @property
        def state(self) -> State:
            return State()

    return create_app(Asks, Said, Shown, env_name="asks", max_concurrent_envs=8)


def relay_app(upstream: str) -> Any:
    """Ours, in front of it."""
    from openenv_tasksets.declaration import Declaration
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host
    from openenv_tasksets.server.remote_runtime import RemoteRuntime
    from openenv_tasksets.taskset import Taskset

    declared = {
        "id": "asks",
        "task": {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]},
        "frameworks": {"openenv": {"space_id": "acme/asks"}},
    }
    declaration = Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [declared]})
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(1000)]
    return create_app([Host(Taskset.from_rows(rows, declaration), RemoteRuntime(upstream))])


def serve(upstream: str | None) -> None:
    """Serve the upstream, or the relay to it, on a free port, which is printed."""
    import uvicorn

    from openenv_tasksets.server.serve import uvicorn_config

    app = upstream_app() if upstream is None else relay_app(upstream)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        settings: dict[str, Any] = {"log_level": "error", "access_log": False}
        config = uvicorn.Config(app, **settings) if upstream is None else uvicorn_config(app, **settings)
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """A process that serves; its port."""
    command = [sys.executable, __file__, "--serve", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None  # noqa: S101 - for the type checker
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


async def measured(direct: str, relayed: str, episodes: int) -> dict[str, list[float]]:
    """Microseconds of each reset and step, directly and through the relay, in turns."""
    from websockets.asyncio.client import connect

    times: dict[str, list[float]] = {f"{way} {call}": [] for way in ("direct", "relayed") for call in ("reset", "step")}
    async with (
        connect(f"ws://127.0.0.1:{direct}/ws", compression=None) as there,
        connect(f"ws://127.0.0.1:{relayed}/ws", compression=None) as here,
    ):

        async def call(websocket: Any, name: str, frame: str) -> None:
            began = time.perf_counter()
            await websocket.send(frame)
            answer = await websocket.recv()
            times[name].append((time.perf_counter() - began) * 1e6)
            assert '"type":"observation"' in answer, answer  # noqa: S101 - else nothing is measured

        for episode in range(episodes + WARM_UP):
            index = episode % 1000
            given = f'{{"question":"What is {index} + 1?","answer":"{index + 1}","seed":1}}'
            step = f'{{"type":"step","data":{{"answer":"{index + 1}"}}}}'
            ways = [("direct", there, given), ("relayed", here, f'{{"index":{index}}}')]
            for way, websocket, data in ways if episode % 2 else reversed(ways):
                await call(websocket, f"{way} reset", f'{{"type":"reset","data":{data}}}')
                await call(websocket, f"{way} step", step)
    return {name: each[WARM_UP:] for name, each in times.items()}


def compare(episodes: int) -> bool:
    """Measure, print, and say whether a round trip through the relay costs at most one direct one more."""
    with serving() as direct, serving(f"http://127.0.0.1:{direct}") as relayed:
        # Both print their port before they accept: the backlog holds who comes early.
        times = asyncio.run(measured(direct, relayed, episodes))
    print(f"{episodes} episodes each way, in turns; microseconds, p50 (p99)")
    for name, each in times.items():
        print(f"{name:<14} {statistics.median(each):7.0f} ({statistics.quantiles(each, n=100)[98]:.0f})")
    trips, whole = {}, {}
    for way in ("direct", "relayed"):
        resets, steps = times[f"{way} reset"], times[f"{way} step"]
        trips[way] = statistics.median(resets + steps)
        whole[way] = statistics.median(map(sum, zip(resets, steps, strict=True)))
    added, more = trips["relayed"] - trips["direct"], whole["relayed"] - whole["direct"]
    print(f"a round trip   {trips['direct']:7.0f} direct, {trips['relayed']:.0f} relayed")
    print(f"an episode     {whole['direct']:7.0f} direct, {whole['relayed']:.0f} relayed")
    share, of_two = added / trips["direct"], more / trips["direct"]
    print(f"added, in direct round trips: {share:.2f} to a round trip, {of_two:.2f} to an episode, which has two")
    return share <= 1


def main() -> None:
    """Parse the command line; ``--serve`` is the processes that a comparison starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--episodes", type=int, default=3000, help="each way")
    parser.add_argument("--serve", nargs="?", const="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve or None)
    elif not compare(arguments.episodes):
        raise SystemExit("the relay costs more than one direct round trip")


if __name__ == "__main__":
    main()
