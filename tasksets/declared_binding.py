"""The part of a declaration that says which rows make which tasks, as plain JSON without hidden constants.

Whatever has its default value is left out, so that a version of the library that knows more keys gives the
same. Of a constant that no agent may see (the value or template of a hidden argument, or of a gold action)
there is only a digest, under ``hidden_value`` or ``hidden_template``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from openenv_tasksets.declaration import EnvironmentDeclaration

_FIELDS = ("config_name", "splits", "dataset", "task", "reward")
_CONTENT = ("id", "reset", "visible", "public", "json", "keep_nulls", "difficulty", "group", "gold")
_CONSTANTS = ("value", "template")
_HIDDEN = "hidden_"
_MOST_SHOWN = 120


def binding_dump(environment: EnvironmentDeclaration) -> dict[str, Any]:
    """The environment's config, splits, dataset, task block and reward, keys sorted."""
    dumped = {name: value for name, value in environment.to_dict().items() if name in _FIELDS}
    task = dumped.get("task", {})
    reset = task.get("reset", {})
    if isinstance(reset, dict):
        visible = task.get("visible", ())
        task["reset"] = {name: each if name in visible else _masked(each) for name, each in reset.items()}
        if not reset:
            del task["reset"]
    if "gold" in task:
        task["gold"] = {name: _masked(each) for name, each in task["gold"].items()}
    ordered: dict[str, Any] = json.loads(_text(dumped))
    return ordered


def digest(value: Any) -> str:
    """Hex digest of plain JSON, whatever the order of its keys."""
    return hashlib.blake2b(_text(value).encode(), digest_size=16).hexdigest()


def content_part(dump: Mapping[str, Any]) -> dict[str, Any]:
    """What of a dump decides what a row's task contains; order and limits, say, do not."""
    task = dump.get("task", {})
    return {name: task[name] for name in _CONTENT if name in task}


def id_column(dump: Mapping[str, Any]) -> str | None:
    """The column of the ids; None where they are made of split and row."""
    column: str | None = dump.get("task", {}).get("id")
    return column


def has_commitments(dump: Mapping[str, Any]) -> bool:
    """Whether hidden columns are in a private repository, and commitments in their place."""
    return "hidden" in dump.get("dataset", {})


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields in which two dumps differ.

    Yields:
        The field's path, such as ``task.reset.prompt.template``, and its two values with an arrow between
        them; no hidden one.
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        *parents, name = path.split(".")
        if name.startswith(_HIDDEN):
            yield ".".join([*parents, name.removeprefix(_HIDDEN)]), "changed; its value is hidden"
        else:
            yield path, f"{_shown(old.get(path))} -> {_shown(new.get(path))}"


def _masked(argument: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _HIDDEN + name if name in _CONSTANTS else name: digest(value) if name in _CONSTANTS else value
        for name, value in argument.items()
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and (value or not path):
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}" if path else name)
    else:
        yield path, _text(value)


def _shown(text: str | None) -> str:
    if text is None:
        return "absent"
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
