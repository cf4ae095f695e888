"""Regular expressions of declarations and rows, matched in time linear in the text.

The syntax is RE2's: https://github.com/google/re2/wiki/Syntax. No pattern can stall its caller: matching
never backtracks, a compiled pattern is small, and every call does a bounded amount of work.

Rows use the first match (``extract``), replies the last (``extract_last``): a solution states its answer
where the pattern says, while a policy may correct itself and means what it says last.
"""

import functools
import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re2

_MEMORY_BYTES = 2**20
_WORK = 2**27  # instructions x characters; a second at worst, where RE2 has to follow every state at once


class Pattern:
    """A compiled regular expression; make one with ``compile_pattern``.

    Trailing line breaks of the text are cut off before matching, so that ``$`` means the end of what one
    sees; ``(?m)`` makes ``$`` the end of every line. A text longer than ``max_chars`` never matches.

    Attributes:
        text: The pattern as it was written.
        max_chars: Longest text that is matched, in characters: more than a million for a pattern of everyday
            size.
    """

    __slots__ = ("_compiled", "max_chars", "text")

    def __init__(self, text: str) -> None:
        import re2

        options = re2.Options()
        options.max_mem = _MEMORY_BYTES
        options.log_errors = False
        self.text = text
        self._compiled = re2.compile(text, options)
        self.max_chars: int = _WORK // max(1, self._compiled.programsize)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in ``text``."""
        subject = self._subject(text)
        return subject is not None and self._compiled.search(subject) is not None

    def fullmatch(self, text: str) -> bool:
        """Whether the pattern matches all of ``text``."""
        subject = self._subject(text)
        return subject is not None and self._compiled.fullmatch(subject) is not None

    def extract(self, text: str) -> str | None:
        """What the first match says: its first group that took part, or all of it where the pattern has no
        group.

        None if nothing matches.
        """
        subject = self._subject(text)
        found = None if subject is None else self._compiled.search(subject)
        return None if found is None else self._said(found)

    def extract_last(self, text: str) -> str | None:
        """What the last match says; None if nothing matches.

        Matches follow each other from the start without overlap. Where there are so many in so long a text
        that following them all is too much work (more than ``max_chars / len(text)``), the rest are looked
        for at the text's end only, in its last ``sqrt(max_chars)`` characters.
        """
        subject = self._subject(text)
        if subject is None:
            return None
        limit = self.max_chars // max(1, len(subject)) + 1
        found = list(itertools.islice(self._compiled.finditer(subject), limit))
        if len(found) == limit:
            tail = max(found[-1].end(), len(subject) - math.isqrt(self.max_chars))
            found.extend(self._compiled.finditer(subject, tail))
        return self._said(found[-1]) if found else None

    def _subject(self, text: str) -> str | None:
        if len(text) > self.max_chars:
            return None
        text = text.rstrip("\r\n")
        try:
            text.encode()
        except UnicodeEncodeError:  # lone surrogates, which JSON text can hold and RE2 cannot
            return text.encode("utf-8", "replace").decode()
        return text

    def _said(self, found: "re2._Match") -> str | None:
        groups: tuple[str | None, ...] = found.groups()
        if not groups:
            return str(found.group())
        return next((group for group in groups if group is not None), None)


@functools.lru_cache(maxsize=128)
def compile_pattern(text: str) -> Pattern:
    """Compiles a regular expression in RE2's syntax; the same text gives the same object.

    Raises:
        ValueError: It is no such expression; the message has the reason, and the part of ``text`` at fault.
    """
    import re2

    try:
        return Pattern(text)
    except UnicodeEncodeError as exc:
        raise ValueError("the pattern holds a lone surrogate, which is not text") from exc
    except re2.error as exc:
        reason = exc.args[0].decode("utf-8", "replace") if isinstance(exc.args[0], bytes) else str(exc)
        raise ValueError(f"{reason}; lookaround and backreferences are not supported (they need backtracking)") from exc
