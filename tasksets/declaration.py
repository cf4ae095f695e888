"""The declaration: ``environment.yaml`` as a checked, frozen value.

The parts here and in ``dataset_declaration``, ``task_declaration`` and ``runtime_declaration`` are the file's
schema. They hold no import strings: code comes from an installed package, an image or a Space.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from openenv_tasksets.dataset_declaration import DatasetDeclaration
from openenv_tasksets.declaration_issues import Mistake, checked_with, member, unknown_name, wrong
from openenv_tasksets.declared_kind import ByName, Checked, Many, Nullable, Parsed
from openenv_tasksets.declared_part import Declared, field
from openenv_tasksets.declared_value import PROSE, Json, Text
from openenv_tasksets.issue_list import shown
from openenv_tasksets.loaders.errors import Issue, SelectionError
from openenv_tasksets.loaders.spelling import listing, nearest
from openenv_tasksets.reward_declaration import DECLARED_REWARD, Reward, RewardDeclaration
from openenv_tasksets.runtime_declaration import Frameworks, OpenEnvRuntime, Resources
from openenv_tasksets.task_declaration import (
    SPLIT_NAME,
    SPLIT_TYPE,
    Argument,
    ColumnArgument,
    Limits,
    OrderKind,
    SplitDeclaration,
    SplitType,
    TaskDeclaration,
    TemplateArgument,
    ValueArgument,
)
from openenv_tasksets.yaml_tree import Node

__all__ = [
    "RESERVED_IDS",
    "SPEC_VERSION",
    "Argument",
    "ColumnArgument",
    "DatasetDeclaration",
    "Declaration",
    "EnvironmentDeclaration",
    "Frameworks",
    "Limits",
    "OpenEnvRuntime",
    "OrderKind",
    "Origin",
    "Resources",
    "RewardDeclaration",
    "SplitDeclaration",
    "SplitType",
    "TaskDeclaration",
    "TemplateArgument",
    "ValueArgument",
    "minor_version",
    "named_split",
    "with_origin",
]

SPEC_VERSION = "hf-rl-env-0.1"

RESERVED_IDS = frozenset(
    (
        "docs",
        "harness",
        "health",
        "list_environments",
        "mcp",
        "metadata",
        "metrics",
        "openapi.json",
        "redoc",
        "reset",
        "schema",
        "state",
        "step",
        "web",
        "ws",
    )
)
"""Ids that would collide with the server's own routes, in upper and lower case alike."""

_VERSION = re.compile(r"hf-rl-env-0\.([1-9][0-9]{0,3})")


def minor_version(spec_version: str) -> int | None:
    """The minor version of a ``spec_version`` that this library reads; None for any other text."""
    found = _VERSION.fullmatch(spec_version)
    return int(found[1]) if found else None


def _is_free(environment_id: str) -> None:
    if environment_id.lower() in RESERVED_IDS:
        raise wrong(f"{environment_id!r} is the name of a route of the server; choose another id")


