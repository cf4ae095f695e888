"""Bytes to a located tree: the first step of reading a declaration; no value has a type yet.

libyaml's events are read one at a time and every limit is checked as they come: its own tree builder is
recursive, and crashes the process on 100,000 brackets.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

from openenv_tasksets.field_path import Step, field_path
from openenv_tasksets.issue_list import report, shown
from openenv_tasksets.loaders.errors import DeclarationError, Issue

MOST_BYTES = 256 * 1024
MOST_DEPTH = 64
MOST_NODES = 10_000
NULL_WORDS = frozenset(("", "~", "null", "Null", "NULL"))

EventLoader = type[yaml.SafeLoader] | type[yaml.CSafeLoader]
FASTEST_LOADER: EventLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Scalar(msgspec.Struct, frozen=True):
    """A leaf.

    Attributes:
        text: Its text, escapes and folding undone.
        is_plain: Whether it stands without quotes, and so may mean something else than text.
        line: 1-based line that it starts on.
        start: Offset of its first character in the file's text (a byte order mark not counted).
        end: Offset behind its last character.
    """

    text: str
    is_plain: bool
    line: int
    start: int
    end: int


class Sequence(msgspec.Struct, frozen=True):
    """A list; ``is_block`` where each item has a dash of its own in this very place."""

    items: tuple["Node", ...]
    is_block: bool
    line: int
    start: int
    end: int


class Entry(msgspec.Struct, frozen=True):
    """One key of a mapping, with its value."""

    key: Scalar
    value: "Node"


class Mapping(msgspec.Struct, frozen=True):
    """A mapping; ``is_block`` where each key has a line of its own in this very place."""

    entries: dict[str, Entry]
    is_block: bool
    line: int
    start: int
    end: int


Node = Scalar | Sequence | Mapping


def read_tree(data: bytes, source: str, *, loader: EventLoader = FASTEST_LOADER) -> Node:
    """Read one YAML document.

    Args:
        data: The file; UTF-8, at most 256 KiB.
        source: The file's name, for messages.
        loader: Whose events are read: libyaml's where it is built, else those of PyYAML's own parser.

    Raises:
        DeclarationError: Not UTF-8, not YAML, more than one document or none, deeper than 64 levels, more
            than 10,000 keys and values (aliases written out), keys that occur twice or are not text, tags, merge
            keys, aliases that lead nowhere or into themselves. A syntax error ends the reading; the
            others are reported together.
    """
    text = _decoded(data, source)
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=loader):
            reader.take(event)
    except _Stop as stop:
        reader.issues.append(stop.issue)
    except yaml.MarkedYAMLError as exc:
        reader.issues.append(_syntax_issue(exc, text))
    except (yaml.YAMLError, ValueError, OverflowError) as exc:
        reader.issues.append(Issue("", f"not valid YAML: {exc}", reader.line))
    if reader.issues:
        raise _error(reader.issues, source)
    if reader.root is None:
        message = "the file is empty; `tasksets init` drafts one"
        raise _error([Issue("", message, 1)], source)
    return reader.root


def line_at(tree: Node, steps: Iterable[Step]) -> int:
    """The line of the field that ``steps`` lead to, or of the last one on the way that exists."""
    line, node = tree.line, tree
    for step in steps:
        if isinstance(node, Mapping) and step in node.entries:
            entry = node.entries[str(step)]
            line, node = entry.key.line, entry.value
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            line = node.line
        else:
            break
    return line


def decoded(data: bytes) -> str:
    """The text whose offsets the tree's nodes hold."""
    return data.decode("utf-8-sig")


def _error(issues: list[Issue], source: str) -> DeclarationError:
    return DeclarationError(report(issues, lambda each: each.line, lambda each: each), source)


def _decoded(data: bytes, source: str) -> str:
    if len(data) > MOST_BYTES:
        message = f"{len(data):,} bytes; a declaration has at most {MOST_BYTES:,} (256 KiB)"
        raise _error([Issue("", message, 1)], source)
    try:
        text = decoded(data)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        issue = Issue("", f"byte {exc.start} is not UTF-8; save the file as UTF-8", line)
        raise _error([issue], source) from exc
    unprintable = [
        (number, found[0]) for number, line in enumerate(text.split("\n"), 1) if (found := _UNPRINTABLE.search(line))
    ]
    if unprintable:
        issues = report(unprintable, lambda each: each[0], lambda each: _unprintable_issue(*each))
        raise DeclarationError(issues, source)
    directive = _TAG_DIRECTIVE.search(text)
    if directive:
        line = text.count("\n", 0, directive.start()) + 1
        raise _error([Issue("", "tag directives are not read; leave the line out", line)], source)
    return text


def _unprintable_issue(line: int, character: str) -> Issue:
    name = f"U+{ord(character):04X}"
    return Issue("", f"the control character {name}; in double quotes it can be written as an escape", line)


def _syntax_issue(exc: yaml.MarkedYAMLError, text: str) -> Issue:
    problem = exc.problem or ""
    is_open_quote = "quoted scalar" in (exc.context or "") and problem.startswith("found unexpected")
    if is_open_quote and exc.context_mark:
        return Issue("", "not valid YAML: the quote that opens here is not closed", exc.context_mark.line + 1)
    mark = exc.problem_mark or exc.context_mark
    lines = text.splitlines()
    line = min(mark.line + 1, len(lines) or 1) if mark else 1
    here = lines[line - 1] if lines else ""
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return Issue("", "a tab; YAML is indented with spaces only", line)
    context = f"{exc.context}, " if exc.context else ""
    return Issue("", f"not valid YAML: {context}{problem}", line)


