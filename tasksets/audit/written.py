"""What this process logs and prints while it is audited."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from openenv_tasksets.audit.wire import Heard


class Written:
    """The log, and what is printed within ``printing``."""

    def __init__(self) -> None:
        self._log = io.StringIO()
        self._printed = io.StringIO()

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Within it the log goes here, whatever its level, and nowhere else: errors are provoked by the hundred."""
        handler = logging.StreamHandler(self._log)
        handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
        root = logging.getLogger()
        handlers, level = root.handlers, root.level
        root.handlers = [handler]
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.handlers = handlers
            root.setLevel(level)

    @contextmanager
    def printing(self) -> Iterator[None]:
        """Within it stdout and stderr go here."""
        with redirect_stdout(self._printed), redirect_stderr(self._printed):
            yield

    def clear(self) -> None:
        """Forget what was written until now."""
        for each in (self._log, self._printed):
            each.seek(0)
            each.truncate()

    def heard(self) -> list[Heard]:
        """What was written since, as the answers of two channels."""
        return [Heard("the log", self._log.getvalue()), Heard("stdout or stderr", self._printed.getvalue())]
