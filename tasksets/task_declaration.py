"""The ``task:`` block: how a row becomes a task, and who may see what of it."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from openenv_tasksets.declaration_issues import Mistake, Wrong, member, unknown_name, wrong
from openenv_tasksets.declared_kind import ByName, Checked, Choice, JsonSchema, Many, Nullable, Parsed
from openenv_tasksets.declared_part import Contradictions, Declared, field
from openenv_tasksets.declared_pattern import LONGEST_PATTERN, why_refused
from openenv_tasksets.declared_value import Boolean, Integer, Json, Number, Text, given
from openenv_tasksets.issue_list import shown
from openenv_tasksets.template import TemplateError, parse_template

OrderKind = Literal["shuffled", "sequential", "blocks"]
SplitType = Literal["train", "validation", "test"]
MediaForm = Literal["data_uri", "bytes", "pil"]

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

SPLIT_TYPE: Choice[SplitType] = Choice(get_args(SplitType))

_ORDER: Choice[OrderKind] = Choice(get_args(OrderKind))
_FORM: Choice[MediaForm] = Choice(get_args(MediaForm))


def _compiles(pattern: str) -> None:
    if reason := why_refused(pattern):
        raise wrong(f"{shown(pattern)} is not a regular expression of RE2: {reason}")


def _parses(template: str) -> None:
    try:
        parse_template(template)
    except TemplateError as exc:
        raise Wrong([Mistake(each) for each in exc.mistakes]) from exc


_PATTERN = Checked(Text("a regular expression", longest=LONGEST_PATTERN), _compiles)
_TEMPLATE = Checked(Text("a template", longest=None), _parses, {"pattern": r"^(?:[^{}]|\{\{|\}\}|\{[^{}!:\[\]]+\})*$"})


class ColumnArgument(Declared):
    """The value of a column, or a part of its text, or the image or sound that it holds."""

    column: str = field(COLUMN, "The column; dots lead into structs and through lists.")
    extract: str | None = field(
        Nullable(_PATTERN),
        "Regular expression (RE2). The argument is its first group, or all that it matches.",
        default=None,
    )
    form: MediaForm | None = field(
        Nullable(_FORM),
        "How an image or sound reaches reset(): as a data_uri (text), as bytes, or, for an image, as pil (Pillow's "
        "Image). Absent: the column's value, for an image of the Hub a struct of bytes and path.",
        default=None,
        key="as",
    )

    @classmethod
    def _contradictions(cls, values: Mapping[str, Any]) -> Contradictions:
        if values.get("form") is not None and values.get("extract") is not None:
            yield "form", "goes with a whole column, not with extract; leave one of them out"

    @classmethod
    def _rules(cls) -> JsonSchema:
        return {"not": {"allOf": [given("extract"), given("as")]}}


class TemplateArgument(Declared):
    """Text made of columns."""

    template: str = field(_TEMPLATE, "Text with plain {column} fields; {{ and }} stand for braces.")


class ValueArgument(Declared):
    """A constant."""

    value: Any = field(Json(), "Any JSON value, the same for every task.")


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
        return ColumnArgument.check({"column": Text(shape).check(value)})
    named = [key for key in value if key in _KINDS]
    if len(named) != 1:
        unknown = next((str(key) for key in value if key not in (*_KINDS, "extract", "as")), None)
        if not named and unknown is not None:
            what = "exactly one of column, template, value is needed; no key"
            raise Wrong([unknown_name(what, unknown, tuple(_KINDS))])
        which = " and ".join(named) or "none"
        raise wrong(f"exactly one of column, template, value is needed; got {which}")
    for key in ("extract", "as"):
        if key in value and named != ["column"]:
            raise wrong(f"{key} works on a column, not on a {named[0]}; leave it out")
    return _KINDS[named[0]].check(value)


_BOUND = Parsed(_argument, (ColumnArgument, TemplateArgument, ValueArgument, COLUMN))
_BOUND_BY_NAME = ByName(ARGUMENT_NAME, _BOUND)


def _reset(value: Any) -> Mapping[str, Argument] | Literal["all"]:
    if isinstance(value, str):
        if value == "all":
            return "all"
        raise wrong(f"expected a mapping of reset() arguments, or all; got {shown(value)}")
    return _BOUND_BY_NAME.check(value)


_ORDER_BY_SPLIT = ByName(SPLIT_NAME, _ORDER)


def _order(value: Any) -> OrderKind | Mapping[str, OrderKind]:
    return _ORDER_BY_SPLIT.check(value) if isinstance(value, Mapping) else _ORDER.check(value)


def _no_rows(value: Any) -> None:
    if value == "steps":
        raise wrong("steps are not supported: one row is one task, and step() never moves to another; remove the key")
    if value is not None:
        raise wrong(f"the key is reserved, and {shown(value)} has no meaning: one row is one task; remove the key")


class SplitDeclaration(Declared):
    """A split by name, and what it is for."""

    name: str = field(SPLIT_NAME, "The split's name.")
    type: SplitType = field(SPLIT_TYPE, "What the split is for.")


class Limits(Declared):
    """Where an episode is cut off."""

    max_steps: int | None = field(
        Nullable(Integer(at_least=1)), "Most steps of an episode; absent: no limit.", default=None
    )
    episode_seconds: float | None = field(
        Nullable(Number(is_positive=True)), "Longest an episode may last, in seconds; absent: no limit.", default=None
    )


class TaskDeclaration(Declared):
    """How a row becomes a task: its id, the arguments of reset(), and who may see which."""

    id: str | None = field(Nullable(COLUMN), "Column that holds the task's id; absent: '{split}-{row}'.", default=None)
    rows: None = field(Parsed(_no_rows, ({"type": "null"},)), "Reserved.", default=None)
    reset: Mapping[str, Argument] | Literal["all"] = field(
        Parsed(_reset, (_BOUND_BY_NAME, {"const": "all", "type": "string"})),
        "Arguments of reset(), by name; 'all' passes every column. Absent: the row's column openenv_reset, else its "
        "column task.",
        default_factory=dict,
    )
    visible: tuple[str, ...] = field(
        Many(COLUMN), "Arguments that the agent may see; every other one is hidden.", default=()
    )
    public: tuple[str, ...] = field(
        Many(COLUMN), "Columns that the Task API may list beside id, split and index.", default=()
    )
    json_columns: tuple[str, ...] = field(
        Many(COLUMN), "Columns that hold JSON text, decoded when they are read.", default=(), key="json"
    )
    keep_nulls: bool = field(Boolean(), "Keep struct fields that are null; otherwise they are dropped.", default=False)
    difficulty: str | None = field(Nullable(COLUMN), "Column that says how hard the task is.", default=None)
    group: str | None = field(Nullable(COLUMN), "Column that says which group the task is in.", default=None)
    gold: Mapping[str, Argument] = field(
        ByName(COLUMN, _BOUND), "Fields of an action that deserves the top reward, for the audit.", default_factory=dict
    )
    order: OrderKind | Mapping[str, OrderKind] = field(
        Parsed(_order, (_ORDER, _ORDER_BY_SPLIT)),
        "The order of positions, for all splits or by split; absent: shuffled for train, else sequential.",
        default_factory=dict,
    )
    limits: Limits = field(Limits, "Most steps and seconds of an episode.", default_factory=Limits)

    @classmethod
    def _mistakes_as_given(cls, given: Mapping[str, Any]) -> Iterator[Mistake]:
        # So that a wrong argument does not hide an unknown one.
        reset, visible = member(given, "reset"), member(given, "visible")
        if not isinstance(reset, Mapping) or not isinstance(visible, list | tuple):
            return
        for index, name in enumerate(visible if reset else ()):
            if isinstance(name, str) and name not in reset and COLUMN.fits(name):
                yield unknown_name("no reset argument", name, reset.keys(), "visible", index)

    def orders(self, split: SplitDeclaration) -> OrderKind | None:
        """The declared order of a split; None where nothing is said of it."""
        return self.order if isinstance(self.order, str) else self.order.get(split.name)

    def with_images_encoded(self) -> "TaskDeclaration":
        """The same with the bytes of an image wherever it would be decoded."""
        update: dict[str, Any] = {"gold": {name: _encoded(each) for name, each in self.gold.items()}}
        if self.reset != "all":
            update["reset"] = {name: _encoded(each) for name, each in self.reset.items()}
        return self.replace(**update)

    def order_for(self, split: SplitDeclaration) -> OrderKind:
        """The declared order of a split, or the default for its type."""
        return self.orders(split) or ("shuffled" if split.type == "train" else "sequential")


def _encoded(argument: Argument) -> Argument:
    if isinstance(argument, ColumnArgument) and argument.form == "pil":
        return argument.replace(form="bytes")
    return argument
