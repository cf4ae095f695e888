"""Near duplicates: what every pair compared would find, found without comparing every pair."""

import random

import pytest

from openenv_tasksets.audit.near_duplicates import RESEMBLANCE, near_duplicates, resemblance, shingles


def texts(seed, count):
    """Texts of random words, every third an edited copy of the one before it."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        words = [f"word{rng.randrange(500)}" for _ in range(rng.randrange(20, 120))]
        if number % 3 == 2:
            words = made[-1].split()
            for _ in range(rng.randrange(4)):
                words[rng.randrange(len(words))] = "edited"
        made.append(" ".join(words))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_comparing_every_pair_finds(seed):
    made = texts(seed, 150)
    sets = [shingles(text) for text in made]
    pairs = [(one, two) for two in range(len(sets)) for one in range(two)]
    expected = [(one, two) for one, two in pairs if resemblance(sets[one], sets[two]) >= RESEMBLANCE]
    assert len(expected) > 20
    assert list(near_duplicates(made)) == expected


def test_case_and_punctuation_do_not_matter_and_short_texts_are_compared_whole():
    assert list(near_duplicates(["One, two!", "one two", "one three", "", "", "!?"])) == [(0, 1)]


def test_a_template_that_all_texts_share_does_not_make_them_one():
    same = "Answer the question below with a single number and nothing else please "
    made = [same + " ".join(f"{n}-{k}" for k in range(40)) for n in range(60)]
    assert list(near_duplicates(made)) == []


def test_many_copies_cost_no_comparison_of_every_pair():
    found = list(near_duplicates(["the same text as all the others here"] * 300))
    assert len(found) < 300 * 21
    assert {two for _, two in found} == set(range(1, 300))
