"""How one value is read from a row: whole, as an id, as text, by a pattern; and why it cannot be."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from openenv_tasksets.column_path import ColumnPath, PathMissing
from openenv_tasksets.loaders.rows import Row
from openenv_tasksets.media_value import NoMedia, data_uri, media_bytes, picture
from openenv_tasksets.patterns import compile_pattern
from openenv_tasksets.task_declaration import MediaForm

Read = Callable[[Row], Any]

_NESTED = (dict, list)
_FORMS: dict[MediaForm, Callable[[Any], Any]] = {"data_uri": data_uri, "bytes": media_bytes, "pil": picture}


class Unbindable(Exception):
    """A value that cannot be bound; ``Binding`` adds the split, row and file.

    Attributes:
        column: The column, with the path below it.
    """

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def reader(path: ColumnPath) -> Read:
    """Reads what is at a path."""
    column = path.column

    def read(row: Row) -> Any:
        try:
            return path.read(row)
        except PathMissing as exc:
            raise Unbindable(path.text, str(exc)) from None

    return read if path.fields else lambda row: row[column] if column in row else read(row)


def id_reader(path: ColumnPath) -> Read:
    """Reads an id, as text."""
    read = reader(path)

    def read_id(row: Row) -> str:
        value = read(row)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            kind = "empty" if value == "" else "null" if value is None else type(value).__name__
            raise Unbindable(path.text, f"an id is text or a whole number, not {kind}")
        return str(value)

    return read_id


def extractor(path: ColumnPath, extract: str) -> Read:
    """Reads what a pattern finds in the text at a path."""
    pattern = compile_pattern(extract)
    read = reader(path)

    def read_extract(row: Row) -> str:
        found = pattern.extract(as_text(read(row), path.text))
        if found is None:
            raise Unbindable(path.text, f"the text does not match extract {extract!r}")
        return found

    return read_extract


def media_reader(path: ColumnPath, form: MediaForm) -> Read:
    """Reads an image or sound, or a list of them, in a form; null stays null."""
    make = _FORMS[form]
    read = reader(path)

    def shaped(value: Any) -> Any:
        if isinstance(value, list):
            return [shaped(each) for each in value]
        return None if value is None else make(value)

    def read_media(row: Row) -> Any:
        try:
            return shaped(read(row))
        except NoMedia as exc:
            raise Unbindable(path.text, f"as {form}: {exc}") from None

    return read_media


def as_text(value: Any, column: str) -> str:
    """A value as templates and patterns take it.

    Raises:
        Unbindable: It has no text form.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bytes):
        kind = "null" if value is None else "bytes"
        raise Unbindable(column, f"{kind} has no text form; bind the column itself instead")
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError) as exc:
        raise Unbindable(column, f"{type(value).__name__} has no text form") from exc
    # Dates and decimals are JSON strings: their text is what stands between the quotes.
    return msgspec.json.decode(encoded, type=str) if encoded[:1] == b'"' else encoded.decode()


def decode_json(value: Any, column: str) -> Any:
    """What JSON text stands for.

    Raises:
        Unbindable: It is none.
    """
    if not isinstance(value, str | bytes):
        raise Unbindable(column, f"declared as JSON text, but holds {type(value).__name__}")
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise Unbindable(column, f"not valid JSON: {reason}") from None


def decoding(json_paths: Sequence[ColumnPath]) -> Callable[[Row], Row]:
    """Gives rows in which the JSON texts at some paths are decoded."""
    # Outer texts are decoded before texts inside them.
    ordered = sorted(json_paths, key=lambda path: len(path.fields))

    def prepare(row: Row) -> Row:
        decoded = dict(row)
        for path in ordered:
            if path.column in decoded:
                decode = partial(decode_json, column=path.text)
                decoded[path.column] = path.replace(decoded[path.column], decode)
        return decoded

    return prepare if ordered else lambda row: row


def without_nulls(read: Read, kept: frozenset[tuple[str, ...]]) -> Read:
    """Reads a value without the struct fields that are null: Arrow gives every struct all fields that any has.

    Args:
        read: Reads the value.
        kept: Paths below it whose nulls stay: those of JSON text, which its author wrote.
    """
    if () in kept:
        return read

    def read_value(row: Row) -> Any:
        value = read(row)
        return _drop_nulls(value, kept) if isinstance(value, _NESTED) else value

    return read_value


def _drop_nulls(value: Any, kept: frozenset[tuple[str, ...]]) -> Any:
    if not kept:
        return _drop_all_nulls(value)
    if () in kept:
        return value
    if isinstance(value, dict):
        return {
            name: _drop_nulls(member, frozenset(path[1:] for path in kept if path[0] == name))
            for name, member in value.items()
            if member is not None
        }
    if isinstance(value, list):
        return [_drop_nulls(member, kept) for member in value] if _holds_nested(value) else value
    return value


def _drop_all_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _drop_all_nulls(member) if isinstance(member, _NESTED) else member
            for name, member in value.items()
            if member is not None
        }
    if isinstance(value, list):
        return [_drop_all_nulls(member) for member in value] if _holds_nested(value) else value
    return value


def _holds_nested(values: list[Any]) -> bool:
    """Whether a list needs a visit of each: it has one type in Arrow, so numbers and texts do not."""
    first = next((member for member in values if member is not None), None)
    return isinstance(first, _NESTED)
