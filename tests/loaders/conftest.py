"""For the loaders' tests: the threads that read ahead."""

import threading
from collections.abc import Callable

import pytest


def _all() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "tasksets-read-ahead"}


@pytest.fixture
def reading_threads() -> Callable[[], list[threading.Thread]]:
    """``reading_threads()``: those of this test. One that another test has dropped may still be in its last read."""
    before = _all()
    return lambda: list(_all() - before)
