"""For tests of sessions without a server: a clock that stands still, and the only episode that there is."""

from collections.abc import Mapping
from typing import Any

from openenv_tasksets.episode import Episode
from openenv_tasksets.task import Hidden, Task


class Clock:
    """Says what it is set to, in seconds."""

    now = 100.0

    def __call__(self) -> float:
        """What it is set to."""
        return self.now


async def select(_request: Mapping[str, Any]) -> Episode:
    """An episode without arguments, whatever is asked for."""
    return Episode(Task("t", "train", 0, 0, {}, {}, Hidden({}), Hidden({})), None, 0, None, {}, ())
