"""Rows made by code: what ``dataset.source`` names, among the entry points that are installed here.

A source is a callable ``source(split, **arguments)`` that gives a row source: ``len(source)`` and ``source[index]``,
the same row for the same index in every process; a list of dicts is one. Where its attribute ``size`` is None,
it has no end, and its length is never asked: any index in [0, 2**63 - 1) has a row. ``arguments`` are the
declaration's, plain JSON. Version and arguments are part of the tasks' identity.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration
from openenv_tasksets.declared_splits import with_line
from openenv_tasksets.loaders.errors import DeclarationError, Issue, SourceError, SourceNotInstalled
from openenv_tasksets.loaders.rows import Rows
from openenv_tasksets.loaders.spelling import nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "openenv_tasksets.sources"
_DEFAULT_SPLITS = ("train",)


def has_source(environment: EnvironmentDeclaration) -> bool:
    """Whether the environment's rows are made by code."""
    return environment.dataset is not None and environment.dataset.source is not None


def source_rows(declaration: Declaration, environment: EnvironmentDeclaration) -> dict[str, Callable[[], Rows]]:
    """What makes the rows of each declared split; ``train`` where none is declared.

    Args:
        declaration: The whole ``environment.yaml``.
        environment: The one environment of it; it has a source.

    Raises:
        SourceNotInstalled: No package that is installed offers the source, or more than one does.
        SourceError: It cannot be imported.
        DeclarationError: The source does not take the arguments.
    """
    dataset = environment.dataset
    if dataset is None or dataset.source is None:
        raise SourceError(f"environment {environment.id!r} declares no dataset.source")
    entry_point = _entry_point(dataset.source, environment)
    try:
        source = entry_point.load()
    except Exception as exc:
        raise SourceError(
            f"source {dataset.source!r} ({entry_point.value}) cannot be imported: {type(exc).__name__}: {exc}"
        ) from exc
    if not callable(source):
        raise SourceError(f"source {dataset.source!r} ({entry_point.value}) cannot be called")
    _check_arguments(source, declaration, environment)
    package = entry_point.dist
    version = f"{package.name} {package.version}" if package is not None else ""
    names = [split.name for split in environment.splits] or _DEFAULT_SPLITS
    return {name: partial(_open, source, dataset.source, version, name, dict(dataset.arguments)) for name in names}


def _open(source: Callable[..., Any], name: str, version: str, split: str, arguments: dict[str, Any]) -> Rows:
    shown = f"source {name!r}"
    try:
        made = source(split, **arguments)
    except Exception as exc:
        raise SourceError(
            f"{shown} cannot be made for split {split!r} with the arguments declared: {type(exc).__name__}: {exc}"
        ) from exc
    from openenv_tasksets.loaders.made_rows import MadeRows

    identity = msgspec.json.encode([version, name, split, arguments], order="deterministic").decode()
    return MadeRows(made, shown, identity)


def _entry_point(name: str, environment: EnvironmentDeclaration) -> "EntryPoint":
    # Most rows come from files, and need none of what this imports.
    from importlib.metadata import entry_points

    offered = list(entry_points(group=GROUP))
    found = [point for point in offered if point.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        packages = " and ".join(sorted(str(point.dist.name) for point in found if point.dist is not None))
        raise SourceNotInstalled(f"source {name!r} is offered by {packages}; uninstall all but one of them")
    runtime = environment.frameworks.openenv
    package = None if runtime is None else runtime.package
    command = f"pip install '{package}'" if package is not None else "install the package that offers it"
    raise SourceNotInstalled(
        f"source {name!r} is not installed (entry point group {GROUP!r}): {command}"
        f"{nearest(name, sorted({point.name for point in offered}))}"
    )


def _check_arguments(source: Callable[..., Any], declaration: Declaration, environment: EnvironmentDeclaration) -> None:
    # Rows from files need none of it.
    from openenv_tasksets.environment import accepts

    dataset = environment.dataset
    accepted = accepts(source)
    given = {} if dataset is None else dataset.arguments
    names = sorted(accepted.names - {"split"})
    path = f"environments[{declaration.environments.index(environment)}].dataset"
    issues = [
        Issue(f"{path}.arguments.{name}", f"the source takes no argument {name!r}{nearest(name, names)}")
        for name in given
        if name == "split" or name not in accepted
    ]
    missing = sorted(accepted.required - given.keys() - {"split"})
    if missing:
        issues.append(Issue(path, f"the source needs arguments that are not declared: {', '.join(missing)}"))
    if issues:
        raise DeclarationError([with_line(declaration, issue) for issue in issues], declaration.source)
