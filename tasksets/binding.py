"""The binding: which columns become which reset() arguments, and who may see them.

A ``Binding`` is a declaration's ``task:`` block checked against the columns that exist. It knows the few
top-level columns it needs, so that a column which no line names is never read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from openenv_tasksets.column_path import ColumnPath, PathMissing
from openenv_tasksets.declaration import (
    Argument,
    ColumnArgument,
    TaskDeclaration,
    TemplateArgument,
    ValueArgument,
)
from openenv_tasksets.draft import draft_task
from openenv_tasksets.loaders.errors import DeclarationError, Issue, RowError
from openenv_tasksets.loaders.rows import Row
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.patterns import compile_pattern
from openenv_tasksets.task import Hidden, Task
from openenv_tasksets.template import parse_template

RESET_COLUMN = "openenv_reset"
TASK_COLUMN = "task"
SPEC_KEYS = ("id", "split", "index", "row")
_COMPOUND = (dict, list)
_NO_GOLD = Hidden({})


class _Unbindable(Exception):
    """A value that cannot be bound; ``Binding`` adds the split, row and file."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


Read = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A value read from one top-level column, perhaps from below it."""

    column: str
    read: Read


class RowPlace(msgspec.Struct, frozen=True):
    """Where a row is, for messages; ``location`` is only called when there is one to write."""

    split: str
    row: int
    location: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Binding:
    """How a row becomes a task.

    Attributes:
        columns: The top-level columns that binding needs, in the files' order.
        public: What the Task API shows beside the task's own keys, by the name it shows.
        id_column: Where ids come from; None where they are made of split and row.
    """

    columns: tuple[str, ...]
    public: Mapping[str, BoundColumn]
    id_column: BoundColumn | None
    _arguments: Callable[[Row], Mapping[str, Any]]
    _visible: frozenset[str]
    _gold: Mapping[str, Read]
    _prepare: Callable[[Row], Row]

    def bind(self, row: Row, index: int, place: RowPlace) -> Task:
        """Bind one row.

        Args:
            row: Its values, at least those of ``columns``.
            index: Position in the served split.
            place: Where the row is.

        Raises:
            RowError: The row cannot become a task; the message holds no value of the row.
        """
        with _located(place):
            prepared = self._prepare(row)
            visible: dict[str, Any] = {}
            hidden: dict[str, Any] = {}
            for name, value in self._arguments(prepared).items():
                (visible if name in self._visible else hidden)[name] = value
            return Task(
                id=self._id(prepared, place),
                split=place.split,
                index=index,
                row=place.row,
                visible=visible,
                public={name: bound.read(prepared) for name, bound in self.public.items()} if self.public else {},
                hidden=Hidden(hidden),
                gold=Hidden({name: read(prepared) for name, read in self._gold.items()}) if self._gold else _NO_GOLD,
            )

    def task_id(self, row: Row, place: RowPlace) -> str:
        """Only the id, from a row that need hold no other column than the id's.

        Raises:
            RowError: The id is missing, or neither text nor a whole number.
        """
        with _located(place):
            return self._id(self._prepare(row), place)

    def public_values(self, row: Row, names: Sequence[str], place: RowPlace) -> dict[str, Any]:
        """Some public values, from a row that need hold no other columns than theirs.

        Raises:
            RowError: A value cannot be read.
        """
        with _located(place):
            prepared = self._prepare(row)
            return {name: self.public[name].read(prepared) for name in names}

    def _id(self, prepared: Row, place: RowPlace) -> str:
        if self.id_column is None:
            return f"{place.split}-{place.row}"
        return str(self.id_column.read(prepared))


class _located:
    """Adds split, row and file to a value that cannot be bound."""

    __slots__ = ("_place",)

    def __init__(self, place: RowPlace) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, exc: BaseException | None, _traceback: object) -> None:
        if isinstance(exc, _Unbindable):
            place = self._place
            raise RowError(
                str(exc),
                split=place.split,
                row=place.row,
                column=exc.column,
                location=place.location(place.row),
            ) from None


def compile_binding(task: TaskDeclaration | None, columns: Sequence[str], path: str) -> Binding:
    """Check a ``task:`` block against the columns that exist.

    Args:
        task: The block; None where the declaration has none (RFC 006's ``openenv_reset`` or ``task`` column).
        columns: Names of the columns, in the files' order; none at all (an empty list of rows) is no mistake.
        path: Field path of the block for messages, such as ``environments[0].task``.

    Raises:
        DeclarationError: Columns that do not exist (with the nearest spelling), names that collide, or
            nothing to bind; every mistake at once. Issues carry no line: the caller knows the file.
    """
    return _Compiler(task or TaskDeclaration(), columns, path).compile()


class _Compiler:
    def __init__(self, task: TaskDeclaration, columns: Sequence[str], path: str) -> None:
        self.task = task
        self.all_columns = tuple(columns)
        self.path = path
        self.issues: list[Issue] = []
        self.needed: set[str] = set()
        self.json_paths: list[ColumnPath] = []
        self.secrets: list[ColumnPath] = []

    def compile(self) -> Binding:
        for number, text in enumerate(self.task.json_columns):
            found = self._column(text, f"json[{number}]", needed=False)
            if found is not None:
                self.json_paths.append(found)
        arguments = self._arguments()
        id_path = None if self.task.id is None else self._column(self.task.id, "id")
        gold = {name: self._argument(arg, f"gold.{name}") for name, arg in self.task.gold.items()}
        public = self._public()
        if self.issues:
            raise DeclarationError(self.issues)
        columns = tuple(name for name in self.all_columns if name in self.needed)
        return Binding(
            columns=columns,
            public=public,
            id_column=None if id_path is None else BoundColumn(id_path.column, _id_reader(id_path)),
            _arguments=arguments,
            _visible=frozenset(self.task.visible),
            _gold=gold,
            _prepare=_decoding([path for path in self.json_paths if path.column in self.needed]),
        )

    def _arguments(self) -> Callable[[Row], Mapping[str, Any]]:
        reset = self.task.reset
        if reset == "all":
            self.needed.update(self.all_columns)
            whole = {name: self._value(ColumnPath(name, name, ())) for name in self.all_columns}
            return lambda row: {name: read(row) for name, read in whole.items() if name in row}
        if reset:
            readers = {name: self._argument(argument, f"reset.{name}") for name, argument in reset.items()}
            return lambda row: {name: read(row) for name, read in readers.items()}
        if RESET_COLUMN in self.all_columns:
            read_reset = self._value(self._whole(RESET_COLUMN))
            return lambda row: _reset_arguments(read_reset(row))
        if TASK_COLUMN in self.all_columns:
            read_task = self._value(self._whole(TASK_COLUMN))
            return lambda row: {TASK_COLUMN: read_task(row)}
        if not self.all_columns:
            return dict
        self._issue(
            "reset",
            "nothing says how a row becomes a task: there is no column 'openenv_reset' or 'task'. "
            "Write a task block, for example:\n" + draft_task(self.all_columns),
        )
        return dict

    def _whole(self, column: str) -> ColumnPath:
        """A column whose fields are arguments: it holds what is hidden."""
        self.needed.add(column)
        path = ColumnPath(column, column, ())
        self.secrets.append(path)
        return path

    def _public(self) -> dict[str, BoundColumn]:
        named = {name: (name, f"public[{number}]") for number, name in enumerate(self.task.public)}
        if self.task.difficulty is not None:
            named["difficulty"] = (self.task.difficulty, "difficulty")
        if self.task.group is not None:
            named["group"] = (self.task.group, "group")
        readers: dict[str, BoundColumn] = {}
        for name, (text, where) in named.items():
            if name in SPEC_KEYS and not (name == "id" and self.task.id == "id"):
                self._issue(where, f"column {name!r} has the name of a key that every task has; it cannot be public")
                continue
            found = self._column(text, where)
            if found is None:
                continue
            if any(found.covers(secret) for secret in self.secrets):
                self._issue(where, f"column {text!r} holds the gold action or the arguments; it cannot be public")
            readers[name] = BoundColumn(found.column, self._value(found))
        return readers

    def _argument(self, argument: Argument, where: str) -> Read:
        match argument:
            case ValueArgument(value=value):
                return lambda _row: value
            case TemplateArgument(template=template):
                return self._template(template, where)
            case ColumnArgument(column=column, extract=extract):
                found = self._column(column, where)
                if found is None:
                    return lambda _row: None
                return self._value(found) if extract is None else _extractor(found, extract)

    def _value(self, path: ColumnPath) -> Read:
        """Reads what is at the path as a whole, without the nulls that are only Arrow's."""
        if self.task.keep_nulls:
            return _reader(path)
        kept = frozenset(
            each.fields[len(path.fields) :] if path.covers(each) else ()
            for each in self.json_paths
            if path.covers(each) or each.covers(path)
        )

        return _reader(path, lambda value: _drop_nulls(value, kept))

    def _template(self, text: str, where: str) -> Read:
        template = parse_template(text)
        paths = {name: self._column(name, where) for name in template.columns}
        found = {name: path for name, path in paths.items() if path is not None}
        readers = {name: _reader(path) for name, path in found.items()}
        return lambda row: template.render({name: _as_text(read(row), name) for name, read in readers.items()})

    def _column(self, text: str, where: str, *, needed: bool = True) -> ColumnPath | None:
        found = ColumnPath.parse(text, self.all_columns or [text.split(".")[0]])
        if found is None:
            self._issue(where, f"no column {text!r}{nearest(text, self.all_columns)}")
        elif needed:
            self.needed.add(found.column)
            if where.startswith("gold."):
                self.secrets.append(found)
        return found

    def _issue(self, where: str, message: str) -> None:
        self.issues.append(Issue(f"{self.path}.{where}", message))


def _reader(path: ColumnPath, change: Callable[[Any], Any] | None = None) -> Read:
    """Reads what is at the path; ``change`` is for values that are made of others."""
    column = path.column

    def read_column(row: Row) -> Any:
        try:
            value = row[column]
        except KeyError:
            raise _Unbindable(path.text, f"the row has no column {column!r}") from None
        return change(value) if change is not None and isinstance(value, _COMPOUND) else value

    def read(row: Row) -> Any:
        try:
            value = path.read(row)
        except PathMissing as exc:
            raise _Unbindable(path.text, str(exc)) from None
        return change(value) if change is not None and isinstance(value, _COMPOUND) else value

    return read if path.fields else read_column


def _id_reader(path: ColumnPath) -> Read:
    read = _reader(path)

    def read_id(row: Row) -> str:
        value = read(row)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            kind = "empty" if value == "" else "null" if value is None else type(value).__name__
            raise _Unbindable(path.text, f"an id is text or a whole number, not {kind}")
        return str(value)

    return read_id


def _extractor(path: ColumnPath, extract: str) -> Read:
    pattern = compile_pattern(extract)
    read = _reader(path)

    def read_extract(row: Row) -> str:
        found = pattern.extract(_as_text(read(row), path.text))
        if found is None:
            raise _Unbindable(path.text, f"the text does not match extract {extract!r}")
        return found

    return read_extract


def _as_text(value: Any, column: str) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bytes):
        kind = "null" if value is None else "bytes"
        raise _Unbindable(column, f"{kind} has no text form; bind the column itself instead")
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError) as exc:
        raise _Unbindable(column, f"{type(value).__name__} has no text form") from exc
    # Dates and decimals are JSON strings: their text is what stands between the quotes.
    return msgspec.json.decode(encoded, type=str) if encoded[:1] == b'"' else encoded.decode()


