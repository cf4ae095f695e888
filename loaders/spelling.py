"""The nearest spelling, and a short list of what exists, for error messages."""

from collections.abc import Iterable


def nearest(given: str, allowed: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``; did you mean 'x'? There are: 'x', 'y'`` — to be put behind "no column 'X'".

    Args:
        given: What was written.
        allowed: What exists; the first 20 are listed.
        cutoff: Similarity in [0, 1] from which a name counts as near.
    """
    # Only a mistake needs it.
    import difflib

    names = list(allowed)
    close = difflib.get_close_matches(given, names, n=1, cutoff=cutoff)
    guess = f"; did you mean {close[0]!r}?" if close else "."
    return f"{guess} {listing(names)}"


def listing(names: Iterable[str], most: int = 20) -> str:
    """``There are: 'a', 'b' and 3 more``, or ``There are none``."""
    every = list(names)
    if not every:
        return "There are none"
    shown = ", ".join(map(repr, every[:most]))
    return f"There are: {shown}" + (f" and {len(every) - most} more" if len(every) > most else "")
