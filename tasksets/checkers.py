r"""The checkers of the environment ``answer``: whether a reply gives the expected answer.

| checker      | a reply is right if it                                                                 |
|--------------|----------------------------------------------------------------------------------------|
| `exact`      | is the expected text, character for character; a number or bool counts as its JSON text |
| `normalized` | says the same text (``plain_text.normalize``), in its last ``\boxed{}`` where it has one |
| `number`     | ends in a number within ``tolerance`` of the expected one (``number_text.last_number``) |
| `choice`     | names the one right choice (``choice_text.Choices.named``)                              |
| `regex`      | has a match of the expected pattern in it (RE2's syntax, in linear time)                |
| `json`       | is equal JSON, alone or in its last fenced block                                        |

Each takes a ``Key`` and gives the check for one task, so that a row's mistakes show when the task is set.
They are ValueErrors, whose messages never hold the expected answer. A reply is never an error: what cannot be
read is wrong.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from openenv_tasksets.choice_text import Choices
from openenv_tasksets.json_text import comparable, last_fenced, read_json
from openenv_tasksets.number_text import exact_number, last_number
from openenv_tasksets.patterns import Pattern, compile_pattern
from openenv_tasksets.plain_text import last_boxed, normalize

MAX_REPLY_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Key:
    """What a row says about the right answer; its repr is empty.

    Attributes:
        expected: The expected answer, in the form that the checker takes.
        choices: The choices in order, for ``choice``; None where the task has none.
        tolerance: Largest absolute difference that ``number`` accepts; finite, at least 0.
    """

    expected: Any = field(repr=False)
    choices: tuple[str, ...] | None = field(default=None, repr=False)
    tolerance: float = field(default=0.0, repr=False)


Checker = Callable[[Key], Callable[[str], bool]]


def exact(key: Key) -> Callable[[str], bool]:
    """Equality of text.

    Raises:
        ValueError: The expected answer is neither text, nor a finite number, nor a bool.
    """
    expected = _scalar_text(key.expected)
    return lambda reply: reply == expected


def normalized(key: Key) -> Callable[[str], bool]:
    r"""Equality after normalization of what is in the last ``\boxed{}``, or of the whole where there is none.

    Raises:
        ValueError: The expected answer is no scalar, or says nothing.
    """
    expected = normalize(_answer_text(_scalar_text(key.expected)))
    if not expected:
        raise ValueError("the expected answer is empty")
    longest = 4_096 + 8 * len(expected)

    def check(reply: str) -> bool:
        answer = _answer_text(reply).strip()
        return len(answer) <= longest and normalize(answer) == expected

    return check


def number(key: Key) -> Callable[[str], bool]:
    """Nearness of numbers, compared as exact fractions.

    Raises:
        ValueError: The expected answer is no finite number and states none, or the tolerance is no finite
            number >= 0.
    """
    tolerance = exact_tolerance(key.tolerance)
    expected = exact_number(key.expected)
    if expected is None:
        raise ValueError(
            "the expected answer is not a finite number (of at most 4,000 digits), nor a text that states one"
        )

    def check(reply: str) -> bool:
        found = last_number(reply)
        return found is not None and abs(found - expected) <= tolerance

    return check


def choice(key: Key) -> Callable[[str], bool]:
    """The right one of the choices.

    The expected answer is an integer, the 0-based index; or a text, which is a choice's letter or text. The
    text of an integer is a choice's text or a mistake: whether it counts from 0 or 1 cannot be known.

    Raises:
        ValueError: There are no choices, or the expected answer is not exactly one of them.
    """
    if key.choices is None:
        raise ValueError("checker 'choice' needs the argument 'choices', a list of texts")
    choices = Choices(key.choices)
    expected = _choice_index(key.expected, choices)

    def check(reply: str) -> bool:
        named = choices.named(reply)
        return named is not None and choices.same(named, expected)

    return check


def regex(key: Key) -> Callable[[str], bool]:
    """A match of the expected pattern anywhere in the reply; ``^`` and ``$`` anchor it.

    Raises:
        ValueError: The expected answer is no regular expression in RE2's syntax.
    """
    try:
        pattern = compile_pattern(_text(key.expected))
    except ValueError:
        # The reason quotes the pattern, which is the answer.
        raise ValueError(
            "the expected answer is not a regular expression (RE2's syntax, without lookaround and backreferences)"
        ) from None
    return pattern.search


def json_equal(key: Key) -> Callable[[str], bool]:
    """Equality of JSON values: the order of keys is irrelevant, and 1 is 1.0.

    A text is taken as JSON text, anything else as a decoded value. Duplicate keys, NaN and nesting deeper
    than 100 are no JSON here.

    Raises:
        ValueError: The expected answer is None (a null must be the text ``null``), or no JSON value.
    """
    if key.expected is None:
        raise ValueError("the row has no expected answer; a JSON null is written as the text null")
    try:
        expected = read_json(key.expected) if isinstance(key.expected, str) else comparable(key.expected)
    except ValueError:
        raise ValueError("the expected answer is not a JSON value") from None  # the cause quotes it
    return lambda reply: any(_reads_as(text, expected) for text in (reply, last_fenced(reply)) if text is not None)


CHECKERS: Mapping[str, Checker] = MappingProxyType(
    {
        "exact": exact,
        "normalized": normalized,
        "number": number,
        "choice": choice,
        "regex": regex,
        "json": json_equal,
    }
)


def find_checker(name: str) -> Checker:
    """The checker of that name.

    Raises:
        ValueError: There is none; the message lists those that exist.
    """
    try:
        return CHECKERS[name]
    except (KeyError, TypeError):
        raise ValueError(f"unknown checker {name!r}; there are {', '.join(CHECKERS)}") from None


def check(checker: Checker, key: Key, extract: Pattern | None = None) -> Callable[[str], float]:
    """What a reply to one task earns: 1.0 where it is right, else 0.0; for replies over 1 MiB always 0.0.

    Args:
        checker: What makes a reply right.
        key: The row's answer.
        extract: Where in a reply its answer stands: the last match's. A reply without a match is wrong.

    Raises:
        ValueError: The key is malformed. The function that is returned raises nothing.
    """
    right = checker(key)

    def reward(reply: str) -> float:
        if len(reply) > MAX_REPLY_BYTES or len(reply.encode("utf-8", "surrogatepass")) > MAX_REPLY_BYTES:
            return 0.0
        answer = reply if extract is None else extract.extract_last(reply)
        return 1.0 if answer is not None and right(answer) else 0.0

    return reward


def exact_tolerance(value: float) -> Fraction:
    """A tolerance as the decimal that was written.

    Raises:
        ValueError: It is not a finite number of at least 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"tolerance must be a number, not {type(value).__name__}")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"tolerance must be finite and at least 0, not {value}")
    return Fraction(repr(value) if isinstance(value, float) and value else value)


def _answer_text(text: str) -> str:
    boxed = last_boxed(text)
    return text if boxed is None else boxed


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"the expected answer must be text, not {type(value).__name__}")
    return value


def _scalar_text(value: Any) -> str:
    if isinstance(value, bool | int) or (isinstance(value, float | Decimal) and math.isfinite(value)):
        return str(value) if isinstance(value, Decimal) else json.dumps(value)
    if isinstance(value, str):
        return value
    raise ValueError(
        f"the expected answer must be text, a finite number or a bool, not {type(value).__name__}; "
        "checker 'json' compares lists and structs"
    )


def _choice_index(expected: Any, choices: Choices) -> int:
    if isinstance(expected, int) and not isinstance(expected, bool):
        if 0 <= expected < len(choices):
            return expected
        raise ValueError(f"the expected answer is an index outside of the {len(choices)} choices, which count from 0")
    index = choices.stated(_text(expected))
    if index is None:
        raise ValueError(
            "the expected answer is neither the letter nor the text of exactly one of the "
            f"{len(choices)} choices; an index, counted from 0, is given as an integer"
        )
    return index


def _reads_as(text: str, expected: object) -> bool:
    try:
        return read_json(text) == expected
    except ValueError:
        return False
