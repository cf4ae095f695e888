"""Two tasksets to be mixed, which have other columns and publish one in common."""

from collections.abc import Callable
from typing import Any

MATH = [{"key": f"m{i}", "q": f"{i}+{i}?", "a": str(2 * i), "level": i % 3, "only": i} for i in range(40)]
WORDS = [{"word": f"w{i}", "reversed": f"{i}w", "level": i % 3} for i in range(25)]


def math_part(make_taskset: Callable[..., Any]) -> Any:
    """Forty sums, five of them to test with."""
    task = {"id": "key", "reset": {"prompt": "q", "answer": "a"}, "visible": ["prompt"], "public": ["level", "only"]}
    return make_taskset({"train": MATH, "test": MATH[:5]}, task, id="math")


def words_part(make_taskset: Callable[..., Any]) -> Any:
    """Twenty-five words, without ids of their own."""
    task = {"reset": {"prompt": "word", "answer": "reversed"}, "visible": ["prompt"], "public": ["level"]}
    return make_taskset({"train": WORDS}, task, id="words")
