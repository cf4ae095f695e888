"""The metadata at the top of a dataset card, changed key by key: what does not change stays as it is written."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from yaml.representer import SafeRepresenter

from openenv_tasksets.loaders.errors import SourceError

_BLOCK = re.compile(r"(\ufeff?\s*---[ \t]*\r?\n)((?:.*?\n)??)(---[ \t]*(?:\r?\n|\Z))", re.DOTALL)


class FrontMatter:
    """A card's metadata and the text behind it.

    Args:
        card: Text of README.md.

    Raises:
        SourceError: The metadata is not a YAML mapping, one key a line.
    """

    def __init__(self, card: str) -> None:
        found = _BLOCK.match(card)
        self._newline = "\r\n" if "\r\n" in card else "\n"
        fence = f"---{self._newline}"
        self._head, self._yaml, self._foot = found.groups() if found else (fence, "", fence)
        self.body = card[found.end() :] if found else card
        self._nodes = _compose(self._yaml)

    def adopt(self, other: "FrontMatter") -> None:
        """Take over the keys of another card that this one does not have."""
        for key, node in other._nodes.items():
            if key not in self._nodes:
                self.set(key, Written(node))

    def set(self, key: str, value: Any) -> None:
        """Replace a key's value, or add it at the end.

        Args:
            key: A key of the mapping.
            value: Plain Python. Parts of the old value may be among it as ``Written``, and stay as written.
        """
        written = yaml.serialize(
            yaml.MappingNode("tag:yaml.org,2002:map", [(_node(key), _node(value))], flow_style=False),
            Dumper=yaml.SafeDumper,
            allow_unicode=True,
            width=120,
        )
        lines = self._yaml.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += self._newline
        start, end = self._lines_of(key, lines)
        lines[start:end] = [line.rstrip("\n") + self._newline for line in written.splitlines()]
        self._yaml = "".join(lines)
        self._nodes = _compose(self._yaml)

    def remove(self, key: str) -> None:
        """Take a key away, where it is there."""
        if key in self._nodes:
            lines = self._yaml.splitlines(keepends=True)
            start, end = self._lines_of(key, lines)
            self._yaml = "".join(lines[:start] + lines[end:])
            self._nodes = _compose(self._yaml)

    def items_of(self, key: str) -> "list[Written]":
        """The items of a list, or the one value that stands for it."""
        node = self._nodes.get(key)
        if node is None:
            return []
        return [Written(item) for item in (node.value if isinstance(node, yaml.SequenceNode) else [node])]

    def text(self) -> str:
        """The whole card."""
        return f"{self._head}{self._yaml}{self._foot}{self.body}"

    def _lines_of(self, key: str, lines: Sequence[str]) -> tuple[int, int]:
        """First line of a key, and the one behind its value; comments before the next key are not the value's."""
        if key not in self._nodes:
            return len(lines), len(lines)
        starts = [name.start_mark.line for name, _ in _pairs(self._yaml)]
        node_key = next(name for name, _ in _pairs(self._yaml) if name.value == key)
        start = node_key.start_mark.line
        end = min((line for line in starts if line > start), default=len(lines))
        while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
            end -= 1
        return start, end


class Written:
    """A value as it stands in the text: dumped again, numbers and dates keep their spelling."""

    def __init__(self, node: yaml.Node) -> None:
        self._node = node

    @property
    def node(self) -> yaml.Node:
        """The value, for YAML."""
        return self._node

    @property
    def plain(self) -> Any:
        """The value as plain Python, numbers and dates as text."""
        return _plain(self._node)

    def fields(self) -> "dict[str, Written]":
        """The fields of a mapping; none for anything else."""
        if not isinstance(self._node, yaml.MappingNode):
            return {}
        return {str(name.value): Written(value) for name, value in self._node.value}


def _pairs(text: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" at line {mark.line + 2}" if mark else ""
        reason = getattr(exc, "problem", None) or type(exc).__name__
        raise SourceError(f"README.md: its metadata is not valid YAML{where}: {reason}") from exc
    if root is None:
        return []
    keys_are_lines = isinstance(root, yaml.MappingNode) and not root.flow_style
    if not keys_are_lines or not all(isinstance(name, yaml.ScalarNode) for name, _ in root.value):
        raise SourceError("README.md: its metadata must be a mapping with one key a line, as in 'license: mit'")
    return list(root.value)


def _compose(text: str) -> dict[str, yaml.Node]:
    return {name.value: value for name, value in _pairs(text)}


def _plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {str(name.value): _plain(value) for name, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return node.value


def _node(value: Any) -> yaml.Node:
    if isinstance(value, Written):
        return value.node
    if isinstance(value, Mapping):
        pairs = [(_node(name), _node(member)) for name, member in value.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=False)
    if isinstance(value, list | tuple):
        return yaml.SequenceNode("tag:yaml.org,2002:seq", [_node(item) for item in value], flow_style=False)
    return SafeRepresenter().represent_data(value)
