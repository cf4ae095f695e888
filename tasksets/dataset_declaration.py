"""The ``dataset:`` block: rows that live elsewhere, explicit files, or rows made by code."""

from collections.abc import Mapping
from typing import Any

from openenv_tasksets.declared_kind import ByName, JsonSchema, Many, Nullable, Parsed
from openenv_tasksets.declared_part import Contradictions, Declared, field
from openenv_tasksets.declared_value import ENTRY_POINT, HUB_NAME, RELATIVE_PATH, Json, Text, filled, given
from openenv_tasksets.task_declaration import SPLIT_NAME

_REVISION = Text("a branch, tag or commit", r"[^\s\x00-\x1f]+", longest=256)

_COMMIT = Text("a full commit hash (40 hexadecimal digits)", r"[0-9a-f]{40}")

_GLOBS = Many(RELATIVE_PATH, least="glob")


def _globs(value: Any) -> tuple[str, ...]:
    return _GLOBS.check((value,) if isinstance(value, str) else value)


class HiddenDeclaration(Declared):
    """The private repository that holds the columns which only the environment may see; written by a push."""

    repo_id: str = field(HUB_NAME, "Dataset repository on the Hub.")
    revision: str = field(_COMMIT, "Its commit: answers are never those of another day.")


class DatasetDeclaration(Declared):
    """Where the rows are, if not in the files beside the declaration."""

    repo_id: str | None = field(
        Nullable(HUB_NAME), "Dataset repository on the Hub; absent: the one that holds this file.", default=None
    )
    revision: str | None = field(
        Nullable(_REVISION), "Branch, tag or commit of the repository; only a full commit is a pin.", default=None
    )
    data_files: Mapping[str, tuple[str, ...]] | None = field(
        Nullable(ByName(SPLIT_NAME, Parsed(_globs, (RELATIVE_PATH, _GLOBS)))),
        "Each split's files: a glob or a list of globs, by the split's name.",
        default=None,
    )
    hidden: HiddenDeclaration | None = field(
        Nullable(HiddenDeclaration),
        "Where the columns are that only the environment may see, if not beside the others.",
        default=None,
    )
    source: str | None = field(
        Nullable(ENTRY_POINT), "Rows made by code: the name of an installed entry point.", default=None
    )
    arguments: Mapping[str, Any] = field(Json(is_object=True), "Arguments of the source.", default_factory=dict)

    @classmethod
    def _contradictions(cls, values: Mapping[str, Any]) -> Contradictions:
        if values.get("revision") is not None and values.get("repo_id", "") is None:
            yield "revision", "goes with repo_id only; name the repository too"
        beside = [name for name in ("repo_id", "data_files", "hidden") if values.get(name, "") is not None]
        if values.get("source") is not None and beside:
            yield None, f"source makes the rows itself; got {' and '.join(beside)} beside it"
        if values.get("arguments") and values.get("source", "") is None:
            yield "arguments", "goes with source only; name the source too"

    @classmethod
    def _rules(cls) -> JsonSchema:
        elsewhere = {"anyOf": [given("repo_id"), given("data_files"), given("hidden")]}
        return {
            "allOf": [
                {"not": {"allOf": [given("source"), elsewhere]}},
                {"if": given("revision"), "then": given("repo_id")},
                {"if": filled("arguments"), "then": given("source")},
            ]
        }