def _span(event: yaml.Event) -> tuple[int, int, int]:
    """An event's 1-based line, and the offsets of its text."""
    marks: Any = event
    return marks.start_mark.line + 1, marks.start_mark.index, marks.end_mark.index


class _Stop(Exception):
    """A mistake behind which nothing more can be read."""

    def __init__(self, issue: Issue) -> None:
        self.issue = issue


class _Measured(msgspec.Struct):
    """A node with the number of values in it and how deep they are nested, aliases written out."""

    node: Node
    size: int
    height: int


class _Frame(msgspec.Struct):
    """A collection that is still being read."""

    event: yaml.CollectionStartEvent
    is_mapping: bool
    items: list[Node] = []
    entries: dict[str, Entry] = {}
    key: Scalar | None = None
    awaits_value: bool = False
    size: int = 1
    height: int = 1
    end: int = 0

    def close(self, end: int) -> _Measured:
        event = self.event
        is_block = not event.flow_style
        # A block ends where the next thing starts: the end of its last value is what an edit needs.
        line, start, _ = _span(event)
        span = (line, start, self.end if is_block else end)
        node: Node
        if self.is_mapping:
            node = Mapping(self.entries, is_block, *span)
        else:
            node = Sequence(tuple(self.items), is_block, *span)
        return _Measured(node, self.size, self.height)


class _Reader:
    """Takes events, one by one, and puts the tree together."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.root: Node | None = None
        self.line = 1
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Measured] = {}
        self._count = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        self.line, start, end = _span(event)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _Stop(Issue("", "a second document; a declaration is one document", self.line))
            case yaml.ScalarEvent():
                self._scalar(event, start, end)
            case yaml.AliasEvent():
                self._alias(event.anchor or "", start, end)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._refuse_tag(event)
                self._check_depth(1)
                self._frames.append(_Frame(event, isinstance(event, yaml.MappingStartEvent)))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                frame = self._frames.pop()
                measured = frame.close(end)
                if frame.event.anchor:
                    self._anchors[frame.event.anchor] = measured
                self._count += 1
                self._place(measured)

    def _scalar(self, event: yaml.ScalarEvent, start: int, end: int) -> None:
        self._refuse_tag(event)
        if _SURROGATE.search(event.value):
            self._issue("half of a surrogate pair is not a character; write the character itself")
        measured = _Measured(Scalar(event.value, not event.style, self.line, start, end), 1, 0)
        if event.anchor:
            self._anchors[event.anchor] = measured
        self._count += 1
        self._place(measured)

    def _alias(self, name: str, start: int, end: int) -> None:
        if name in (frame.event.anchor for frame in self._frames):
            self._issue(f"the alias *{name} stands inside what it repeats")
        elif name not in self._anchors:
            self._issue(f"the alias *{name} has no anchor &{name} before it")
        else:
            anchored = self._anchors[name]
            self._check_depth(anchored.height)
            self._count += anchored.size
            node = msgspec.structs.replace(anchored.node, line=self.line, start=start, end=end)
            if not isinstance(node, Scalar):
                node = msgspec.structs.replace(node, is_block=False)
            self._place(_Measured(node, anchored.size, anchored.height), is_alias=True)
            return
        self._place(_Measured(Scalar("", True, self.line, start, end), 1, 0), is_alias=True)

    def _place(self, measured: _Measured, *, is_alias: bool = False) -> None:
        if self._count > MOST_NODES:
            message = f"more than {MOST_NODES:,} keys and values, what aliases repeat counted each time"
            raise _Stop(Issue("", message, self.line))
        if not self._frames:
            self.root = measured.node
            return
        frame = self._frames[-1]
        frame.end = measured.node.end
        frame.size += measured.size
        frame.height = max(frame.height, measured.height + 1)
        if not frame.is_mapping:
            frame.items.append(measured.node)
        elif frame.awaits_value:
            if frame.key is not None:
                frame.entries[frame.key.text] = Entry(frame.key, measured.node)
            frame.awaits_value = False
        else:
            frame.key = self._checked_key(measured.node, frame, is_alias)
            frame.awaits_value = True

    def _checked_key(self, node: Node, frame: _Frame, is_alias: bool) -> Scalar | None:
        """The key, or None where it is wrong and its value has no place."""
        frame.key = None
        if not isinstance(node, Scalar) or is_alias:
            kind = "an alias" if is_alias else "a mapping" if isinstance(node, Mapping) else "a list"
            self._issue(f"{kind} as a key; keys are text", node.line)
        elif node.is_plain and node.text in NULL_WORDS:
            self._issue("an empty key; write the key before the colon, in quotes if it is this word", node.line)
        elif node.is_plain and node.text == "<<":
            self._issue("merge keys (<<) are not read; write the keys out", node.line)
        elif node.text in frame.entries:
            first = frame.entries[node.text].key.line
            self._issue(f"the key {shown(node.text)} stands here and in line {first}; keep one", node.line)
        else:
            return node
        return None

    def _refuse_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self._issue(f"the tag {shown(event.tag)}; tags are not read, leave it out")

    def _check_depth(self, height: int) -> None:
        if len(self._frames) + height > MOST_DEPTH:
            raise _Stop(Issue("", f"nested more than {MOST_DEPTH} levels deep", self.line))

    def _issue(self, message: str, line: int | None = None) -> None:
        steps: list[Step] = []
        for frame in self._frames:
            if not frame.is_mapping:
                steps.append(len(frame.items))
            elif frame.awaits_value and frame.key is not None:
                steps.append(frame.key.text)
        self.issues.append(Issue(field_path(steps), message, line or self.line))
