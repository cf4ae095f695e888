r"""What a text says without its typography, LaTeX mark-up and layout; and what is in its ``\boxed{}``."""

import re
import unicodedata

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-z])\s*")
_BOXES_TRIED = 16
_BOX_CHARS = 10_000
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)

_VULGAR = {
    ord(char): f" {unicodedata.normalize('NFKC', char).replace(chr(0x2044), '/')} " for char in "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
}
_TYPOGRAPHY = _VULGAR | {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"), "-"),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u2032"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u00ab\u00bb"), '"'),
    **dict.fromkeys(map(ord, "\u200b\u2060\ufeff"), None),
    0x2044: "/",
}
_SUPERSCRIPT = re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")

_TEXT_COMMAND = re.compile(
    r"\\(?:text(?:bf|it|rm|tt|normal)?|math(?:rm|bf|it|sf|tt|bb|cal)|mbox|operatorname)\s*\{([^{}]*)\}"
)
_LATEX = (
    (re.compile(r"\\(?:left|right|displaystyle)(?![a-z])|\\!|(?<!\\)\\[()\[\]]"), ""),
    (re.compile(r"(?<=\d)(?:\\,|\{,\})(?=\d{3})"), ","),
    (re.compile(r"(?<!\\)\\[,;: ]|\\q?quad(?![a-z])|~"), " "),
    (re.compile(r"\\[dtc]frac(?![a-z])"), r"\\frac"),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-z]))|°"), ""),
    (re.compile(r"\\([$%&#_])"), r"\1"),
    (re.compile(r"\$"), ""),
    (re.compile(r"\\sqrt\s*(\w)"), r"\\sqrt{\1}"),
    (re.compile(r"\\frac\s*(\d)\s*(\d)"), r"\\frac{\1}{\2}"),
    (re.compile(r"\^\{(\w)\}"), r"^\1"),
)
_LATEX_SIGNS = re.compile(r"[\\$^{°]")
_FRACTION = re.compile(r"\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_ARTICLE = re.compile(r"(?:the|an?) (?=\w)")
_WRAPPERS = (("**", "**"), ("*", "*"), ("`", "`"), ('"', '"'), ("'", "'"))
_LAYERS = 8


def last_boxed(text: str) -> str | None:
    r"""The content of the last balanced ``\boxed{...}`` (or ``\fbox``); None if there is none.

    Braces nest; escaped ones do not count. ``\boxed 5`` without braces is read up to the next space or ``$``.
    Looks at the last 16 boxes, and 10,000 characters into each.
    """
    end = len(text)
    for _ in range(_BOXES_TRIED):
        end = max(text.rfind("\\boxed", 0, end), text.rfind("\\fbox", 0, end))
        if end < 0:
            return None
        opened = _BOX.match(text, end)
        content = _content(text, opened.end()) if opened else None
        if content is not None:
            return content
    return None


def _content(text: str, start: int) -> str | None:
    if text[start : start + 1] != "{":
        bare = re.match(r"[^\s${}\\]+", text[start : start + _BOX_CHARS])
        return bare[0] if bare else None
    depth = 0
    for brace in _BRACES.finditer(text, start, start + _BOX_CHARS):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[start + 1 : brace.start()]
    return None


def plain_characters(text: str) -> str:
    """Typographic signs in ASCII: minus signs and hyphens, quotes, ``½`` as `` 1/2 ``, ``²`` as ``^2``."""
    if text.isascii():
        return text
    text = text.translate(_TYPOGRAPHY)
    return _SUPERSCRIPT.sub(lambda run: "^{" + unicodedata.normalize("NFKC", run[0]).replace("\u2212", "-") + "}", text)


def unwrap_text(text: str) -> str:
    r"""``\text{..}``, ``\mathrm{..}`` and their like replaced by what they hold, set off by spaces."""
    return _TEXT_COMMAND.sub(r" \1 ", text) if "\\" in text else text


def normalize(text: str) -> str:
    r"""The form in which two texts that say the same are equal.

    In this order: typographic signs; Unicode NFKC; case; light LaTeX (spacing commands, ``\left \right``,
    ``\text{..}``, ``$``, degree signs and the backslash of ``\$ \%`` go; ``\dfrac`` and ``\tfrac`` are
    ``\frac``; ``\frac12`` and ``\frac{1}{2}`` are ``1/2``); whitespace, which stays only between words;
    surrounding quotes, emphasis and closing punctuation; one leading article; the commas of a number written
    in thousands.

    A text of nothing but marks is kept as it is, so that it stays an answer.
    """
    if text.isascii() and text.isalnum():
        return text.lower()
    text = unicodedata.normalize("NFKC", plain_characters(text)).casefold().strip()
    if _LATEX_SIGNS.search(text):
        text = _plain_latex(text).strip() or text
    text = re.sub(r" ?([^\w ]) ?", r"\1", " ".join(text.split()))
    text = _ARTICLE.sub("", _bare(text) or text, count=1) if text else text
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


def _plain_latex(text: str) -> str:
    text = unwrap_text(text)
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    return _FRACTION.sub(_slashed, text)


def _slashed(fraction: re.Match[str]) -> str:
    parts = (part.strip() for part in fraction.groups())
    above, below = (part if re.fullmatch(r"-?\w+", part) else f"({part})" for part in parts)
    return f" {above}/{below} "


def _bare(text: str) -> str:
    for _ in range(_LAYERS):
        before = text
        for opening, closing in _WRAPPERS:
            if len(text) > len(opening + closing) and text.startswith(opening) and text.endswith(closing):
                text = text[len(opening) : -len(closing)]
        text = text.lstrip("¿¡ ").rstrip(".,;:? ")
        stem = text.rstrip("!")
        if stem and not (stem[-1].isdigit() or stem[-1] == ")"):  # 5! is a factorial
            text = stem
        if text == before:
            break
    return text
