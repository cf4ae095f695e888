# ruff: noqa: RUF001
"""Normalization makes texts equal that say the same, and no others; boxes are found where they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.plain_text import last_boxed, normalize


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"so \boxed{42}.", "42"),
        (r"$\boxed{\frac{1}{2}}$", r"\frac{1}{2}"),
        (r"\boxed{1} no, \boxed{2}", "2"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed {7}", "7"),
        (r"\fbox{7}", "7"),
        (r"$\boxed 5$", "5"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{a\}b}", r"a\}b"),
        (r"\boxed{}", ""),
        (r"\boxed{a \boxed{b} c}", "b"),
        (r"\boxed{", None),
        (r"\boxedtext{1}", None),
        ("42", None),
        ("", None),
        (r"\boxed{1}" + r"\boxed{" * 20, None),
        (r"\boxed{" + "x" * 10_000 + "}", None),
    ],
)
def test_the_last_balanced_box(text, content):
    assert last_boxed(text) == content


SAME = [
    ("Paris", "  paris. "),
    ("Paris", "**Paris**"),
    ("Paris", "“Paris!”"),
    ("Paris", "`paris`"),
    ("Paris", "'Paris',"),
    ("Beatles", "The Beatles"),
    ("apple", "An apple."),
    ("New York", "new \n york"),
    ("don't", "don’t"),
    ("well-known", "well‑known"),
    ("fin", "ﬁn"),
    ("straße", "STRASSE"),
    ("１２", "12"),
    ("x^2", "x²"),
    ("x^2", "$x^{2}$"),
    ("1/2", "½"),
    ("3 1/2", "3½"),
    (r"\frac{1}{2}", "1/2"),
    (r"\frac{1}{2}", r"\dfrac{1}{2}"),
    (r"\frac{1}{2}", r"$\tfrac12$"),
    (r"-\frac{1}{2}", "−1/2"),
    (r"3\frac{1}{2}", "3 1/2"),
    (r"\frac{x+1}{2}", "(x+1)/2"),
    (r"3\sqrt{2}", r"3\sqrt2"),
    (r"\left(3, \frac{\pi}{2}\right)", r"( 3 , \frac{\pi}{2} )"),
    (r"\text{Evelyn}", "Evelyn"),
    (r"5\text{ cm}", "5 cm"),
    (r"\mathrm{(B)}", "(B)"),
    (r"2\pi", r"2 \pi"),
    ("x+1", "x + 1"),
    ("90", r"90^\circ"),
    ("90", r"90^{\circ}"),
    ("90", "90°"),
    ("10,000", r"10,\!000"),
    ("10000", "10{,}000"),
    ("10000", r"10\,000"),
    ("10000", "10,000"),
    (r"\$5", "$5"),
    (r"50\%", "50%"),
    ("5", r"\(5\)"),
    ("5", r"\[ 5 \]"),
    (r"\{1,2\}", r"\{1, 2\}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
]
DIFFERENT = [
    ("New York", "newyork"),
    ("0.5", "5"),
    (".5", "5"),
    ("5!", "5"),
    ("10²", "102"),
    (r"3\frac{1}{2}", "31/2"),
    ("(B)", "B"),
    ("[1,2]", "(1,2)"),
    ("-1", "1"),
    (r"\frac{1}{2}", r"\frac{2}{1}"),
    (r"\leftarrow", "arrow"),
    ("(1,2)", "(12)"),
    ("", "x"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_texts_that_say_the_same_are_equal(one, other):
    assert normalize(one) == normalize(other) != ""


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_texts_that_say_something_else_differ(one, other):
    assert normalize(one) != normalize(other)


@pytest.mark.parametrize("text", ["?", "...", "!", "the", "a", '"', "*", "$", "°"])
def test_a_text_of_marks_or_an_article_alone_stays_an_answer(text):
    assert normalize(text) == text


@given(st.text())
def test_layout_around_a_text_does_not_matter(text):
    assert normalize(f"\n  {text} \t") == normalize(text)
