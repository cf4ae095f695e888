# ruff: noqa: RUF001
"""A reply names one choice, in any of the usual forms, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.choice_text import Choices

CAPITALS = ["Berlin", "Paris", "Rome", "Madrid"]


@pytest.mark.parametrize(
    "reply",
    [
        "B",
        "b",
        "(B)",
        "b.",
        "b)",
        "B:",
        "[B]",
        "**B**",
        "_B_",
        "“B”",
        "$B$",
        "B\n",
        "Paris",
        " paris. ",
        "(B) Paris",
        "B) Paris",
        "B. Paris",
        "B: Paris",
        "B - Paris",
        "B Paris",
        "b) paris",
        "b. Paris",
        "Paris (B)",
        "Answer: B",
        "answer: b",
        "ANSWER: (B)",
        "Answer - B",
        "Answer:\nB",
        "## Answer\n\nB",
        "**Answer:** B",
        "**Answer: B**",
        "<answer>B</answer>",
        "Answer: B, Paris",
        "Final answer: B",
        "The answer is B",
        "The answer is: (B).",
        "The answer is (B) Paris.",
        "The answer is **Paris**.",
        "The correct option is B",
        "The best choice is B, since Berlin is elsewhere.",
        "The answer is B. Option A is wrong.",
        "The answer is not easy to see.\nAnswer: B",
        "I choose B because Rome is in Italy.",
        "I think B",
        "Option B",
        "B is correct",
        "It's Paris.",
        "The capital of France is Paris.",
        "A is Berlin. C is Rome.\nThe answer is B.",
        "Berlin or Rome? No.\n\nB",
        "Berlin or Rome? No.\n\n(B)",
        "Berlin or Rome? No.\n\nParis",
        r"\boxed{B}",
        r"C? No: $\boxed{\text{B}}$",
        r"\boxed{\textbf{(B)}}",
        r"\boxed{\text{(B) Paris}}",
        "1",
        "Answer: 1",
        r"\boxed{1}",
        "x" * 2**20 + "\nAnswer: B",
    ],
    ids=lambda reply: reply[-24:],
)
def test_replies_that_name_the_second_choice(reply):
    assert Choices(CAPITALS).named(reply) == 1


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "?",
        "E",
        "Z",
        "4",
        "-1",
        "AB",
        "BB",
        "abc",
        "Parisian",
        "London",
        "A or B",
        "A B",
        "A, B",
        "A\nB",
        "A and B",
        "A/B",
        "A, B, C and D",
        "Paris or Rome",
        "(A) Paris",
        "B. Rome",
        "The answer is B. Rome",
        "Answer: A or B",
        "Answer: A. Answer: B",
        "The answer is A. Wait, the answer is B.",
        "not B",
        "The answer is not B",
        "B is wrong",
        "It isn't Paris.",
        "A dog",
        "I don't know",
        r"\boxed{A or B}",
        r"\boxed{} B",
    ],
)
def test_replies_that_name_no_choice_or_several(reply):
    assert Choices(CAPITALS).named(reply) is None


@pytest.mark.parametrize(
    ("choices", "reply", "index"),
    [
        (["A cat", "A dog"], "A dog", 1),
        (["cat", "dog"], "A dog", 1),
        (["cat", "dog"], "The answer is a dog.", 1),
        (["cat", "dog"], "The answer is A because it purrs.", 0),
        (["vitamin A", "vitamin C"], "vitamin C", 1),
        (["vitamin A", "vitamin B", "vitamin C"], "It is vitamin B.", 1),
        (["red", "blue", "Both A and B"], "Both A and B", 2),
        (["Paris", "Paris, Texas"], "It is Paris, Texas.", 1),
        (["True", "False"], "false", 1),
        (["yes", "None of the above"], "None of the above", 1),
        (["0", "3", "1", "2"], "1", 2),
        (["4", "2", "0", "1"], "3", 3),
        (["5", "15", "5.5", "-5"], "It is 5.", 0),
        (["5", "15", "5.5", "-5"], "It is 5.5.", 2),
        (["5", "15", "5.5", "-5"], "It is -5.", 3),
        (["5", "15"], "It is 5.25.", None),
        ([r"$\frac12$", "2"], r"\boxed{\dfrac{1}{2}}", 0),
        (["CO", "Co"], "CO", 0),
        (["CO", "Co"], "It is Co.", 1),
        (["CO", "Co"], "co", None),
        (["same", "other", "same"], "same", 0),
        (["B", "A"], "A", None),
        (["A", "B"], "The answer is A.", 0),
        (["in", "x"], "ın", None),
        (["in", "out"], "it is ın", None),
        (["*", "+"], "It is B", 1),
        (["*", "$"], "It is (B).", 1),
        ([f"text {i}" for i in range(10)], "I think J", 9),
        ([f"text {i}" for i in range(10)], "(I)", 8),
        ([f"text {i}" for i in range(10)], "I do hope that D it is", 3),
    ],
)
def test_choices_whose_texts_make_it_hard(choices, reply, index):
    assert Choices(choices).named(reply) == index


def test_choices_of_one_text_are_the_same():
    choices = Choices(["same", "other", "same ", "Same"])
    assert choices.same(0, 2)
    assert not choices.same(0, 1)
    assert not choices.same(0, 3)


@pytest.mark.parametrize(
    ("text", "index"), [("B", 1), ("(b)", 1), ("paris", 1), ("1", None), ("It's B", None), ("", None)]
)
def test_a_row_states_its_choice_by_letter_or_text_alone(text, index):
    assert Choices(CAPITALS).stated(text) == index


@pytest.mark.parametrize("texts", [[], ["one"], ["one", " "], [str(i) for i in range(27)]])
def test_fewer_than_two_or_more_than_26_or_empty_choices_are_refused(texts):
    with pytest.raises(ValueError, match="choices must be 2 to 26 texts, none empty"):
        Choices(texts)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit", ["A", "B ", "B\n", "answer: ", "the answer is B ", "paris ", "(", "because ", "\\boxed{", "é."]
)
def test_a_million_characters_of_anything_are_read_at_once(unit):
    assert Choices(CAPITALS).named(unit * (2**20 // len(unit))) in (0, 1, None)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=8), st.data())
def test_the_letter_in_brackets_names_its_choice_unless_another_has_that_text(texts, data):
    try:
        choices = Choices(texts)
    except ValueError:
        return
    index = data.draw(st.integers(0, len(texts) - 1))
    named = choices.named(f"({chr(ord('A') + index)})")
    assert named is None or choices.same(named, index)


@given(st.lists(st.text("xyz 12", min_size=2).filter(str.strip), min_size=2, max_size=8), st.data())
def test_the_text_of_a_choice_names_it(texts, data):
    choices = Choices(texts)
    index = data.draw(st.integers(0, len(texts) - 1))
    named = choices.named(texts[index])
    assert named is not None
    assert choices.same(named, index)
