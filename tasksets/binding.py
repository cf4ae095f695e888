"""The binding: which columns become which reset() arguments, and who may see them.

A ``Binding`` is a declaration's ``task:`` block checked against the columns that exist. It knows the few
top-level columns it needs, so that a column which no line names is never read.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

import msgspec

from openenv_tasksets.column_path import ColumnPath
from openenv_tasksets.declaration import (
    Argument,
    ColumnArgument,
    TaskDeclaration,
    TemplateArgument,
    ValueArgument,
)
from openenv_tasksets.loaders.errors import DeclarationError, Issue, RowError
from openenv_tasksets.loaders.rows import Row
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.media_value import PILLOW_COMMAND
from openenv_tasksets.task import Hidden, Task
from openenv_tasksets.task_declaration import MediaForm
from openenv_tasksets.template import parse_template
from openenv_tasksets.value_reader import (
    Read,
    Unbindable,
    as_text,
    decode_json,
    decoding,
    extractor,
    id_reader,
    media_reader,
    reader,
    without_nulls,
)

RESET_COLUMN = "openenv_reset"
TASK_COLUMN = "task"
SPEC_KEYS = ("id", "split", "index", "row")
_NO_GOLD = Hidden({})


class BoundColumn(msgspec.Struct, frozen=True):
    """A value read from one top-level column, perhaps from below it.

    Attributes:
        column: The column.
        read: Reads the value from a row.
        is_cell: Whether the value is the column's own: nothing below it, and no JSON text.
        how: What ``read`` does, as text: the same text, the same values.
    """

    column: str
    read: Read
    is_cell: bool = False
    how: str = ""


class RowPlace(msgspec.Struct, frozen=True):
    """Where a row is, for messages; ``location`` is only called when there is one to write."""

    split: str
    row: int
    location: Callable[[int], str]


class Binds(Protocol):
    """What makes tasks of rows: a ``Binding``, or those of several parts."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The top-level columns that binding needs."""
        ...

    @property
    def public(self) -> Mapping[str, BoundColumn]:
        """What the Task API shows beside the task's own keys, by the name it shows."""
        ...

    @property
    def id_column(self) -> BoundColumn | None:
        """Where ids come from; None where they are made of split and row."""
        ...

    def bind(self, row: Row, index: int, place: RowPlace) -> Task:
        """The task at ``index``, from its row; raises RowError."""
        ...

    def task_id(self, row: Row, place: RowPlace) -> str:
        """Only its id; raises RowError."""
        ...

    def public_values(self, row: Row, names: Sequence[str], place: RowPlace) -> dict[str, Any]:
        """Only some public values; raises RowError."""
        ...


class Binding(msgspec.Struct, frozen=True):
    """How a row becomes a task.

    Attributes:
        columns: The top-level columns that binding needs, in the files' order.
        public: What the Task API shows beside the task's own keys, by the name it shows.
        id_column: Where ids come from; None where they are made of split and row.
    """

    columns: tuple[str, ...]
    public: Mapping[str, BoundColumn]
    id_column: BoundColumn | None
    _arguments: Callable[[Row], tuple[Mapping[str, Any], Mapping[str, Any]]]
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
        # Streams bind each row: what is plain here costs a third of what it could.
        try:
            prepared = self._prepare(row)
            visible, hidden = self._arguments(prepared)
            return Task(
                self._id(prepared, place),
                place.split,
                index,
                place.row,
                visible,
                {name: bound.read(prepared) for name, bound in self.public.items()} if self.public else {},
                Hidden(hidden),
                Hidden({name: read(prepared) for name, read in self._gold.items()}) if self._gold else _NO_GOLD,
            )
        except Unbindable as exc:
            raise _row_error(exc, place) from None

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
        if isinstance(exc, Unbindable):
            raise _row_error(exc, self._place) from None


