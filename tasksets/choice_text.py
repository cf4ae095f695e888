"""Which of several choices a text names: by letter, by the choice's own text, or by index."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from openenv_tasksets.plain_text import last_boxed, normalize, plain_characters, unwrap_text

_READ_CHARS = 16_384

_CUE = re.compile(
    r"\b(?:answer|(?:correct|right|best|final)\s+(?:option|choice))\b"
    r"(?:[^.:=\n]{0,60}?\b(?:is|be)\b\s*[:=]?|\s*(?:[:=]|-\s))\s*",
    re.IGNORECASE,
)
_REASONS = re.compile(r"\b(?:because|since)\b", re.IGNORECASE)
_NEGATIONS = re.compile(r"\b(?:not|never|neither|nor|wrong|incorrect|except)\b|n't\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

_LONE_LETTER = re.compile(r"""["'(\[{<]*([A-Za-z])["')\]}>.,:;!]*""")
_LETTER = re.compile(
    r"""
      [(\[{]\s?([A-Za-z])\s?[)\]}]                        # (B)
    | (?<!\w)([A-Za-z])\)                                 # b)
    | ^([a-z])[.:]\s                                      # b. at the start
    | (?<![\w'.\\-])
      (?: ([B-HJ-Z])(?![\w']|-\w|\.\w)                    # B
        | ([AI])(?![\w']|-\w|\.\w|[ ]\w{2})               # A and I are words where another word follows,
        | (A)(?=[ ](?:and|or|nor|because|since|as|but|is)\b) # unless it is one of these
      )
    """,
    re.VERBOSE,
)


class Choices:
    """The choices of one task, ready to be looked for.

    Args:
        texts: The choices in order; 2 to 26, none empty.

    Raises:
        ValueError: ``texts`` is no such list.
    """

    __slots__ = ("_found", "_plain", "_texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(" ".join(text.split()) for text in texts)
        self._plain = tuple(normalize(text) for text in self._texts)
        if not 2 <= len(self._plain) <= 26 or not all(self._plain):
            raise ValueError(f"choices must be 2 to 26 texts, none empty; got {len(self._plain)}")
        self._found: tuple[re.Pattern[str], dict[str, set[int]]] | None = None

    def __len__(self) -> int:
        return len(self._texts)

    def same(self, one: int, other: int) -> bool:
        """Whether two choices are the same text: a row may list one twice."""
        return self._texts[one] == self._texts[other]

    def stated(self, text: str) -> int | None:
        """The index of the choice whose letter or text is all of ``text``; None for none or several."""
        return self._only(self._stating(text))

    def named(self, reply: str) -> int | None:
        r"""The index of the one choice that ``reply`` names; None if it names none or several.

        The first of these that names anything decides: the last ``\boxed{}``; the whole reply; what follows
        each "answer is", "answer:" or "correct option is"; the lines that are a letter or a choice's text;
        the letters and texts anywhere in it. "A" before another word is an article. A whole reply (box,
        statement) that is an integer, and not a choice's text, is a 0-based index, as rows write it. The last
        16,384 characters are read.
        """
        reply = reply[-_READ_CHARS:]
        boxed = last_boxed(reply)
        if boxed is not None:
            return self._only(self._whole(boxed) or self._mentioned(boxed))
        return self._only(
            self._whole(reply)
            or _union(self._statement(after.split("\n", 1)[0]) for after in _CUE.split(reply)[1:])
            or _union(map(self._stating, reply.splitlines()))
            or self._mentioned(reply)
        )

    def _only(self, named: set[int]) -> int | None:
        return min(named) if len({self._texts[index] for index in named}) == 1 else None

    def _stating(self, text: str) -> set[int]:
        """Choices whose text is all of ``text``, and the one whose letter is."""
        plain = normalize(text)
        named = self._closest(text, {index for index, choice in enumerate(self._plain) if choice == plain})
        letter = _LONE_LETTER.fullmatch(_tidy(text))
        return named | self._letters([letter[1]]) if letter else named

    def _whole(self, text: str) -> set[int]:
        named = self._stating(text)
        index = text.strip(" \n.()[]")
        if not named and re.fullmatch(r"[0-9]{1,2}", index) and int(index) < len(self):
            return {int(index)}
        return named

    def _statement(self, line: str) -> set[int]:
        """What a line that follows "the answer is" names in its first sentence."""
        named = self._whole(line)
        if named:
            return named
        head, *rest = _SENTENCE_END.split(line, maxsplit=1)
        named = self._whole(head) or self._mentioned(head)
        if rest and _LONE_LETTER.fullmatch(_tidy(head)):  # "B. Paris"
            named = named | self._whole(rest[0])
        return named

    def _mentioned(self, text: str) -> set[int]:
        """Choices named anywhere in ``text``; none where it says what the answer is not."""
        pattern, indices = self._finder()
        named: set[int] = set()

        def take(found: re.Match[str]) -> str:
            named.update(self._closest(found[0], indices.get(found[0].casefold(), set())))
            return " # "

        rest = pattern.sub(take, _tidy(_REASONS.split(text, maxsplit=1)[0]))
        if _NEGATIONS.search(rest):
            return set()
        return named | self._letters(letter for found in _LETTER.findall(rest) for letter in found if letter)

    def _closest(self, text: str, named: set[int]) -> set[int]:
        """Of choices that ``text`` may mean those that it spells, if any: CO is not Co."""
        text = " ".join(text.split())
        return {index for index in named if self._texts[index] == text} or named

    def _letters(self, letters: Iterable[str]) -> set[int]:
        return {index for letter in letters if (index := ord(letter.upper()) - ord("A")) < len(self)}

    def _finder(self) -> tuple[re.Pattern[str], dict[str, set[int]]]:
        if self._found is None:
            indices: dict[str, set[int]] = {}
            spellings = {index: spelling for index, text in enumerate(self._texts) if (spelling := _tidy(text))}
            for index, spelling in spellings.items():
                indices.setdefault(spelling.casefold(), set()).add(index)
            longest_first = sorted(set(spellings.values()), key=len, reverse=True)
            alternatives = "|".join(map(re.escape, longest_first)) or "(?!)"
            pattern = rf"(?<![\w^])(?<!\d[.,/])(?<!-(?=\d))(?:{alternatives})(?![\w^%]|[.,/]\d)"
            self._found = re.compile(pattern, re.IGNORECASE), indices
        return self._found


def _tidy(text: str) -> str:
    """The text on one line without emphasis and math delimiters, its letters' case kept."""
    text = unwrap_text(unicodedata.normalize("NFKC", plain_characters(text)))
    return " ".join(re.sub(r"[*`$]|\\[()]", "", text).split()).strip("_")


def _union(sets: Iterable[set[int]]) -> set[int]:
    return set().union(*sets)
