r"""The last number that a text states, as an exact fraction."""

import re
from decimal import Decimal
from fractions import Fraction

from openenv_tasksets.plain_text import last_boxed, plain_characters, unwrap_text

_MAX_DIGITS = 4_000
_TOO_LARGE = 10**_MAX_DIGITS
_WINDOW_CHARS = 65_536
_LAST_DIGIT = re.compile(r".*[\d¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⁰¹²³⁴⁵⁶⁷⁸⁹]", re.DOTALL)

_LATEX = (
    (re.compile(r"\\!|\\(?=[$%])"), ""),
    (re.compile(r"(?<=\d)(?:\\,|\{,\})(?=\d{3})"), ","),
    (re.compile(r"(?<=\w)\s*(?=\\[dtc]?frac)"), " "),
    (re.compile(r"\\[dtc]?frac\s*(\d)\s*(\d)"), r"\1/\2"),
    (re.compile(r"\\[dtc]?frac\s*\{\s*([-+]?[\d.,]+)\s*\}\s*\{\s*([\d.,]+)\s*\}"), r"\1/\2"),
)
_TOKEN = re.compile(
    r"""
      [^\W\d_][^\W_]*                                    # a word with the digits in it: CO2, x1
    | (?<=[^\W_]|[)}\]])[\^_]\s*(?:\{[^{}]*\}|[-+]?[\d.]+)  # an exponent or subscript of something else: cm^2
    | (?P<sign>(?<![\w)\]}-])[-+])?(?:[$€£¥₹](?P<inner>[-+])?)?
      (?:(?P<whole>\d+)[ ]+(?=\d+\s?/\s?\d))?             # 2 1/2
      (?P<digits>\d+(?:[,_]\d+)*+(?:\.\d+)?|(?<![\w.])\.\d+)
      (?: [eE](?P<exponent>[-+]?\d+)
        | \s?(?:[\u00d7*x\u00b7]|\\times|\\cdot)\s?10\s?\^\s?\{?(?P<ten>[-+]?\d+)\}?
        | \s?\^\s?\{?(?P<power>[-+]?\d+)\}?
        | \s?/\s?(?P<below>\d+(?:[,_]\d+)*+(?:\.\d+)?)
      )?
    """,
    re.VERBOSE,
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}")


def last_number(text: str) -> Fraction | None:
    r"""The last number in ``text``, or in its last ``\boxed{}`` where it has one; None if there is none to be
    read.

    Understood are signs (also typographic), currency signs, thousands separators (``1,234``; ``1,00,000``;
    ``1_234``; ``1{,}234``), decimals, scientific notation (``1.5e3``, ``1.5 * 10^3``), integer powers,
    fractions (``3/4``, ``\frac{3}{4}``, ``2 1/2``, ``½``) and digits of any script. A percent sign and units
    are not part of the number: 50% is 50. Digits within words, exponents of units and subscripts are no
    numbers. Numbers of more than 4,000 digits are not read.
    """
    boxed = last_boxed(text)
    if boxed is not None:
        text = boxed
    ending = _LAST_DIGIT.match(text)
    if ending is None:
        return None
    end = ending.end()
    token = None
    for found in _TOKEN.finditer(_readable(text[max(0, end - _WINDOW_CHARS) : end + 2])):
        if found["digits"] is not None:
            token = found
    return None if token is None else _value(token)


def exact_number(value: object) -> Fraction | None:
    """A number, or a text that states one, without rounding: the float 0.1 is 1/10. None for anything else.

    Numbers that are not finite, or of more than 4,000 digits, are nothing here; neither is a bool.
    """
    if isinstance(value, str):
        return last_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, int):
        return Fraction(value) if abs(value) < _TOO_LARGE else None
    number = Decimal(repr(value)) if isinstance(value, float) else value
    readable = number.is_finite() and abs(number.adjusted()) + len(number.as_tuple().digits) <= _MAX_DIGITS
    return Fraction(number) if readable else None


def _readable(text: str) -> str:
    if not text.isascii():
        text = re.sub(r"[^\D0-9]", lambda digit: str(int(digit[0])), plain_characters(text))
    if "\\" in text or "{,}" in text:
        text = unwrap_text(text)
        for pattern, replacement in _LATEX:
            text = pattern.sub(replacement, text)
    return text


def _value(token: re.Match[str]) -> Fraction | None:
    whole, exponent, power, below = token["whole"], token["exponent"] or token["ten"], token["power"], token["below"]
    above, signed = _digits(token["digits"])
    if max(len(above), len(whole or ""), len(below or "")) > _MAX_DIGITS or len(exponent or power or "") > 5:
        return None
    if abs(int(exponent or 0)) > _MAX_DIGITS or len(above) * abs(int(power or 1)) > _MAX_DIGITS:
        return None
    number = Fraction(above)
    try:
        if exponent:
            number *= Fraction(10) ** int(exponent)
        elif power:
            number **= int(power)
        elif below:
            number /= Fraction(_digits(below)[0])
    except ZeroDivisionError:
        return None
    if whole:
        number += int(whole)
    return -number if signed and "-" in (token["sign"], token["inner"]) else number


def _digits(text: str) -> tuple[str, bool]:
    """Digits without separators, and whether they are all of ``text``: of a list 1,2 the last is taken."""
    whole, dot, decimals = text.replace("_", ",").partition(".")
    if "," not in whole:
        return text, True
    if _THOUSANDS.fullmatch(whole):
        return whole.replace(",", "") + dot + decimals, True
    return whole.rpartition(",")[2] + dot + decimals, False
