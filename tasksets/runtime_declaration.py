"""The ``frameworks:`` block: which OpenEnv runtime plays the tasks, and other frameworks' own blocks."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError

from openenv_tasksets.declaration_issues import mistake, whole_mistake
from openenv_tasksets.declared_field import (
    ENTRY_POINT,
    HUB_NAME,
    RELATIVE_PATH,
    Boolean,
    Declared,
    Integer,
    Json,
    Kind,
    Many,
    Number,
    Text,
    filled,
    given,
)
from openenv_tasksets.issue_list import shown

_IMAGE = Text(
    "a container image such as ghcr.io/acme/env:1.0",
    r"[a-z0-9][A-Za-z0-9._/-]*(?::[0-9]+/[A-Za-z0-9._/-]+)?(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?"
    r"(?:@[a-z0-9]+:[A-Fa-f0-9]+)?",
)
_BOUND = r"\s*(?:~=|===?|!=|<=?|>=?)\s*[A-Za-z0-9.*+!_-]+\s*"
_VERSIONS = Text("a version range such as '>=0.10.0'", f"{_BOUND}(?:,{_BOUND})*", longest=256)
_REQUIREMENT = Text("a package to install, such as 'acme-env>=1.0' (no URL)", r"[A-Za-z0-9][^@]*", longest=256)
# What most say, and what needs no library to be understood.
_PLAIN_VERSIONS = re.compile(r"(?:[<>]=?|==|!=) ?[0-9]+(?:\.[0-9]+)*", re.ASCII)
_PLAIN_PACKAGE = re.compile(r"[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*", re.ASCII)
_RUNTIMES = ("package", "image", "space_id")


class SecretName(Kind):
    """The name of an environment variable; what was given is never shown, for it may be the secret itself."""

    _name = Text("a name", r"(?!hf_|sk_|gh[opsu]_|xox)[A-Za-z_][A-Za-z0-9_]*", longest=64)

    def check(self, value: Any) -> str:
        """The name as ``str``."""
        try:
            return self._name.check(value)
        except PydanticCustomError:
            raise mistake(
                "expected the name of an environment variable, such as OPENAI_API_KEY, never its value "
                "(what was given is not shown)"
            ) from None

    def json_schema(self) -> JsonSchemaValue:
        """Text that is a name."""
        return self._name.json_schema()


class Resources(Declared):
    """What the runtime needs."""

    cpus: Annotated[float, Number(is_positive=True)] | None = Field(default=None, description="CPU cores.")
    memory_gb: Annotated[float, Number(is_positive=True)] | None = Field(
        default=None, description="Memory in gigabytes."
    )
    gpus: Annotated[int, Integer(at_least=0)] | None = Field(default=None, description="GPUs.")
    network: Annotated[bool, Boolean()] | None = Field(default=None, description="Whether it needs the network.")


def _say_one_runtime(schema: JsonDict) -> None:
    schema["oneOf"] = [given(name) for name in _RUNTIMES]
    schema["allOf"] = [
        {"if": given("environment"), "then": given("package")},
        {"if": filled("arguments"), "then": given("package")},
    ]


class OpenEnvRuntime(Declared):
    """The OpenEnv environment that plays the tasks: an installed package, an image or a Space."""

    model_config = ConfigDict(json_schema_extra=_say_one_runtime)

    min_version: Annotated[str, _VERSIONS] | None = Field(
        default=None, description="Versions of OpenEnv that will do; absent: any."
    )
    package: Annotated[str, _REQUIREMENT] | None = Field(
        default=None, description="A Python package whose environment runs in process, or as a child."
    )
    image: Annotated[str, _IMAGE] | None = Field(default=None, description="A container image.")
    space_id: Annotated[str, HUB_NAME] | None = Field(
        default=None, validate_default=True, description="A Hugging Face Space."
    )
    manifest: Annotated[str, RELATIVE_PATH] = Field(
        default="openenv.yaml", description="Path of the runtime's own manifest."
    )
    environment: Annotated[str, ENTRY_POINT] | None = Field(
        default=None, description="Which environment of the package: the name of its entry point."
    )
    arguments: Annotated[Mapping[str, Any], Json(is_object=True)] = Field(
        default_factory=dict, description="Arguments of the environment's constructor."
    )
    resources: Resources | None = Field(default=None, description="What the runtime needs.")
    secrets: Many[Annotated[str, SecretName()]] = Field(
        default=(), description="Names of the environment variables that it needs; names only."
    )

    @field_validator("min_version")
    @classmethod
    def _is_range(cls, text: str | None) -> str | None:
        if text is None or _PLAIN_VERSIONS.fullmatch(text):
            return text
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            SpecifierSet(text)
        except InvalidSpecifier as exc:
            raise mistake(f"expected {_VERSIONS.shape}; got {shown(text)}") from exc
        return text

    @field_validator("package")
    @classmethod
    def _is_requirement(cls, text: str | None) -> str | None:
        if text is None or _PLAIN_PACKAGE.fullmatch(text):
            return text
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            Requirement(text)
        except InvalidRequirement as exc:
            raise mistake(f"expected {_REQUIREMENT.shape}; got {shown(text)}") from exc
        return text

    @field_validator("space_id")
    @classmethod
    def _one_runtime(cls, space_id: str | None, info: ValidationInfo) -> str | None:
        # A runtime that is given but wrong is absent from info.data: it counts, its own mistake is reported.
        values = {"space_id": space_id, **{name: info.data.get(name, "") for name in _RUNTIMES[:2]}}
        named = [name for name in _RUNTIMES if values[name] is not None]
        if len(named) != 1:
            raise whole_mistake(
                f"exactly one of package, image, space_id is needed; got {' and '.join(named) or 'none'}"
            )
        return space_id

    @field_validator("environment", "arguments")
    @classmethod
    def _only_of_package(cls, value: Any, info: ValidationInfo) -> Any:
        if value and info.data.get("package", "") is None:
            raise mistake("goes with package only: an image or a Space chooses its environment itself")
        return value


class Frameworks(Declared):
    """The frameworks that can run the environment; every block but ``openenv`` is kept as it is."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "minProperties": 1,
            "not": {"required": ["openenv"], "maxProperties": 1, "properties": {"openenv": {"type": "null"}}},
        },
    )
    __pydantic_extra__: dict[str, Annotated[Any, Json()]]

    openenv: OpenEnvRuntime | None = Field(default=None, description="How OpenEnv runs it.")

    @property
    def foreign(self) -> Mapping[str, Any]:
        """Other frameworks' blocks by name: kept and shown, never imported or run."""
        return dict(self.__pydantic_extra__)

    @model_validator(mode="after")
    def _not_empty(self) -> "Frameworks":
        if self.openenv is None and not self.__pydantic_extra__:
            raise mistake("name at least one framework, such as openenv")
        return self
