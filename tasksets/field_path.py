"""Field paths: ``environments[0].task.reset.prompt`` as text, and as the steps to walk."""

import json
import re
from collections.abc import Iterable

Step = str | int

_MOST_KEY = 60
_PLAIN_KEY = re.compile(r"[^\s.\[\]\"']+")
_STEP = r"""\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^\s.\[\]"']+)"""


def field_path(steps: Iterable[Step]) -> str:
    """The path as text; a key that is not a plain word stands in brackets and quotes."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        key = step if len(step) <= _MOST_KEY else step[:_MOST_KEY] + "…"
        if _PLAIN_KEY.fullmatch(key):
            path += f".{key}" if path else key
        else:
            path += f"[{json.dumps(key, ensure_ascii=False)}]"
    return path


def path_steps(path: str) -> tuple[Step, ...]:
    """The steps of a path that ``field_path`` wrote (a key that it cut short comes back cut)."""
    return tuple(
        int(index) if index else json.loads(quoted) if quoted else key for index, quoted, key in re.findall(_STEP, path)
    )
