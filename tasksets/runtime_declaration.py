"""The ``frameworks:`` block: which OpenEnv runtime plays the tasks, and other frameworks' own blocks."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from openenv_tasksets.declaration_issues import Wrong, wrong
from openenv_tasksets.declared_kind import ByName, Checked, JsonSchema, Many, Nullable
from openenv_tasksets.declared_part import Contradictions, Declared, field
from openenv_tasksets.declared_value import (
    ENTRY_POINT,
    HUB_NAME,
    PROSE,
    RELATIVE_PATH,
    Boolean,
    Integer,
    Json,
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
_PLAIN_VERSIONS = r"(?:[<>]=?|==|!=) ?[0-9]+(?:\.[0-9]+)*"
_PLAIN_PACKAGE = r"[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*"
_RUNTIMES = ("package", "image", "space_id")


_SECRET = Text("a name", r"(?!hf_|sk_|gh[opsu]_|xox)[A-Za-z_][A-Za-z0-9_]*", longest=64)


class SecretName:
    """The name of an environment variable; what was given is never shown, for it may be the secret itself."""

    def check(self, value: Any) -> str:
        """The name as ``str``."""
        try:
            return _SECRET.check(value)
        except Wrong:
            raise wrong(
                "expected the name of an environment variable, such as OPENAI_API_KEY, never its value "
                "(what was given is not shown)"
            ) from None

    def json_schema(self) -> JsonSchema:
        """Text that is a name."""
        return _SECRET.json_schema()


def _is_range(text: str) -> None:
    if re.fullmatch(_PLAIN_VERSIONS, text, re.ASCII):
        return
    from packaging.specifiers import SpecifierSet

    _accepted_by(SpecifierSet, text, _VERSIONS.shape)


def _is_requirement(text: str) -> None:
    if re.fullmatch(_PLAIN_PACKAGE, text, re.ASCII):
        return
    from packaging.requirements import Requirement

    _accepted_by(Requirement, text, _REQUIREMENT.shape)


def _accepted_by(parse: Callable[[str], object], text: str, shape: str) -> None:
    try:
        parse(text)
    except ValueError as exc:
        raise wrong(f"expected {shape}; got {shown(text)}") from exc


_RANGE = Checked(_VERSIONS, _is_range)
_PACKAGE = Checked(_REQUIREMENT, _is_requirement)


class Resources(Declared):
    """What the runtime needs."""

    cpus: float | None = field(Nullable(Number(is_positive=True)), "CPU cores.", default=None)
    memory_gb: float | None = field(Nullable(Number(is_positive=True)), "Memory in gigabytes.", default=None)
    gpus: int | None = field(Nullable(Integer(at_least=0)), "GPUs.", default=None)
    network: bool | None = field(Nullable(Boolean()), "Whether it needs the network.", default=None)


class OpenEnvRuntime(Declared):
    """The OpenEnv environment that plays the tasks: an installed package, an image or a Space."""

    min_version: str | None = field(Nullable(_RANGE), "Versions of OpenEnv that will do; absent: any.", default=None)
    package: str | None = field(
        Nullable(_PACKAGE),
        "A Python package whose environment runs in process, or as a child.",
        default=None,
    )
    image: str | None = field(Nullable(_IMAGE), "A container image.", default=None)
    space_id: str | None = field(Nullable(HUB_NAME), "A Hugging Face Space.", default=None)
    manifest: str = field(RELATIVE_PATH, "Path of the runtime's own manifest.", default="openenv.yaml")
    environment: str | None = field(
        Nullable(ENTRY_POINT), "Which environment of the package: the name of its entry point.", default=None
    )
    arguments: Mapping[str, Any] = field(
        Json(is_object=True), "Arguments of the environment's constructor.", default_factory=dict
    )
    resources: Resources | None = field(Nullable(Resources), "What the runtime needs.", default=None)
    secrets: tuple[str, ...] = field(
        Many(SecretName(), is_shown=False), "Names of the environment variables that it needs; names only.", default=()
    )

    @classmethod
    def _contradictions(cls, values: Mapping[str, Any]) -> Contradictions:
        # A runtime that is given but wrong is absent from the values: it counts, its own mistake is reported.
        named = [name for name in _RUNTIMES if values.get(name, "") is not None]
        if len(named) != 1:
            yield None, f"exactly one of package, image, space_id is needed; got {' and '.join(named) or 'none'}"
        for name in ("environment", "arguments"):
            if values.get(name) and values.get("package", "") is None:
                yield name, "goes with package only: an image or a Space chooses its environment itself"

    @classmethod
    def _rules(cls) -> JsonSchema:
        return {
            "oneOf": [given(name) for name in _RUNTIMES],
            "allOf": [
                {"if": given("environment"), "then": given("package")},
                {"if": filled("arguments"), "then": given("package")},
            ],
        }


class Frameworks(Declared):
    """The frameworks that can run the environment; every block but ``openenv`` is kept as it is.

    Attributes:
        foreign: Other frameworks' blocks by name: kept and shown, never imported or run.
    """

    openenv: OpenEnvRuntime | None = field(Nullable(OpenEnvRuntime), "How OpenEnv runs it.", default=None)
    foreign: Mapping[str, Any] = field(
        ByName(PROSE, Json()), "Other frameworks' blocks by name.", default_factory=dict, init=False
    )

    @classmethod
    def _contradictions(cls, values: Mapping[str, Any]) -> Contradictions:
        if values.get("openenv", "") is None and not values.get("foreign", "not passed"):
            yield None, "name at least one framework, such as openenv"

    @classmethod
    def _rules(cls) -> JsonSchema:
        nothing = {"required": ["openenv"], "maxProperties": 1, "properties": {"openenv": {"type": "null"}}}
        return {"minProperties": 1, "not": nothing}
