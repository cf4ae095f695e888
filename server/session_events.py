"""What is told of a session: events for programs, and a warning for people."""

import logging

from openenv_tasksets.episode import Episode
from openenv_tasksets.server.event_log import tell
from openenv_tasksets.server.outcome import Outcome

logger = logging.getLogger(__name__)


def tell_began(environment: str, session_id: str, episode: Episode) -> None:
    """An episode began.

    Args:
        environment: The environment's id.
        session_id: Whose.
        episode: The episode.
    """
    task = episode.task
    tell(
        "episode began",
        environment=environment,
        session_id=session_id,
        task_id=task.id,
        split=task.split,
        index=task.index,
        position=episode.position,
    )


def tell_ended(environment: str, session_id: str, episode: Episode | None, steps: int, outcome: Outcome) -> None:
    """An episode came to its end.

    Args:
        environment: The environment's id.
        session_id: Whose.
        episode: The episode.
        steps: How many it had.
        outcome: What the last one came to.
    """
    tell(
        "episode ended",
        environment=environment,
        session_id=session_id,
        task_id=None if episode is None else episode.task.id,
        steps=steps,
        reward=outcome.reward,
        truncated_by=outcome.truncated_by,
    )


def warn_of_ignored(session_id: str, episode: Episode) -> None:
    """Arguments of a reset() went nowhere."""
    logger.warning(
        "session %s: reset() arguments that are bound by the row or unknown to the environment are ignored: %.500s",
        session_id,
        ", ".join(map(repr, episode.ignored)),
    )
