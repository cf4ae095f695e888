"""The ``task:`` block: how a row becomes a task, and who may see what of it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, TypeAdapter, field_validator, model_validator

from openenv_tasksets.declaration_issues import Mistake, checked_with, member, mistake, raise_all, unknown_name
from openenv_tasksets.declared_field import Boolean, Declared, Integer, Json, Many, Number, Parsed, Text
from openenv_tasksets.declared_pattern import LONGEST_PATTERN, why_refused
from openenv_tasksets.issue_list import shown
from openenv_tasksets.template import TemplateError, parse_template

OrderKind = Literal["shuffled", "sequential", "blocks"]
SplitType = Literal["train", "validation", "test"]

SPLIT_NAME = Text(
    "a split's name (letters, digits, '_', '-' and single dots)", r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", longest=96
)
COLUMN = Text("a column's name")
# The refused names are those that OpenEnv's own server cannot pass to reset().
ARGUMENT_NAME = Text(
    "an argument's name (a Python identifier, not cls, func, self or session_id)",
    r"(?!(?:cls|func|self|session_id)$)[A-Za-z_][A-Za-z0-9_]*",
    longest=96,
)

SplitName = Annotated[str, SPLIT_NAME]
Column = Annotated[str, COLUMN]


class ColumnArgument(Declared):
    """The value of a column, or a part of its text."""

    column: Column = Field(description="The column; dots lead into structs and through lists.")
    extract: Annotated[str, Text("a regular expression", longest=LONGEST_PATTERN)] | None = Field(
        default=None,
        description="Regular expression (RE2). The argument is its first group, or all that it matches.",
    )

    @field_validator("extract")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None and (reason := why_refused(pattern)):
            raise mistake(f"{shown(pattern)} is not a regular expression of RE2: {reason}")
        return pattern


class TemplateArgument(Declared):
    """Text made of columns."""

    template: Annotated[str, Text("a template", longest=None)] = Field(
        description="Text with plain {column} fields; {{ and }} stand for braces.",
        json_schema_extra={"pattern": r"^(?:[^{}]|\{\{|\}\}|\{[^{}!:\[\]]+\})*$"},
    )

    @field_validator("template")
    @classmethod
    def _parses(cls, template: str) -> str:
        try:
            parse_template(template)
        except TemplateError as exc:
            raise_all(((), mistake(each)) for each in exc.mistakes)
        return template


class ValueArgument(Declared):
    """A constant."""

    value: Annotated[Any, Json()] = Field(description="Any JSON value, the same for every task.")


Argument = ColumnArgument | TemplateArgument | ValueArgument

_KINDS: dict[str, type[Argument]] = {
    "column": ColumnArgument,
    "template": TemplateArgument,
    "value": ValueArgument,
}


def _argument(value: Any) -> Argument:
    """An argument from its mapping, or from a bare column name."""
    if isinstance(value, Argument):
        return value
    if not isinstance(value, Mapping):
        shape = "a column's name, or a mapping with one of column, template, value"
        return ColumnArgument.model_validate({"column": Text(shape).check(value)})
    given = [key for key in value if key in _KINDS]
    if len(given) != 1:
        unknown = next((str(key) for key in value if key not in (*_KINDS, "extract")), None)
        if not given and unknown is not None:
            raise unknown_name("exactly one of column, template, value is needed; no key", unknown, _KINDS)
        which = " and ".join(given) or "none"
        raise mistake(f"exactly one of column, template, value is needed; got {which}")
    if "extract" in value and given != ["column"]:
        raise mistake(f"extract works on a column, not on a {given[0]}; leave it out")
    return _KINDS[given[0]].model_validate(value)


BoundArgument = Annotated[Argument, Parsed(_argument, Argument | Column)]

_ResetArguments = TypeAdapter(Mapping[Annotated[str, ARGUMENT_NAME], BoundArgument])


def _reset(value: Any) -> Mapping[str, Argument] | Literal["all"]:
    if isinstance(value, str):
        if value == "all":
            return "all"
        raise mistake(f"expected a mapping of reset() arguments, or all; got {shown(value)}")
    return _ResetArguments.validate_python(value)


_OneOrder: TypeAdapter[OrderKind] = TypeAdapter(OrderKind)
_OrderBySplit = TypeAdapter(Mapping[SplitName, OrderKind])


def _order(value: Any) -> OrderKind | Mapping[str, OrderKind]:
    return _OrderBySplit.validate_python(value) if isinstance(value, Mapping) else _OneOrder.validate_python(value)


def _no_rows(value: Any) -> None:
    if value == "steps":
        raise mistake("steps are not supported: one row is one task, and step() never moves to another; remove the key")
    if value is not None:
        raise mistake(f"the key is reserved, and {shown(value)} has no meaning: one row is one task; remove the key")


class SplitDeclaration(Declared):
    """A split by name, and what it is for."""

    name: SplitName = Field(description="The split's name.")
    type: SplitType = Field(description="What the split is for.")


class Limits(Declared):
    """Where an episode is cut off."""

    max_steps: Annotated[int, Integer(at_least=1)] | None = Field(
        default=None, description="Most steps of an episode; absent: no limit."
    )
    episode_seconds: Annotated[float, Number(is_positive=True)] | None = Field(
        default=None, description="Longest an episode may last, in seconds; absent: no limit."
    )


class TaskDeclaration(Declared):
    """How a row becomes a task: its id, the arguments of reset(), and who may see which."""

    id: Column | None = Field(default=None, description="Column that holds the task's id; absent: '{split}-{row}'.")
    rows: Annotated[None, Parsed(_no_rows, None)] = Field(default=None, description="Reserved.")
    reset: Annotated[
        Mapping[str, Argument] | Literal["all"],
        Parsed(
            _reset,
            Mapping[Annotated[str, ARGUMENT_NAME], BoundArgument] | Literal["all"],
        ),
    ] = Field(
        default_factory=dict,
        description="Arguments of reset(), by name; 'all' passes every column. Absent: the row's column "
        "openenv_reset, else its column task.",
    )
    visible: Many[Column] = Field(
        default=(), description="Arguments that the agent may see; every other one is hidden."
    )
    public: Many[Column] = Field(
        default=(), description="Columns that the Task API may list beside id, split and index."
    )
    json_columns: Many[Column] = Field(
        default=(),
        validation_alias="json",
        serialization_alias="json",
        description="Columns that hold JSON text, decoded when they are read.",
    )
    keep_nulls: Annotated[bool, Boolean()] = Field(
        default=False, description="Keep struct fields that are null; otherwise they are dropped."
    )
    difficulty: Column | None = Field(default=None, description="Column that says how hard the task is.")
    group: Column | None = Field(default=None, description="Column that says which group the task is in.")
    gold: Mapping[Column, BoundArgument] = Field(
        default_factory=dict, description="Fields of an action that deserves the top reward, for the audit."
    )
    order: Annotated[
        OrderKind | Mapping[str, OrderKind],
        Parsed(_order, OrderKind | Mapping[SplitName, OrderKind]),
    ] = Field(
        default_factory=dict,
        description="The order of positions, for all splits or by split; absent: shuffled for train, else sequential.",
    )
    limits: Limits = Field(default_factory=Limits, description="Most steps and seconds of an episode.")

    @model_validator(mode="wrap")
    @classmethod
    def _names_arguments(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return checked_with(_unknown_arguments(value), handler, value)

    def order_for(self, split: SplitDeclaration) -> OrderKind:
        """The declared order of a split, or the default for its type."""
        if isinstance(self.order, str):
            return self.order
        return self.order.get(split.name, "shuffled" if split.type == "train" else "sequential")


def _unknown_arguments(task: Any) -> Iterator[Mistake]:
    # The names are compared as given, so that a wrong argument does not hide an unknown one.
    reset, visible = member(task, "reset"), member(task, "visible")
    if not isinstance(reset, Mapping) or not isinstance(visible, list | tuple):
        return
    for index, name in enumerate(visible if reset else ()):
        if isinstance(name, str) and name not in reset and COLUMN.fits(name):
            yield ("visible", index), unknown_name("no reset argument", name, reset)
