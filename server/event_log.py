"""Events of the server, for programs to read: what happened, and the ids of what it happened to.

An event is a log record with ``facts``, of which none is ever a hidden value, nor the text of a foreign exception.
"""

import logging
from functools import partial
from typing import TypeAlias

Fact: TypeAlias = "str | int | float | bool | None"

_events = logging.getLogger(__name__)
listened = partial(_events.isEnabledFor, logging.INFO)
"""Whether anybody reads events: to ask first is cheaper than to gather facts for nobody."""


def tell(event: str, **facts: Fact) -> None:
    """Log an event, at the level INFO.

    Args:
        event: What happened, in a few words that are always the same.
        facts: Ids and numbers.
    """
    if listened():
        _events.info(event, extra={"facts": facts})
