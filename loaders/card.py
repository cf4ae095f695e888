"""The ``configs`` block of a dataset card: which files its author says are which split."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import yaml

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.file_pattern import checked_path
from openenv_tasksets.loaders.spelling import listing, nearest

_FRONT_MATTER = r"\ufeff?\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)"
_MOST_DEPTH = 64
# Text keeps its spelling (`config_name: 010`), and merge keys are never expanded.
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

SPLIT_NAME = re.compile(r"\w+(\.\w+)*")
"""What ``datasets`` accepts as the name of a split."""

_CHANGES_READING = frozenset(
    (
        "<<",
        "column_names",
        "delimiter",
        "encoding",
        "field",
        "header",
        "names",
        "quotechar",
        "quoting",
        "sep",
        "skiprows",
    )
)


class Config(msgspec.Struct, frozen=True):
    """One entry of a card's ``configs``.

    Attributes:
        name: The Dataset Viewer's name for it.
        data_files: Split to patterns, relative to ``data_dir``; None leaves it to the naming conventions.
        data_dir: Folder that the config lives in; empty for the whole repository.
        default: Whether the card marks it as the default.
    """

    name: str
    data_files: Mapping[str, tuple[str, ...]] | None
    data_dir: str
    default: bool


def choose_config(card: str | None, config_name: str | None) -> Config:
    """The config called ``config_name``, or the card's default one.

    Without ``configs`` there is one config, "default". The default of several is the one called "default" or
    marked ``default: true``.

    Raises:
        SourceError: The card's YAML is broken, or there is no such config, or more than one default.
    """
    configs = _read_configs(card or "")
    if config_name is not None:
        for config in configs:
            if config.name == config_name:
                return config
        names = [config.name for config in configs]
        raise SourceError(f"no config {config_name!r}{nearest(config_name, names)}")
    if len(configs) == 1:
        return configs[0]
    defaults = [config for config in configs if config.default or config.name == "default"]
    if len(defaults) == 1:
        return defaults[0]
    what = "several configs are the default" if defaults else "no config is the default"
    raise SourceError(f"README.md: {what}; set config_name. {listing(c.name for c in defaults or configs)}")


def _read_configs(card: str) -> list[Config]:
    found = re.match(_FRONT_MATTER, card, re.DOTALL)
    front = _load(found.group(1)) if found else None
    entries = front.get("configs") if isinstance(front, dict) else None
    if not entries:
        return [Config("default", None, "", default=True)]
    if not isinstance(entries, list):
        raise SourceError("README.md: configs must be a list")
    configs = [_config(entry, f"README.md: configs[{place}]") for place, entry in enumerate(entries)]
    names = [config.name for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise SourceError(f"README.md: config {name!r} is there twice")
    return configs


def _load(text: str) -> Any:
    try:
        depth = 0
        # libyaml's composer overflows the stack on deep nesting; its event stream does not.
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _MOST_DEPTH:
                raise SourceError(f"README.md: YAML nested more than {_MOST_DEPTH} deep")
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a base loader makes texts, lists and dicts only
    except (yaml.YAMLError, TypeError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" at line {mark.line + 2}" if mark else ""
        raise SourceError(f"README.md: not valid YAML{where}: {getattr(exc, 'problem', None) or exc}") from exc


def _config(entry: Any, where: str) -> Config:
    if not isinstance(entry, dict) or not isinstance(entry.get("config_name"), str):
        raise SourceError(f"{where}: needs a config_name")
    name = entry["config_name"]
    if unread := sorted(_CHANGES_READING & entry.keys()):
        raise SourceError(
            f"{where} ({name}): {', '.join(map(repr, unread))} would change how the files are read, which is "
            "not supported; convert them to Parquet or JSON lines, or name other data_files"
        )
    data_dir = entry.get("data_dir") or "."
    if not isinstance(data_dir, str):
        raise SourceError(f"{where} ({name}): data_dir must be text")
    data_files = entry.get("data_files")
    return Config(
        name=name,
        data_files=_data_files(data_files, f"{where} ({name})") if data_files is not None else None,
        data_dir="" if data_dir in {".", "./"} else checked_path(data_dir),
        default=str(entry.get("default", "")).lower() in {"true", "yes", "on"},
    )


def _data_files(given: Any, where: str) -> dict[str, tuple[str, ...]]:
    if isinstance(given, str) or _is_texts(given):
        return {"train": _patterns(given)}
    entries: list[Any] = given if isinstance(given, list) else [given]
    splits: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        if not _is_split_entry(entry):
            raise SourceError(f"{where}: data_files must be text, a list of texts, or a list of {{split, path}}")
        split = entry["split"]
        if not SPLIT_NAME.fullmatch(split):
            raise SourceError(f"{where}: {split!r} cannot name a split: letters, digits, '_' and '.' only")
        if split in splits:
            raise SourceError(f"{where}: split {split!r} is there twice")
        splits[split] = _patterns(entry["path"])
    return splits


def _is_split_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"split", "path"}
        and isinstance(entry["split"], str)
        and (isinstance(entry["path"], str) or _is_texts(entry["path"]))
    )


def _is_texts(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(each, str) for each in given)


def _patterns(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
