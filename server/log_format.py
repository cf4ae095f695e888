"""Logs for programs: one JSON object a line."""

import datetime
import logging
from collections.abc import Mapping
from typing import TextIO

from openenv_tasksets.server.errors import where_raised
from openenv_tasksets.server.event_log import Fact
from openenv_tasksets.server.wire import encode_json


class JsonLines(logging.Formatter):
    """A record as a JSON object on a line: time, level, logger, event, facts, and where an exception was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        facts: Mapping[str, Fact] = getattr(record, "facts", {})
        line = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **facts,
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["raised"] = where_raised(record.exc_info[1])
        return encode_json(line).decode()


def log_as_json(stream: TextIO) -> None:
    """Log nothing but JSON lines, to a stream; the server's events among them."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(force=True, level=logging.root.level, handlers=[handler])
    logging.captureWarnings(True)
    logging.getLogger("openenv_tasksets").setLevel(logging.INFO)
