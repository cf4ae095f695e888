"""The ``dataset:`` block: rows that live elsewhere, explicit files, or rows made by code."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict

from openenv_tasksets.declaration_issues import mistake, whole_mistake
from openenv_tasksets.declared_field import (
    ENTRY_POINT,
    HUB_NAME,
    RELATIVE_PATH,
    Declared,
    Json,
    Many,
    Text,
    filled,
    given,
)
from openenv_tasksets.task_declaration import SplitName

_REVISION = Text("a branch, tag or commit", r"[^\s\x00-\x1f]+", longest=256)

_COMMIT = Text("a full commit hash (40 hexadecimal digits)", r"[0-9a-f]{40}")

Glob = Annotated[str, RELATIVE_PATH]


def _listed(value: Any) -> Any:
    if isinstance(value, list | tuple) and not value:
        raise mistake("expected at least one glob; got none")
    return (value,) if isinstance(value, str) else value


Globs = Annotated[
    Many[Glob],
    BeforeValidator(_listed, json_schema_input_type=Glob | Annotated[tuple[Glob, ...], Field(min_length=1)]),
]


def _say_exclusions(schema: JsonDict) -> None:
    elsewhere: JsonDict = {"anyOf": [given("repo_id"), given("data_files"), given("hidden")]}
    schema["allOf"] = [
        {"not": {"allOf": [given("source"), elsewhere]}},
        {"if": given("revision"), "then": given("repo_id")},
        {"if": filled("arguments"), "then": given("source")},
    ]


class HiddenDeclaration(Declared):
    """The private repository that holds the columns which only the environment may see; written by a push."""

    repo_id: Annotated[str, HUB_NAME] = Field(description="Dataset repository on the Hub.")
    revision: Annotated[str, _COMMIT] = Field(description="Its commit: answers are never those of another day.")


class DatasetDeclaration(Declared):
    """Where the rows are, if not in the files beside the declaration."""

    model_config = ConfigDict(json_schema_extra=_say_exclusions)

    repo_id: Annotated[str, HUB_NAME] | None = Field(
        default=None, description="Dataset repository on the Hub; absent: the one that holds this file."
    )
    revision: Annotated[str, _REVISION] | None = Field(
        default=None, description="Branch, tag or commit of the repository; only a full commit is a pin."
    )
    data_files: Mapping[SplitName, Globs] | None = Field(
        default=None, description="Each split's files: a glob or a list of globs, by the split's name."
    )
    hidden: HiddenDeclaration | None = Field(
        default=None, description="Where the columns are that only the environment may see, if not beside the others."
    )
    source: Annotated[str, ENTRY_POINT] | None = Field(
        default=None,
        description="Rows made by code: the name of an installed entry point.",
    )
    arguments: Annotated[Mapping[str, Any], Json(is_object=True)] = Field(
        default_factory=dict, description="Arguments of the source."
    )

    @field_validator("revision")
    @classmethod
    def _of_repository(cls, revision: str | None, info: ValidationInfo) -> str | None:
        if revision is not None and info.data.get("repo_id", "") is None:
            raise mistake("goes with repo_id only; name the repository too")
        return revision

    @field_validator("source")
    @classmethod
    def _no_files_beside(cls, source: str | None, info: ValidationInfo) -> str | None:
        beside = [name for name in ("repo_id", "data_files", "hidden") if info.data.get(name, "") is not None]
        if source is not None and beside:
            raise whole_mistake(f"source makes the rows itself; got {' and '.join(beside)} beside it")
        return source

    @field_validator("arguments")
    @classmethod
    def _of_source(cls, arguments: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        if arguments and info.data.get("source", "") is None:
            raise mistake("goes with source only; name the source too")
        return arguments
