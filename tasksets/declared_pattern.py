"""The regular expressions of a declaration: which are read, and how much work they may make, all together."""

import re
from functools import lru_cache

LONGEST_PATTERN = 1000

_MOST_BYTES = 2**18
_REASON_LARGE = "use smaller repetitions, and fewer classes such as \\pL"
_REASON_LINEAR = "lookaround and backreferences are not supported, so that matching takes linear time"

# Work is counted in instructions of a compiled pattern, each about a microsecond; the rest is as measured.
_MOST_WORK = 500_000
_WORK_OF_CHARACTER = 4
_WORK_OF_CLASS = 800
_WORK_OF_TOO_LARGE = 16_000
_CLASS = re.compile(r"\\[pP]")


class PatternWork:
    """What may still be spent on the patterns of one file; a fraction of a second in all.

    A Unicode class such as ``\\pL`` is hundreds of ranges each time that it is written, whether or not the
    pattern passes: a bound on what each pattern compiles to would not do.
    """

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def allows(self, pattern: str) -> bool:
        """Whether there was enough left to compile ``pattern``; spends it."""
        if len(pattern) > LONGEST_PATTERN:
            return True
        self._left -= _WORK_OF_CHARACTER * len(pattern) + _WORK_OF_CLASS * len(_CLASS.findall(pattern))
        if self._left >= 0:
            self._left -= _compiled(pattern)[1]
        return self._left >= 0


def why_refused(pattern: str) -> str | None:
    """Why RE2 does not take the pattern; None where it does."""
    return _compiled(pattern)[0]


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[str | None, int]:
    """Why it is refused, and the work that it took beside reading it."""
    import re2

    options = re2.Options()
    options.max_mem = _MOST_BYTES
    options.log_errors = False
    try:
        return None, re2.compile(pattern, options).programsize
    except re2.error as exc:
        reason = exc.args[0].decode(errors="replace") if isinstance(exc.args[0], bytes) else str(exc)
        if reason.startswith("pattern too large"):
            return f"{reason}; {_REASON_LARGE}", _WORK_OF_TOO_LARGE
        return f"{reason}; {_REASON_LINEAR}", 0
