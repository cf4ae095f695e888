"""A first ``task:`` block, drafted from the columns that exist and the values in a few rows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from openenv_tasksets.checkers import CHECKERS, Key
from openenv_tasksets.environment import Accepts
from openenv_tasksets.loaders.rows import Row
from openenv_tasksets.patterns import compile_pattern

_PROMPTS = ("prompt", "question", "problem", "instruction", "messages", "input", "query", "text")
_ANSWERS = (
    *("answer", "answer_key", "correct_answer", "final_answer", "ground_truth", "answers"),
    *("solution", "target", "label", "output", "response", "expected"),
)
_CHOICES = ("choices", "options", "endings")
_IDS = ("task_id", "id", "uid", "unique_id", "question_id", "problem_id")
_PUBLIC = ("topic", "subject", "category", "type", "domain", "source", "family")
_DIFFICULTY = ("difficulty", "level", "tier")

_EXTRACT = "#### (.+)$"
_PLAIN = re.compile(r"(?!(?i:null|true|false|yes|no|on|off|y|n)$)[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[-+]?[$€£]?[0-9][0-9,]*(\.[0-9]+)?%?|[-+]?\.[0-9]+")

Line = tuple[str, str]
"""A line of YAML, and what to say of it behind a ``#``; the latter may be empty."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A ``task:`` block to edit.

    Attributes:
        lines: The block, from ``task:`` on.
        columns: The top-level columns that it binds.
        arguments: Arguments for the environment's constructor.
    """

    lines: tuple[Line, ...]
    columns: frozenset[str]
    arguments: Mapping[str, str]

    def __str__(self) -> str:
        return "\n".join(text for text, _ in self.lines)


def draft_task(columns: Sequence[str]) -> str:
    """YAML of a ``task:`` block for the environment ``answer``, drafted from names alone and without comments."""
    return str(draft_answer(columns))


def draft_answer(columns: Sequence[str], rows: Sequence[Row] = ()) -> Draft:
    """Draft a binding for the environment ``answer``.

    A prompt becomes visible, an answer stays hidden. Where no name helps, the first column is the prompt and
    the last the answer, and the comments say so: the block is a start to edit.

    Args:
        columns: Names of the columns; where there are none, the block names columns that are to be made.
        rows: A few rows with all columns; without them only the names speak.
    """
    return _AnswerDraft(columns, rows).draft()


def draft_arguments(columns: Sequence[str], accepted: Accepts) -> Draft:
    """Draft a binding for an environment that takes other arguments: by columns that have their names.

    Args:
        columns: Names of the columns.
        accepted: What its reset() takes.
    """
    lines: list[Line] = [("task:", ""), ("  reset:", "arguments of reset(), and the columns they come from")]
    bound = []
    for name in sorted(accepted.names - {"seed", "episode_id"}):
        column = _first(columns, (name,))
        if column is not None:
            lines.append((f"    {quoted(name)}: {quoted(column)}", ""))
            bound.append((name, column))
        elif name in accepted.required:
            lines.append((f"    {quoted(name)}: FILL_IN", "fill in: the column this argument comes from"))
    if len(lines) == 2:
        lines.append(("    FILL_IN: FILL_IN", "fill in: an argument, and the column it comes from"))
    visible = [quoted(name) for name, _ in bound if _first((name,), _PROMPTS)]
    comment = "arguments that the agent may see; every other one is hidden"
    lines.append((f"  visible: [{', '.join(visible)}]", comment if visible else f"fill in: {comment}"))
    return Draft(tuple(lines), frozenset(column for _, column in bound), {})


def quoted(name: str) -> str:
    """A text as a YAML scalar, between quotes where it needs them."""
    if _PLAIN.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + '"'


class _AnswerDraft:
    """The draft for ``answer``, put together column by column."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Row]) -> None:
        # A column without a name cannot be bound by one.
        self.columns = [name for name in columns if name]
        self.rows = rows
        self.json_columns = [name for name in self.columns if _holds_json_text(self.values(name))]
        self.id = next((name for name in self.named(_IDS) if self.could_be_id(name)), None)
        self.choices = next(iter(self.named(_CHOICES)), None)
        free = [name for name in self.columns if name not in (self.id, self.choices)]
        self.prompt = _first(free, _PROMPTS)
        self.answer = _first([name for name in free if name != self.prompt], _ANSWERS)
        self.prompt_known, self.answer_known = self.prompt is not None, self.answer is not None
        self.prompt = self.prompt or next((name for name in free if name != self.answer), None)
        self.answer = self.answer or next((name for name in reversed(free) if name != self.prompt), None)

    def draft(self) -> Draft:
        answer, expected = self._answer()
        choices = self._choices()
        lines: list[Line] = [("task:", "")]
        if self.id is not None:
            lines.append((f"  id: {quoted(self.id)}", "column with each task's stable name; unique in a split"))
        lines.append(("  reset:", "arguments of reset(), and the columns they come from"))
        lines.append((f"    prompt: {quoted(self.prompt or 'prompt')}", self._prompt_comment()))
        lines.append((f"    answer: {answer}", self._answer_comment()))
        if choices is not None:
            lines.append((f"    choices: {quoted(choices)}", "texts to choose from"))
        visible = "prompt" if choices is None else "prompt, choices"
        lines.append((f"  visible: [{visible}]", "what the agent may see; every other argument is hidden"))
        lines += self._public()
        bound = {self.id, self.prompt, self.answer, *(() if choices is None else (self.choices,))}
        json_columns = [name for name in self.json_columns if name in bound]
        if json_columns:
            lines.append((f"  json: [{_flow(json_columns)}]", "columns that hold JSON text, decoded when read"))
        checker = self._checker(expected)
        if expected and checker != "choice" and all(isinstance(value, str) for value in expected):
            lines.append((f"  gold: {{answer: {answer}}}", "an action that deserves the full reward"))
        return Draft(
            tuple(lines),
            frozenset(name for name in (*bound, *self._public_columns()) if name is not None),
            {} if checker is None else {"checker": checker},
        )

    def values(self, column: str | None) -> list[Any]:
        """What the rows hold in a column, without nulls."""
        found = (row.get(column) for row in self.rows if column is not None)
        return [value for value in found if value is not None]

    def named(self, wanted: Iterable[str]) -> list[str]:
        return _all_named(self.columns, wanted)

    def could_be_id(self, column: str) -> bool:
        values = [row.get(column) for row in self.rows]
        texts = [str(value) for value in values if isinstance(value, str | int) and value is not True and value != ""]
        return len(set(texts)) == len(values)

    def _answer(self) -> tuple[str, list[Any]]:
        """The YAML of the answer's binding, and what it gives for the rows that have one."""
        if self.answer is None:
            return ("{value: FILL_IN}" if self.columns else "answer"), []
        values = self.values(self.answer)
        if self.answer in self.json_columns:
            return quoted(self.answer), [_decode(value) for value in values]
        pattern = compile_pattern(_EXTRACT)
        if values and all(isinstance(value, str) and pattern.search(value) for value in values):
            text = f"{{column: {quoted(self.answer)}, extract: {quoted(_EXTRACT)}}}"
            return text, [pattern.extract(value) for value in values]
        return quoted(self.answer), values

    def _choices(self) -> str | None:
        """The path of the choices where they are lists of texts, as they are or in a field ``text``."""
        if self.choices is None:
            return None
        values = self._decoded(self.choices)
        if all(_texts(value) for value in values):
            return self.choices
        if all(isinstance(value, Mapping) and _texts(value.get("text")) for value in values):
            return f"{self.choices}.text"
        return None

    def _decoded(self, column: str) -> list[Any]:
        values = self.values(column)
        return [_decode(value) for value in values] if column in self.json_columns else values

    def _checker(self, expected: Sequence[Any]) -> str | None:
        """The first checker that takes every expected answer; None without rows."""
        if not self.rows:
            return None
        choices = self._choice_lists(len(expected))
        likely = ["normalized", "json"]
        if expected and all(map(_looks_numeric, expected)):
            likely.insert(0, "number")
        if choices[:1] != [None]:
            likely.insert(0, "choice")
        for name in likely:
            if all(_takes(name, *key) for key in zip(expected, choices, strict=True)):
                return name
        return "normalized"

    def _choice_lists(self, count: int) -> list[Any]:
        """The choices that belong to each of ``count`` expected answers; None where there are none."""
        path = self._choices()
        found = [] if self.choices is None or path is None else self._decoded(self.choices)
        if len(found) != count:
            return [None] * count
        return found if path == self.choices else [value["text"] for value in found]

    def _public_columns(self) -> list[str]:
        taken = (self.id, self.prompt, self.answer, self.choices)
        named = [*self.named(_PUBLIC), *self.named(_DIFFICULTY)]
        return [
            name
            for name in dict.fromkeys(named)
            if name not in taken and all(isinstance(value, str | int | float) for value in self.values(name))
        ]

    def _public(self) -> list[Line]:
        found = self._public_columns()
        difficulty = _first(found, _DIFFICULTY)
        public = [name for name in found if name != difficulty]
        lines = []
        if public:
            lines.append((f"  public: [{_flow(public)}]", "columns that a trainer may see and filter by"))
        if difficulty is not None:
            lines.append((f"  difficulty: {quoted(difficulty)}", "public as 'difficulty'; summaries are given by it"))
        if public:
            lines.append((f"  group: {quoted(public[0])}", "public as 'group'; summaries are given by it"))
        return lines

    def _prompt_comment(self) -> str:
        if self.prompt_known:
            return "what the agent is asked"
        return f"fill in: the column with the question; a guess among {_listed(self.columns)}"

    def _answer_comment(self) -> str:
        if self.answer_known:
            return "what a reply is checked against"
        return f"fill in: the column with the expected answer; a guess among {_listed(self.columns)}"


def _first(columns: Iterable[str], wanted: Iterable[str]) -> str | None:
    return next(iter(_all_named(columns, wanted)), None)


def _all_named(columns: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Columns by the order of ``wanted``: those with that very name (case and separators aside), else as last word."""
    words = {name: _words(name) for name in columns}
    looked_for = [_words(each) for each in wanted]
    whole = [name for each in looked_for for name, spelled in words.items() if spelled == each]
    ending = [name for each in looked_for for name, spelled in words.items() if spelled[-1:] == each]
    return list(dict.fromkeys([*whole, *ending]))


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower())


def _holds_json_text(values: Sequence[Any]) -> bool:
    return bool(values) and all(
        isinstance(value, str) and value.lstrip()[:1] in ("{", "[") and _decode(value) is not None for value in values
    )


def _decode(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(member, str) for member in value)


def _looks_numeric(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip()) is not None
    return not isinstance(value, bool | list | Mapping)


def _takes(checker: str, expected: Any, choices: Sequence[str] | None) -> bool:
    try:
        CHECKERS[checker](Key(expected, None if choices is None else tuple(choices)))
    except ValueError:
        return False
    return True


def _flow(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "") if names else "none"
