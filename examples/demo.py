"""The whole road in half a minute: build a taskset, serve it, play 200 of its tasks with OpenEnv's own client.

python -m tasksets_examples.demo
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from openenv_tasksets.report import EpisodeRecord, Summary
from tasksets_examples.reasoning.build import build
from tasksets_examples.reasoning.policy import answer

EPISODES = 200
SHOWN = 6
START_SECONDS = 60


def main(folder: Path = Path(".demo"), *, size: int = 5000, episodes: int = EPISODES) -> int:
    """Build, serve, play and sum up; returns the exit code."""
    began = time.monotonic()
    print(f"1. Building a taskset from reasoning-gym in {folder}/ ...", flush=True)
    counts = build(folder, size)
    print(f"   {counts['train']:,} tasks to train on, {counts['test']:,} to test on.\n")
    print("2. Serving it: tasksets serve", folder, "--port 0", flush=True)
    with served(folder) as url:
        print(f"   {url}\n")
        print(f"3. Playing {episodes} test tasks with openenv.GenericEnvClient and a scripted policy.", flush=True)
        summary = play(url, episodes)
    print()
    summary.print(Console(highlight=False, markup=False))
    print(f"\nDone in {time.monotonic() - began:.0f} s. How to go on:")
    for command in next_steps(folder):
        print(f"   {command}")
    return 1 if summary.failures else 0


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server of the taskset in a process of its own; gives its URL, and ends it whatever happens."""
    command = [sys.executable, "-m", "openenv_tasksets.cli", "serve", str(folder), "--port", "0"]
    log = folder / "server.log"
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        url = process.stdout.readline().strip()
        watchdog.cancel()
        if not url:
            raise RuntimeError(f"the server did not start:\n{log.read_text()}")
        yield url
    finally:
        watchdog.cancel()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def play(url: str, episodes: int) -> Summary:
    """Play the first test tasks, one after the other, and print some of them."""
    # Imported here, since it takes seconds.
    from openenv import GenericEnvClient  # type: ignore[import-untyped]

    summary = Summary()
    with GenericEnvClient(base_url=url).sync() as env:
        for index in range(episodes):
            record, question, reply = play_task(env, index)
            summary.add(record)
            if index < SHOWN:
                print(f"   {record.task_id}: {question}\n      {reply!r} -> reward {record.reward:g}")
            elif (index + 1) % 50 == 0:
                print(f"   ... {index + 1} played", flush=True)
    return summary


def play_task(env: Any, index: int) -> tuple[EpisodeRecord, str, str]:
    """One episode over the wire, as a trainer would play it."""
    began = time.monotonic()
    observation = env.reset(split="test", index=index).observation
    reply = answer(observation)
    result = env.step({"answer": reply})
    state = env.state()
    record = EpisodeRecord(
        task_id=state["task_id"],
        split=state["split"],
        index=state["index"],
        repeat=0,
        episode_id=state["episode_id"] or "",
        status="ok",
        reward=result.reward,
        last_reward=result.reward,
        steps=1,
        seconds=time.monotonic() - began,
        difficulty=state["public"]["difficulty"],
        group=state["public"]["group"],
        done=result.done,
    )
    question = " ".join(observation["prompt"].split())
    return record, question if len(question) < 90 else f"... {question[-86:]}", reply


def next_steps(folder: Path) -> Sequence[str]:
    """Three commands, as they can be typed here."""
    program = Path(sys.executable).with_name("tasksets")
    if program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    return (
        f"{program} show {folder} --split test --limit 5",
        f"{program} run {folder} --split test --policy tasksets_examples.reasoning.policy:answer",
        f"{program} run {folder} --split test --limit 20 --endpoint http://127.0.0.1:8000/v1 --model YOUR-MODEL",
    )


if __name__ == "__main__":
    sys.exit(main())