def _any_case(word: str) -> str:
    """A pattern for ``word`` in upper and lower case, in the syntax that ECMAScript knows too."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else re.escape(c) for c in word)


_RESERVED_PATTERN = f"^(?:{'|'.join(map(_any_case, sorted(RESERVED_IDS)))})$"
_ID = Text("an id (letters, digits, '.', '_', '-'; at most 96)", r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", longest=96)

ENVIRONMENT_ID = Checked(_ID, _is_free, {"not": {"type": "string", "pattern": _RESERVED_PATTERN}})

_TYPES_BY_NAME: dict[str, SplitType] = {kind: kind for kind in SPLIT_TYPE.words}


def named_split(name: str) -> SplitDeclaration:
    """The split that a bare name declares: of the type of its name, else one to validate on."""
    return SplitDeclaration(name=name, type=_TYPES_BY_NAME.get(name, "validation"))


def _split(value: Any) -> SplitDeclaration:
    return value if isinstance(value, SplitDeclaration) else named_split(SPLIT_NAME.check(value))


_SPLIT_LIST = Many(Parsed(_split, (SPLIT_NAME,)))
_SPLIT_TYPES = ByName(SPLIT_NAME, SPLIT_TYPE)


def _splits(value: Any) -> tuple[SplitDeclaration, ...]:
    if isinstance(value, Mapping):
        types = _SPLIT_TYPES.check(value)
        return tuple(SplitDeclaration(name=name, type=kind) for name, kind in types.items())
    # The names are compared as given, so that one wrong name does not hide a repeated one.
    repeated = _repeated_splits(value) if isinstance(value, list | tuple) else ()
    return checked_with(repeated, _SPLIT_LIST.check, value)


def _repeated_splits(splits: Iterable[Any]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, each in enumerate(splits):
        name = each.name if isinstance(each, SplitDeclaration) else each
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield Mistake(f"the split {shown(name)} is listed twice", (index,))


def _as_written(splits: tuple[SplitDeclaration, ...]) -> list[str] | dict[str, str]:
    if all(split == named_split(split.name) for split in splits):
        return [split.name for split in splits]
    return {split.name: split.type for split in splits}


class EnvironmentDeclaration(Declared):
    """One environment: its rows, how they become tasks, and what plays them."""

    id: str = field(ENVIRONMENT_ID, "Key of the environment, the last part of a reference; unique in any case.")
    title: str | None = field(Nullable(PROSE), "A short name for people.", default=None)
    description: str | None = field(Nullable(PROSE), "What the tasks are.", default=None)
    config_name: str | None = field(
        Nullable(Text("the name of a config")), "Config of the dataset; absent: its default one.", default=None
    )
    splits: tuple[SplitDeclaration, ...] = field(
        Parsed(_splits, ({**_SPLIT_LIST.json_schema(), "uniqueItems": True}, _SPLIT_TYPES)),
        "Names of the splits, or what each is for by name; absent: all that the files have.",
        default=(),
    )
    dataset: DatasetDeclaration | None = field(
        Nullable(DatasetDeclaration), "Where the rows are, if not in the files beside this one.", default=None
    )
    task: TaskDeclaration | None = field(
        Nullable(TaskDeclaration),
        "How a row becomes a task; absent: by its columns openenv_reset or task.",
        default=None,
    )
    runtime: Mapping[str, Any] | None = field(
        Nullable(Json(is_object=True)),
        "What holds for every framework, such as isolation and resources.",
        default=None,
    )
    reward: Reward = field(DECLARED_REWARD, "What rewards mean.", default=None)
    frameworks: Frameworks = field(Frameworks, "Which frameworks can play the tasks, and how.")

    def to_dict(self) -> dict[str, Any]:
        """As for every part; splits are written by name."""
        written = super().to_dict()
        # Those of an unchecked copy may be anything.
        if "splits" in written and all(isinstance(split, SplitDeclaration) for split in self.splits):
            written["splits"] = _as_written(self.splits)
        return written

    @classmethod
    def _mistakes_as_given(cls, given: Mapping[str, Any]) -> Iterator[Mistake]:
        # So that no other mistake hides an unknown split.
        splits = member(given, "splits")
        order = member(member(given, "task"), "order")
        if not isinstance(order, Mapping) or not isinstance(splits, Mapping | list | tuple):
            return
        names = {name: None for each in splits if isinstance(name := getattr(each, "name", each), str)}
        for name in order if names else ():
            if isinstance(name, str) and name not in names and SPLIT_NAME.fits(name):
                yield unknown_name("no split", name, names, "task", "order", name)


_ENVIRONMENTS = Many(EnvironmentDeclaration, least="environment")


def _environments(value: Any) -> tuple[EnvironmentDeclaration, ...]:
    # The ids are compared as given, so that one wrong environment does not hide a repeated id elsewhere.
    return checked_with(_repeated_ids(value) if isinstance(value, list | tuple) else (), _ENVIRONMENTS.check, value)


def _repeated_ids(environments: Iterable[Any]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, each in enumerate(environments):
        given = member(each, "id")
        if isinstance(given, str) and first.setdefault(given.lower(), index) != index:
            message = f"the id {shown(given)} is that of environments[{first[given.lower()]}] too (in any case)"
            yield Mistake(message, (index, "id"))


class Origin(msgspec.Struct, frozen=True):
    """The file that a declaration was read from; no part of its value.

    Attributes:
        data: The file's bytes; None for a declaration built in Python.
        source: Its name, as the user gave it.
        tree: Its text, located.
        warnings: Keys that a newer minor version may know, and this one ignores.
    """

    data: bytes | None = None
    source: str | None = None
    tree: Node | None = None
    warnings: tuple[Issue, ...] = ()


def _is_known_version(text: str) -> None:
    if minor_version(text) is None:
        raise wrong(
            f"{shown(text)} is not a version that this library reads: it reads hf-rl-env-0.x, as in {SPEC_VERSION}"
        )


class Declaration(Declared):
    """A whole ``environment.yaml``.

    Attributes:
        spec_version: ``hf-rl-env-0.1``, or a newer minor version.
        environments: At least one; ids are unique.
    """

    spec_version: str = field(
        Checked(Text("a version"), _is_known_version, {"pattern": f"^{_VERSION.pattern}$"}), "Version of this format."
    )
    environments: tuple[EnvironmentDeclaration, ...] = field(
        Parsed(_environments, (_ENVIRONMENTS,)), "The environments that the rows are for."
    )

    _origin: ClassVar[Origin] = Origin()

    @property
    def origin(self) -> Origin:
        """The file it was read from, empty where there is none."""
        return self._origin

    @property
    def source(self) -> str | None:
        """The name of the file it was read from, or None."""
        return self._origin.source

    @property
    def warnings(self) -> tuple[Issue, ...]:
        """Keys that were ignored because the file is of a newer minor version."""
        return self._origin.warnings

    def environment(self, id: str | None = None) -> EnvironmentDeclaration:  # noqa: A002 - the file's own word
        """The environment of this id, in any case; None takes the only one.

        Raises:
            SelectionError: No such environment, or None where there are several; the message lists the ids.
        """
        ids = [environment.id for environment in self.environments]
        if id is None:
            if len(ids) > 1:
                raise SelectionError(f"the taskset has several environments; name one. {listing(ids)}")
            return self.environments[0]
        for environment in self.environments:
            if environment.id.lower() == id.lower():
                return environment
        raise SelectionError(f"no environment {id!r}{nearest(id, ids)}")


def with_origin(declaration: Declaration, origin: Origin) -> Declaration:
    """An equal declaration that knows the file it was read from."""
    return declaration.replace(_origin=origin)
