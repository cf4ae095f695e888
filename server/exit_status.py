"""How a process ended, in words."""

import signal

_NAMES = {each.value: each.name for each in signal.Signals}


def how_it_ended(code: int) -> str:
    """What a return code says, as ``subprocess`` gives it: below zero is the signal that killed the process."""
    # Not every signal has a name: those between SIGRTMIN and SIGRTMAX have none.
    return f"ended with {code}" if code >= 0 else f"was killed by {_NAMES.get(-code, f'signal {-code}')}"
