"""Mistakes in a declaration: raised by its fields, and written out as issues with path and line."""

import difflib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NoReturn, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from openenv_tasksets.field_path import Step, field_path
from openenv_tasksets.issue_list import report, shown
from openenv_tasksets.loaders.errors import Issue
from openenv_tasksets.loaders.spelling import listing
from openenv_tasksets.yaml_tree import Node, line_at

UNKNOWN_KEY = "extra_forbidden"

_MISTAKE = "mistake"
_WHOLE_MISTAKE = "whole_mistake"
_UNKNOWN_NAME = "unknown_name"
_KEY_OF_MAPPING = "[key]"
_MOST_SPELLED = 60
# A guess costs up to half a millisecond for each candidate.
_MOST_CANDIDATES = 40
_MOST_GUESSES = 25

Mistake = tuple[Sequence[Step], PydanticCustomError]
Checked = TypeVar("Checked")


def mistake(message: str) -> PydanticCustomError:
    """What is wrong with the value being checked."""
    return PydanticCustomError(_MISTAKE, message)


def whole_mistake(message: str) -> PydanticCustomError:
    """What is wrong with the mapping that holds the field being checked."""
    return PydanticCustomError(_WHOLE_MISTAKE, message)


def unknown_name(what: str, given: str, allowed: Mapping[str, object]) -> PydanticCustomError:
    """A name that nothing has; the nearest one is looked up only if the mistake is reported.

    Args:
        what: What there is none of, as in ``no reset argument``.
        given: The name.
        allowed: The names that exist, as keys.
    """
    # Pydantic writes out every value here for every mistake: the names themselves would cost too much.
    return PydanticCustomError(_UNKNOWN_NAME, what, {"given": given, "allowed": allowed.keys})


def raise_all(mistakes: Iterable[Mistake]) -> None:
    """Raise one error that holds every mistake, each at its steps below the field; none: do nothing."""
    details = [InitErrorDetails(type=error, loc=tuple(steps), input=None) for steps, error in mistakes]
    if details:
        raise ValidationError.from_exception_data("declaration", details)


def checked_with(mistakes: Iterable[Mistake], check: Callable[[Any], Checked], value: Any) -> Checked:
    """The checked value; its own mistakes and those found beside are raised as one error.

    Args:
        mistakes: Those of ``value`` as it was given; found first, so that none hides another.
        check: Gives the typed value.
        value: What is checked.
    """
    beside = list(mistakes)
    try:
        checked = check(value)
    except ValidationError as exc:
        _raise_with(beside, exc)
    raise_all(beside)
    return checked


def member(value: Any, name: str) -> Any:
    """What a part has under a name, checked already or not yet; None where it has nothing."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _raise_with(mistakes: Iterable[Mistake], error: ValidationError) -> NoReturn:
    """Raise one error that holds what ``error`` does, and more mistakes beside."""
    details = [InitErrorDetails(type=each, loc=tuple(steps), input=None) for steps, each in mistakes]
    for each in error.errors(include_url=False):
        kind = each["type"]
        is_ours = kind in (_MISTAKE, _WHOLE_MISTAKE, _UNKNOWN_NAME)
        again = PydanticCustomError(kind, each["msg"], each.get("ctx")) if is_ours else kind
        details.append(InitErrorDetails(type=again, loc=each["loc"], input=each["input"], ctx=each.get("ctx", {})))
    raise ValidationError.from_exception_data("declaration", details) from error


def issues_of(
    errors: Iterable[ErrorDetails], model: type[BaseModel], tree: Node | None = None, *, by_alias: bool = True
) -> list[Issue]:
    """Pydantic's errors as issues, in the order of the file; the first few unknown names with the nearest.

    Args:
        errors: As ``ValidationError.errors()`` gives them.
        model: What was validated.
        tree: The file, for lines; None where there is none.
        by_alias: Whether keys have the file's names or Python's.
    """

    guesses = iter(range(_MOST_GUESSES))

    def spelled(given: str, allowed: Sequence[str]) -> str:
        is_long = len(given) > _MOST_SPELLED
        close: list[str] = []
        if not is_long and next(guesses, None) is not None:
            close = difflib.get_close_matches(given, allowed[:_MOST_CANDIDATES], n=1)
        guess = f"; did you mean {close[0]!r}?" if close else "."
        return f"{shown(given)}{guess} {listing(allowed)}"

    def line(error: ErrorDetails) -> int | None:
        return None if tree is None else line_at(tree, _steps(error))

    def issue(error: ErrorDetails) -> Issue:
        return Issue(field_path(_steps(error)), _message(error, model, by_alias, spelled), line(error))

    return report(errors, line, issue)


def _steps(error: ErrorDetails) -> tuple[Step, ...]:
    steps = error["loc"]
    if error["type"] == _WHOLE_MISTAKE or (steps and steps[-1] == _KEY_OF_MAPPING):
        return steps[:-1]
    return steps


def _message(
    error: ErrorDetails,
    model: type[BaseModel],
    by_alias: bool,
    spelled: Callable[[str, Sequence[str]], str],
) -> str:
    steps = error["loc"]
    # A secret's value may stand where its name belongs.
    given = "something else" if "secrets" in steps else shown(error["input"])
    match error["type"]:
        case "mistake" | "whole_mistake":
            return error["msg"]
        case "unknown_name":
            context = error["ctx"]
            return f"{error['msg']} {spelled(context['given'], list(context['allowed']()))}"
        case "missing":
            return "required, but missing"
        case "extra_forbidden":
            allowed = sorted(_keys_at(model, steps[:-1], by_alias))
            return f"unknown key {spelled(str(steps[-1]), allowed)}"
        case "literal_error":
            return f"expected {error['ctx']['expected']}; got {given}"
        case "tuple_type":
            return f"expected a list; got {given}"
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            return f"expected a mapping; got {given}"
        case _:
            return f"{error['msg']}; got {given}"


def _keys_at(model: type[BaseModel], steps: Iterable[Step], by_alias: bool) -> set[str]:
    """The keys that the mapping at ``steps`` may have."""
    reached: list[Any] = [model]
    for step in steps:
        reached = [child for each in reached for child in _below(each, step, by_alias)]
    return {key for each in reached for kind in _models(each) for key in _fields(kind, by_alias)}


def _below(annotation: Any, step: Step, by_alias: bool) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType, Annotated):
        members = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
        for member in members:
            yield from _below(member, step, by_alias)
    elif origin is tuple and isinstance(step, int):
        yield get_args(annotation)[0]
    elif isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(step, str):
        yield get_args(annotation)[1]
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = _fields(annotation, by_alias)
        if step in fields:
            yield fields[str(step)]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, Annotated):
        for member in get_args(annotation):
            yield from _models(member)


def _fields(model: type[BaseModel], by_alias: bool) -> dict[str, Any]:
    return {
        str(field.validation_alias) if by_alias and field.validation_alias else name: field.annotation
        for name, field in model.model_fields.items()
    }
