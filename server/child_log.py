"""What a child process writes, as lines of our log: each with the environment's name, and none without end."""

import logging
import time
from collections import deque
from functools import partial
from typing import IO

logger = logging.getLogger(__name__)

LONGEST_LINE_BYTES = 4096
MOST_LINES_A_SECOND = 500
TAIL_LINES = 40
"""Enough for two tracebacks: a module that is missing is often followed by a vain second attempt."""


class ChildLog:
    """Logs the lines of a process, and keeps its last ones.

    Longer lines are cut into several, and beyond ``MOST_LINES_A_SECOND`` lines are only counted. Until the process has
    settled, all are of the level INFO: whoever starts it shows the last ones where that fails.

    Args:
        name: Put before each line.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._settled = False

    def begin(self) -> None:
        """A new process starts."""
        self._tail.clear()
        self._settled = False

    def settle(self) -> None:
        """It has started."""
        self._settled = True

    @property
    def tail(self) -> list[str]:
        """The last lines."""
        return list(self._tail)

    def read(self, stream: IO[bytes], level: int) -> None:
        """Read a stream to its end. Several may be read at once, each on a thread.

        Args:
            stream: Of bytes, buffered.
            level: At which its lines are logged, once the process has settled.
        """
        second, count, left_out = 0, 0, 0
        with stream:
            for line in iter(partial(stream.readline, LONGEST_LINE_BYTES), b""):
                text = _plain(line)
                self._tail.append(text)
                now = int(time.monotonic())
                if now != second:
                    self._tell_left_out(left_out)
                    second, count, left_out = now, 0, 0
                count += 1
                if count <= MOST_LINES_A_SECOND:
                    logger.log(level if self._settled else logging.INFO, "%s: %s", self._name, text)
                else:
                    left_out += 1
        self._tell_left_out(left_out)

    def _tell_left_out(self, count: int) -> None:
        if count:
            logger.warning("%s: writes too much: %d lines were left out", self._name, count)


def _plain(line: bytes) -> str:
    """A line that cannot move a terminal's cursor nor pass for another line."""
    text = line.decode(errors="replace").rstrip().expandtabs()
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
