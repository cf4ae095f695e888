"""Edits of a YAML text that touch only what changed: every other byte stays the author's."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from openenv_tasksets import yaml_tree
from openenv_tasksets.yaml_text import entry_text, flow_text, item_text

_COMMENT = re.compile(r"(?:^|\s)#", re.MULTILINE)
_KEY_OF_ITEM = "id"


class CannotEdit(Exception):
    """The change cannot be written into the text without losing something; the message says what.

    Attributes:
        line: Where in the text.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Edit(msgspec.Struct, frozen=True):
    start: int
    end: int
    text: str


def edited(text: str, tree: yaml_tree.Node, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The text with the difference between two values written into it.

    Args:
        text: A document.
        tree: The same document, located.
        before: What it means, in the form of ``after``; keys of the text that are not here are left alone.
        after: What it shall mean. Lists of mappings with an ``id`` are matched by it.

    Raises:
        CannotEdit: Comments inside a value that goes would be lost, or list items change their order.
    """
    editor = _Editor(text)
    editor.change(tree, before, after)
    for edit in sorted(editor.edits, key=lambda each: (each.start, each.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal as JSON: 1, 1.0 and true are three values, keys have no order."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


class _Editor:
    def __init__(self, text: str) -> None:
        self.text = text
        self.line_break = "\r\n" if "\r\n" in text else "\n"
        self.edits: list[_Edit] = []

    def change(self, node: yaml_tree.Node, before: Any, after: Any) -> None:
        if same(before, after):
            return
        if isinstance(node, yaml_tree.Scalar) or not node.is_block or type(before) is not type(after) or not after:
            self._replace(node, after)
        elif isinstance(node, yaml_tree.Mapping):
            self._change_mapping(node, before, after)
        elif _ids(before) and _ids(after) and not _is_in_place(_ids(before), _ids(after)):
            self._change_items(node, before, after)
        elif len(before) == len(after):
            for item, old, new in zip(node.items, before, after, strict=True):
                self.change(item, old, new)
        else:
            self._replace(node, after)

    def _change_mapping(self, node: yaml_tree.Mapping, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        kept = [entry for key, entry in node.entries.items() if key in after or key not in before]
        if not kept:
            self._replace(node, after)
            return
        # What is added behind a value comes before the edits within it: the outer text must stand last.
        indent = self._column(kept[0].key.start)
        added = [entry_text(key, after[key], indent) for key in after if key not in node.entries]
        self._insert_behind(kept[-1].value, added)
        self._remove_entries(list(node.entries.values()), {entry.key.text for entry in kept})
        for key, value in after.items():
            if key in node.entries and key in before:
                self.change(node.entries[key].value, before[key], value)
            elif key in node.entries:
                # The text only repeated a default, which the value does not hold.
                self._replace(node.entries[key].value, value)

    def _remove_entries(self, entries: list[yaml_tree.Entry], kept: set[str]) -> None:
        first = entries[0].key.start
        if entries[0].key.text not in kept and self.text[self._line_start(first) : first].strip():
            # The mapping begins behind a dash, which stays: the first entry that is kept moves there.
            length = next(index for index, entry in enumerate(entries) if entry.key.text in kept)
            next_start = entries[length].key.start
            self._check_comments(first, next_start, entries[:length])
            self.edits.append(_Edit(first, next_start, ""))
            entries = entries[length:]
        for entry in entries:
            if entry.key.text not in kept:
                self._remove_lines(entry.key.start, self._end(entry.value))

    def _change_items(self, node: yaml_tree.Sequence, before: Sequence[Any], after: Sequence[Any]) -> None:
        old = dict(zip(_ids(before), zip(node.items, before, strict=True), strict=True))
        new = dict(zip(_ids(after), after, strict=True))
        kept = [each for each in new if each in old]
        if kept != [each for each in old if each in new]:
            raise CannotEdit("items in another order would part from their comments", node.line)
        if not kept:
            self._replace(node, after)
            return
        indent = self._column(self._dash(old[kept[0]][0]))
        place: yaml_tree.Node | None = None
        for _, group in groupby(new.items(), lambda each: each[0] in old):
            run = list(group)
            if run[0][0] in old:
                place = old[run[-1][0]][0]
            else:
                self._insert_items([item_text(value, indent) for _, value in run], place, node.items[0])
        for each, (item, value) in old.items():
            if each in new:
                self.change(item, value, new[each])
            else:
                self._remove_lines(self._dash(item), self._end(item))

    def _insert_items(self, texts: list[str], behind: yaml_tree.Node | None, first: yaml_tree.Node) -> None:
        if behind is not None:
            self._insert_behind(behind, texts)
            return
        start = self._line_start(self._dash(first))
        text = "".join(f"{text}\n" for text in texts)
        self.edits.append(_Edit(start, start, text.replace("\n", self.line_break)))

    def _insert_behind(self, node: yaml_tree.Node, texts: Sequence[str]) -> None:
        if texts:
            place = self._line_end(self._end(node))
            text = "".join(f"\n{text}" for text in texts)
            self.edits.append(_Edit(place, place, text.replace("\n", self.line_break)))

    def _remove_lines(self, start: int, end: int) -> None:
        line_end = self.text.find("\n", end)
        self.edits.append(_Edit(self._line_start(start), len(self.text) if line_end < 0 else line_end + 1, ""))

    def _replace(self, node: yaml_tree.Node, after: Any) -> None:
        start, end = node.start, self._end(node)
        self._check_comments(start, end, [node])
        before = self.text[:start].rstrip()
        is_block = not isinstance(node, yaml_tree.Scalar) and node.is_block
        if is_block and before.endswith((":", "-")):
            start = len(before)
        is_apart = start == 0 or self.text[start - 1].isspace() or self.text[start - 1] in "[{,"
        self.edits.append(_Edit(start, end, flow_text(after) if is_apart else f" {flow_text(after)}"))

    def _check_comments(self, start: int, end: int, parts: Sequence[yaml_tree.Node | yaml_tree.Entry]) -> None:
        bare = list(self.text[start:end])
        for leaf in (leaf for part in parts for leaf in _leaves(part)):
            first = leaf.start
            if self.text[first : first + 1] in ("|", ">"):
                # The line that opens a block of text may end in a comment of its own.
                first = self._line_end(first)
            last = min(leaf.end, end)
            if start <= first <= last:
                bare[first - start : last - start] = "x" * (last - first)
        if _COMMENT.search("".join(bare)):
            line = self.text.count("\n", 0, start) + 1
            raise CannotEdit("the comments inside this value would be lost", line)

    def _dash(self, item: yaml_tree.Node) -> int:
        return self.text.rindex("-", 0, item.start)

    def _end(self, node: yaml_tree.Node) -> int:
        """Where the node's text ends, without the line breaks that a block of text ends in."""
        end = node.end
        while end > node.start and self.text[end - 1] in "\r\n ":
            end -= 1
        return end

    def _line_start(self, place: int) -> int:
        return self.text.rfind("\n", 0, place) + 1

    def _line_end(self, place: int) -> int:
        end = self.text.find(self.line_break, place)
        return len(self.text) if end < 0 else end

    def _column(self, place: int) -> int:
        return place - self._line_start(place)


def _ids(values: Any) -> list[str]:
    """The ids of a list of mappings that all have one; else none."""
    ids = [each.get(_KEY_OF_ITEM) for each in values if isinstance(each, Mapping)]
    named = [each for each in ids if isinstance(each, str)]
    return named if len(set(named)) == len(values) else []


def _is_in_place(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether items only got another id where they stand."""
    return len(before) == len(after) and all(
        old == new or (old not in after and new not in before) for old, new in zip(before, after, strict=True)
    )


def _leaves(part: yaml_tree.Node | yaml_tree.Entry) -> Iterator[yaml_tree.Scalar]:
    match part:
        case yaml_tree.Scalar():
            yield part
        case yaml_tree.Entry(key=key, value=value):
            yield key
            yield from _leaves(value)
        case yaml_tree.Sequence(items=items):
            for item in items:
                yield from _leaves(item)
        case _:
            for entry in part.entries.values():
                yield from _leaves(entry)