def _reset_arguments(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = _decode_json(value, RESET_COLUMN)
    if not isinstance(value, Mapping):
        kind = "null" if value is None else type(value).__name__
        raise _Unbindable(RESET_COLUMN, f"holds {kind}; it must be a struct or the JSON text of an object")
    return dict(value)


def _decode_json(value: Any, column: str) -> Any:
    if not isinstance(value, str | bytes):
        raise _Unbindable(column, f"declared as JSON text, but holds {type(value).__name__}")
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise _Unbindable(column, f"not valid JSON: {reason}") from None


def _decoding(json_paths: Sequence[ColumnPath]) -> Callable[[Row], Row]:
    # Outer texts are decoded before texts inside them.
    ordered = sorted(json_paths, key=lambda path: len(path.fields))

    def prepare(row: Row) -> Row:
        decoded = dict(row)
        for path in ordered:
            if path.column in decoded:
                decode = partial(_decode_json, column=path.text)
                decoded[path.column] = path.replace(decoded[path.column], decode)
        return decoded

    return prepare if ordered else lambda row: row


def _drop_nulls(value: Any, kept: frozenset[tuple[str, ...]] = frozenset()) -> Any:
    """Without the struct fields that are null: Arrow gives every struct all fields that any row has.

    Args:
        value: What is handed on whole.
        kept: Paths below it whose nulls stay: those of JSON text, which its author wrote.
    """
    if () in kept:
        return value
    if isinstance(value, dict):
        return {
            name: _drop_nulls(member, frozenset(path[1:] for path in kept if path[0] == name))
            for name, member in value.items()
            if member is not None
        }
    if isinstance(value, list):
        first = next((member for member in value if member is not None), None)
        # A list has one type in Arrow: numbers and texts need no visit each.
        return [_drop_nulls(member, kept) for member in value] if isinstance(first, dict | list) else value
    return value