def _row_error(exc: Unbindable, place: RowPlace) -> RowError:
    where = place.location(place.row)
    return RowError(str(exc), split=place.split, row=place.row, column=exc.column, location=where)


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
            id_column=None if id_path is None else BoundColumn(id_path.column, id_reader(id_path)),
            _arguments=arguments,
            _gold=gold,
            _prepare=decoding([path for path in self.json_paths if path.column in self.needed]),
        )

    def _arguments(self) -> Callable[[Row], tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Reads the visible arguments, and the hidden ones."""
        reset = self.task.reset
        seen = frozenset(self.task.visible)
        if reset and reset != "all":
            readers = {name: self._argument(argument, f"reset.{name}") for name, argument in reset.items()}
            shown = [(name, read) for name, read in readers.items() if name in seen]
            others = [(name, read) for name, read in readers.items() if name not in seen]

            def read_named(row: Row) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
                # Two comprehensions take half as long again: each is a call.
                visible, hidden = {}, {}
                for name, read in shown:
                    visible[name] = read(row)
                for name, read in others:
                    hidden[name] = read(row)
                return visible, hidden

            return read_named
        read_all = self._undivided()

        def divided(row: Row) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
            every = read_all(row)
            return (
                {name: value for name, value in every.items() if name in seen},
                {name: value for name, value in every.items() if name not in seen},
            )

        return divided

    def _undivided(self) -> Callable[[Row], Mapping[str, Any]]:
        """Reads the arguments whose names only the row or its columns tell."""
        if self.task.reset == "all":
            self.needed.update(self.all_columns)
            whole = {name: self._value(ColumnPath(name, name, ())) for name in self.all_columns}
            return lambda row: {name: read(row) for name, read in whole.items() if name in row}
        if RESET_COLUMN in self.all_columns:
            read_reset = self._value(self._whole(RESET_COLUMN))
            return lambda row: _reset_arguments(read_reset(row))
        if TASK_COLUMN in self.all_columns:
            read_task = self._value(self._whole(TASK_COLUMN))
            return lambda row: {TASK_COLUMN: read_task(row)}
        if not self.all_columns:
            return dict
        from openenv_tasksets.draft import draft_task

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
            readers[name] = self._bound(found)
        return readers

    def _bound(self, path: ColumnPath) -> BoundColumn:
        texts = sorted(each.text for each in self.json_paths if each.column == path.column)
        how = json.dumps([path.column, *path.fields, {"json": texts, "keep_nulls": self.task.keep_nulls}])
        return BoundColumn(path.column, self._value(path), not path.fields and not texts, how)

    def _argument(self, argument: Argument, where: str) -> Read:
        match argument:
            case ValueArgument(value=value):
                return lambda _row: value
            case TemplateArgument(template=template):
                return self._template(template, where)
            case ColumnArgument(column=column, extract=extract, form=form):
                found = self._column(column, where)
                if found is None:
                    return lambda _row: None
                if form is not None:
                    self._check_form(form, where)
                    return media_reader(found, form)
                return self._value(found) if extract is None else extractor(found, extract)

    def _check_form(self, form: MediaForm, where: str) -> None:
        if form == "pil" and find_spec("PIL") is None:
            self._issue(f"{where}.as", f"images are decoded by Pillow, which is not installed: {PILLOW_COMMAND}")

    def _value(self, path: ColumnPath) -> Read:
        """Reads what is at the path as a whole, without the nulls that are only Arrow's."""
        if self.task.keep_nulls:
            return reader(path)
        kept = frozenset(
            each.fields[len(path.fields) :] if path.covers(each) else ()
            for each in self.json_paths
            if path.covers(each) or each.covers(path)
        )
        return without_nulls(reader(path), kept)

    def _template(self, text: str, where: str) -> Read:
        template = parse_template(text)
        paths = {name: self._column(name, where) for name in template.columns}
        found = {name: path for name, path in paths.items() if path is not None}
        readers = {name: reader(path) for name, path in found.items()}
        return lambda row: template.render({name: as_text(read(row), name) for name, read in readers.items()})

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


def _reset_arguments(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = decode_json(value, RESET_COLUMN)
    if not isinstance(value, Mapping):
        kind = "null" if value is None else type(value).__name__
        raise Unbindable(RESET_COLUMN, f"holds {kind}; it must be a struct or the JSON text of an object")
    return dict(value)
