"""Processes that measure, each with caches of its own kind."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from figures import MAP, STORED, Figure

PROCESS = Path(__file__).with_name("process.py")


class Runs:
    """Runs contenders over one folder of rows.

    Args:
        folder: The taskset.
        seconds: How long a rate is measured.
        position: Where a resume takes up.
    """

    def __init__(self, folder: Path, seconds: float, position: int) -> None:
        self._folder = folder
        self._seconds = seconds
        self._position = position
        self._caches = folder / "caches"

    def prepare(self, rounds: int) -> dict[str, dict[str, float]]:
        """Convert for ``datasets`` and build our store, each from nothing; the median seconds of each."""
        taken: dict[str, list[dict[str, float]]] = {MAP: [], STORED: []}
        for _ in range(rounds):
            for name, answers in taken.items():
                shutil.rmtree(self._caches / name, ignore_errors=True)
                answers.append(self._run(name, "build", self._caches / name)[0])
        for name in taken:
            # What is remembered of the files for a shuffle: digests.
            self._run(name, "resume", self._caches / name)
        return {
            name: {key: statistics.median(answer[key] for answer in answers) for key in answers[0]}
            for name, answers in taken.items()
        }

    def forget(self) -> None:
        """Remove what was prepared."""
        shutil.rmtree(self._caches, ignore_errors=True)

    def take(self, name: str, figure: Figure) -> dict[str, float]:
        """One figure of one contender."""
        with self._cache(name) as cache:
            answer, elapsed = self._run(name, figure.key, cache, figure.times)
        return {"value": elapsed} if figure.is_cold else answer

    @contextmanager
    def _cache(self, name: str) -> Iterator[Path]:
        """The cache that was prepared; or an empty one, which is gone afterwards."""
        kept = self._caches / (MAP if name.startswith(MAP) else name)
        if kept.exists():
            yield kept
            return
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as empty:
            yield Path(empty)

    def _run(self, name: str, figure: str, cache: Path, times: int = 1) -> tuple[dict[str, Any], float]:
        """What a process answers, and the seconds from its start to its answer."""
        # Compiled modules are kept, as they are after an installation; and no run differs by the user's settings.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "HF_", "OPENENV_"))}
        environment = {
            **kept,
            "HF_HOME": str(cache / "huggingface"),
            "XDG_CACHE_HOME": str(cache),
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        options = json.dumps({"seconds": self._seconds * times, "position": self._position})
        command = [sys.executable, str(PROCESS), name, figure, str(self._folder), options]
        began = time.perf_counter()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
            line = process.stdout.readline() if process.stdout else ""
            elapsed = time.perf_counter() - began
        if process.returncode or not line:
            raise SystemExit(f"{' '.join(command)} failed")
        return json.loads(line), elapsed
