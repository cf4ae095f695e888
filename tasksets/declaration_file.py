"""``environment.yaml`` on disk: read with every mistake at once, written without losing what others wrote."""

import codecs
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from openenv_tasksets.declaration import Declaration, Origin, minor_version, with_origin
from openenv_tasksets.declaration_issues import MISSING, Mistake, Wrong, issues_of
from openenv_tasksets.declared_pattern import PatternWork
from openenv_tasksets.field_path import Step, field_path, path_steps
from openenv_tasksets.loaders.errors import DeclarationError, Issue
from openenv_tasksets.yaml_scalar import values_of
from openenv_tasksets.yaml_tree import MOST_BYTES, Node, decoded, line_at, read_tree

FILE_NAME = "environment.yaml"
MOST_PATTERNS = 100

_KNOWN_MINOR = 1


def read_declaration(path: Path | str) -> Declaration:
    """Read a declaration.

    Args:
        path: The file, or the folder that holds it as ``environment.yaml``.

    Raises:
        DeclarationError: There is no such file, it cannot be read, or it is wrong: every mistake with its line.
    """
    file = _file(path)
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except FileNotFoundError as exc:
        message = "there is no such file; `tasksets init` drafts one from a dataset's columns"
        raise DeclarationError([Issue("", message)], str(file)) from exc
    except (OSError, ValueError) as exc:
        raise DeclarationError([Issue("", f"cannot be read: {exc}")], str(file)) from exc
    return parse_declaration(data, str(file))


def parse_declaration(data: bytes, source: str) -> Declaration:
    """Read a declaration from bytes.

    Args:
        data: UTF-8 YAML, at most 256 KiB.
        source: The file's name, for messages.

    Raises:
        DeclarationError: Every mistake with its line, at most a hundred.
    """
    tree = read_tree(data, source)
    values = values_of(tree)
    _check_patterns(values, tree, source)
    ignored: list[Mistake] = []
    while True:
        try:
            declaration = Declaration.check(values)
            break
        except Wrong as exc:
            unknown = [each for each in exc.mistakes if each.is_unknown_key]
            if not unknown or not _is_newer(values):
                raise DeclarationError(issues_of(_telling(exc.mistakes), tree), source) from exc
            for each in unknown:
                _drop(values, each.steps)
            ignored += unknown
    warnings = tuple(replace(issue, message=f"ignored: {issue.message}") for issue in issues_of(ignored, tree))
    return with_origin(declaration, Origin(data, source, tree, warnings))


def declaration_yaml(declaration: Declaration) -> bytes:
    """The declaration as a file.

    One that was read and not changed gives the bytes it was read from. A changed copy (``replace``) gives
    those bytes with only the changed values replaced, so that comments and all else stay; what is inside a
    value that goes, goes with it.

    Raises:
        DeclarationError: The copy holds wrong values, or it cannot be written into its file without losing
            something, such as comments within a replaced value.
    """
    # Most declarations are only read.
    from openenv_tasksets.yaml_edit import CannotEdit, edited, same
    from openenv_tasksets.yaml_text import document_text

    values = _plain(declaration)
    origin = declaration.origin
    if origin.data is None or origin.tree is None:
        data = document_text(values).encode()
        parse_declaration(data, "declaration")
        return data
    source = origin.source or FILE_NAME
    before = _plain(parse_declaration(origin.data, source))
    try:
        data = edited(decoded(origin.data), origin.tree, before, values).encode()
        is_kept = same(_plain(parse_declaration(data, source)), values)
    except CannotEdit as exc:
        raise _cannot_change(str(exc), source, exc.line) from exc
    except DeclarationError as exc:
        raise _cannot_change(f"it would read {exc.issues[0]}", source, None) from exc
    if not is_kept:
        raise _cannot_change("other values would change with it (through an alias, say)", source, None)
    return codecs.BOM_UTF8 + data if origin.data.startswith(codecs.BOM_UTF8) else data


def write_declaration(declaration: Declaration, path: Path | str) -> None:
    """Write a declaration as ``declaration_yaml`` gives it; readers see the old file or the new one.

    Args:
        declaration: What to write.
        path: The file, or the folder that shall hold it as ``environment.yaml``.

    Raises:
        DeclarationError: As ``declaration_yaml``.
        OSError: The file cannot be written.
    """
    import shutil

    data = declaration_yaml(declaration)
    file = _file(path).resolve()
    temporary = file.with_name(f".{file.name}.{os.urandom(8).hex()}")
    try:
        with temporary.open("xb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        if file.exists():
            shutil.copymode(file, temporary)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def line_of(declaration: Declaration, path: str) -> int | None:
    """The line of the field at ``path``, or of what holds it where it is absent; None without a file.

    Args:
        declaration: Where it was read to.
        path: Such as ``environments[0].task.reset.prompt``.
    """
    tree = declaration.origin.tree
    return None if tree is None else line_at(tree, path_steps(path))


def _file(path: Path | str) -> Path:
    file = Path(path)
    return file / FILE_NAME if file.is_dir() else file


def _plain(declaration: Declaration) -> Any:
    """The declaration's values as plain JSON, without those that are the default."""
    try:
        return Declaration.check(declaration.to_dict()).to_dict()
    except Wrong as exc:
        raise DeclarationError(issues_of(exc.mistakes), declaration.source) from exc


def _cannot_change(reason: str, source: str, line: int | None) -> DeclarationError:
    message = f"cannot be changed in place: {reason}; edit the file by hand, or write a new declaration"
    return DeclarationError([Issue("", message, line)], source)


def _is_newer(values: Any) -> bool:
    version = values.get("spec_version")
    return isinstance(version, str) and (minor_version(version) or 0) > _KNOWN_MINOR


def _telling(mistakes: Sequence[Mistake]) -> Sequence[Mistake]:
    """The mistakes that can be judged: of another major version only that it is one."""
    version = [each for each in mistakes if each.steps == ("spec_version",) and each.message != MISSING]
    return version or mistakes


def _drop(values: Any, steps: tuple[Step, ...]) -> None:
    *way, key = steps
    for step in way:
        values = values[step]
    del values[key]


def _check_patterns(values: Any, tree: Node, source: str) -> None:
    """Refuse more patterns than can be compiled in a moment."""
    seen: set[str] = set()
    work = PatternWork()
    for steps, pattern in _patterns(values):
        if pattern in seen:
            continue
        seen.add(pattern)
        if len(seen) > MOST_PATTERNS:
            message = f"more than {MOST_PATTERNS} different regular expressions; share them, or bind whole columns"
        elif not work.allows(pattern):
            message = (
                "the regular expressions up to here are too much to compile; shorten them, with fewer classes such as "
                "\\pL and smaller repetitions"
            )
        else:
            continue
        raise DeclarationError([Issue(field_path(steps), message, line_at(tree, steps))], source)


def _patterns(values: Any) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Every ``extract``, wherever the schema has one."""
    environments = values.get("environments") if isinstance(values, dict) else None
    for index, environment in enumerate(environments if isinstance(environments, list) else ()):
        for block in ("reset", "gold"):
            arguments = _member(_member(environment, "task"), block)
            for name in arguments if isinstance(arguments, dict) else ():
                pattern = _member(arguments[name], "extract")
                if isinstance(pattern, str):
                    yield ("environments", index, "task", block, name, "extract"), pattern


def _member(values: Any, key: str) -> Any:
    return values.get(key) if isinstance(values, dict) else None
