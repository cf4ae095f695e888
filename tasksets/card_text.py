"""The dataset card of a taskset: where its splits are, how large they are, and a summary in the author's text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration
from openenv_tasksets.front_matter import FrontMatter, Written

TAGS = ("rl-environment", "openenv")
"""The tags by which the Hub finds environments."""

_START = "<!-- tasksets summary: written by `tasksets push`, which replaces all up to the end mark -->"
_END = "<!-- end of tasksets summary -->"
_SUMMARY = re.compile(r"<!-- tasksets summary:(?:(?!<!-- tasksets summary:).)*?" + re.escape(_END), re.DOTALL)


@dataclass(frozen=True, slots=True)
class CardSplit:
    """What a card says of one split.

    Attributes:
        name: Its name.
        patterns: Which files hold it.
        rows: How many rows it has; None where that is not known.
        value_bytes: Size of its values, before compression.
        file_bytes: Size of its files.
    """

    name: str
    patterns: tuple[str, ...]
    rows: int | None = None
    value_bytes: int = 0
    file_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CardConfig:
    """What a card says of one config.

    Attributes:
        name: Its name.
        splits: Every split of it.
        is_changed: Whether any of its rows are other ones than before.
    """

    name: str
    splits: tuple[CardSplit, ...]
    is_changed: bool


def card_text(
    card: str | None,
    repo_id: str,
    declaration: Declaration,
    configs: Sequence[CardConfig],
    counts: Mapping[str, Mapping[str, int]],
    *,
    other: str | None = None,
) -> str:
    """Write what is known into a card, and leave the rest of it as it is.

    Args:
        card: The card there is; None writes a new one.
        repo_id: The repository that it is for.
        declaration: What is pushed.
        configs: Configs whose files this repository holds.
        counts: Environment to split to number of tasks, where they are known.
        other: Another version of the card: keys that only it has are taken over, and its tags are added.

    Raises:
        SourceError: The metadata of a card is not a YAML mapping, one key a line.
    """
    front = FrontMatter(f"\n# {_title(declaration, repo_id)}\n" if card is None else card)
    theirs = FrontMatter(other or "")
    front.adopt(theirs)
    _merge_tags(front, [item.plain for item in theirs.items_of("tags")])
    for config in configs:
        _set_config(front, config)
        if config.is_changed:
            _set_sizes(front, config)
    front.body = _with_summary(front.body, _summary(repo_id, declaration, counts))
    return front.text()


def handwritten(card: str) -> str:
    """A card's text without its metadata and the summary.

    Raises:
        SourceError: As ``card_text``.
    """
    return " ".join(_SUMMARY.sub("", FrontMatter(card).body).split())


def _title(declaration: Declaration, repo_id: str) -> str:
    title = declaration.environments[0].title if len(declaration.environments) == 1 else None
    return " ".join((title or repo_id.rpartition("/")[2]).split())


def _merge_tags(front: FrontMatter, extra: Sequence[str]) -> None:
    there = front.items_of("tags")
    names = [item.plain for item in there]
    missing = [tag for tag in dict.fromkeys((*extra, *TAGS)) if tag not in names]
    if missing:
        front.set("tags", [*there, *missing])


def _set_config(front: FrontMatter, config: CardConfig) -> None:
    entries = front.items_of("configs")
    place = next((n for n, entry in enumerate(entries) if _field(entry, "config_name") == config.name), None)
    old = {} if place is None else entries[place].fields()
    data_files = [
        {"split": split.name, "path": split.patterns[0] if len(split.patterns) == 1 else list(split.patterns)}
        for split in config.splits
    ]
    if "data_dir" not in old and "data_files" in old and old["data_files"].plain == data_files:
        return
    # Paths of ours are those of the repository.
    kept = {name: value for name, value in old.items() if name not in ("config_name", "data_dir", "data_files")}
    entry = {"config_name": old.get("config_name", config.name), "data_files": data_files, **kept}
    changed: list[object] = list(entries)
    if place is None:
        changed.append(entry)
    else:
        changed[place] = entry
    front.set("configs", changed)


def _set_sizes(front: FrontMatter, config: CardConfig) -> None:
    """``dataset_info`` of the config; without it where a size is not known, since ``datasets`` compares them."""
    entries = front.items_of("dataset_info")
    others: list[object] = [each for each in entries if (_field(each, "config_name") or "default") != config.name]
    if all(split.rows is not None for split in config.splits):
        others.append(
            {
                "config_name": config.name,
                "splits": [
                    {"name": split.name, "num_bytes": split.value_bytes, "num_examples": split.rows}
                    for split in config.splits
                ],
                "download_size": sum(split.file_bytes for split in config.splits),
                "dataset_size": sum(split.value_bytes for split in config.splits),
            }
        )
    if others:
        front.set("dataset_info", others[0] if len(others) == 1 else others)
    else:
        front.remove("dataset_info")


def _field(entry: Written, name: str) -> object:
    field = entry.fields().get(name)
    return None if field is None else field.plain


def _with_summary(body: str, summary: str) -> str:
    newline = "\r\n" if "\r\n" in body else "\n"
    marked = f"{_START}\n\n{summary}\n{_END}".replace("\n", newline)
    if _SUMMARY.search(body):
        return _SUMMARY.sub(lambda _: marked, body, count=1)
    gap = "" if not body else newline if body.endswith("\n") else newline * 2
    return f"{body}{gap}{marked}{newline}"


def _summary(repo_id: str, declaration: Declaration, counts: Mapping[str, Mapping[str, int]]) -> str:
    lines = ["## Tasks", "", "| environment | split | tasks |", "|---|---|---|"]
    for environment in declaration.environments:
        known = counts.get(environment.id, {})
        for split in [*known] or [each.name for each in environment.splits]:
            lines.append(f"| {environment.id} | {split} | {f'{known[split]:,}' if split in known else ''} |")
    lines += ["", *_described(declaration.environments), "", "```python", "from openenv_tasksets import Taskset", ""]
    for environment in declaration.environments:
        place = repo_id if len(declaration.environments) == 1 else f"{repo_id}/{environment.id}"
        lines.append(f'taskset = Taskset.from_hub("{place}")')
    return "\n".join([*lines, "```", ""])


def _described(environments: Sequence[EnvironmentDeclaration]) -> list[str]:
    lines = [
        "Each task is a row, bound by `environment.yaml` to an [OpenEnv](https://github.com/meta-pytorch/OpenEnv) "
        "environment."
    ]
    for environment in environments:
        task = environment.task
        if task is None or not isinstance(task.reset, Mapping) or not task.reset:
            continue
        seen = ", ".join(f"`{name}`" for name in task.visible) or "nothing"
        hidden = ", ".join(f"`{name}`" for name in task.reset if name not in task.visible)
        lines.append(f"In {environment.id} an agent sees {seen}" + (f"; hidden from it: {hidden}." if hidden else "."))
    return lines
