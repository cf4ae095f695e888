"""A card's metadata is changed key by key; every other byte stays."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.front_matter import FrontMatter
from openenv_tasksets.loaders.errors import SourceError

CARD = """\
---
# about the licence
license: mit  # chosen with care
version: 1.10
size: 0x1F
tags:
- math   # first

# about languages
language: [en, "de"]
configs:
- config_name: 010
  default: yes
---
# Title
---
more
"""


def test_nothing_set_is_nothing_changed():
    assert FrontMatter(CARD).text() == CARD
    assert FrontMatter(CARD).body == "# Title\n---\nmore\n"


@given(st.text(), st.text())
def test_a_card_is_given_back_as_it_came(front, body):
    for card in (body, f"---\n{front}\n---\n{body}"):
        try:
            matter = FrontMatter(card)
        except SourceError:
            continue
        text = matter.text()
        assert text in (card, f"---\n---\n{card}", f"---\r\n---\r\n{card}")


def test_a_key_is_replaced_and_the_comments_around_it_stay():
    front = FrontMatter(CARD)
    front.set("tags", [*front.items_of("tags"), "openenv"])
    assert front.text() == CARD.replace("- math   # first\n", "- math\n- openenv\n")


def test_a_new_key_comes_last():
    front = FrontMatter(CARD)
    front.set("extra", {"a": [1, "1", True, None], "b": "no"})
    assert front.text() == CARD.replace(
        "---\n# Title", "extra:\n  a:\n  - 1\n  - '1'\n  - true\n  - null\n  b: 'no'\n---\n# Title"
    )


def test_what_was_written_keeps_its_spelling_when_it_is_written_again():
    front = FrontMatter(CARD)
    [entry] = front.items_of("configs")
    front.set("configs", [{**entry.fields(), "more": "x"}])
    assert "- config_name: 010\n  default: yes\n  more: x\n" in front.text()
    assert entry.plain == {"config_name": "010", "default": "yes"}


def test_a_key_that_is_removed_takes_its_value_along_and_no_comment_of_others():
    front = FrontMatter(CARD)
    front.remove("tags")
    front.remove("no such key")
    assert front.text() == CARD.replace("tags:\n- math   # first\n", "")


def test_a_scalar_counts_as_a_list_of_one():
    assert [item.plain for item in FrontMatter("---\ntags: math\n---\n").items_of("tags")] == ["math"]
    assert FrontMatter("").items_of("tags") == []


def test_keys_of_another_card_are_taken_over_where_there_are_none():
    front = FrontMatter("---\nlicense: mit\n---\n")
    front.adopt(FrontMatter(CARD))
    loaded = yaml.safe_load(front.text().split("---\n")[1])
    assert list(loaded) == ["license", "version", "size", "tags", "language", "configs"]
    assert "size: 0x1F\n" in front.text()


@pytest.mark.parametrize("card", ["", "# Title\n", "---\n---\nx", "---\n# only a comment\n---\nx"])
def test_a_card_without_metadata_gets_some(card):
    front = FrontMatter(card)
    front.set("license", "mit")
    assert "license: mit\n---\n" in front.text()
    assert front.text().startswith("---\n")
    assert front.text().endswith(card[-1:])


def test_line_ends_of_other_systems_are_kept():
    front = FrontMatter(CARD.replace("\n", "\r\n"))
    front.set("tags", ["a", "b"])
    assert "\n" not in front.text().replace("\r\n", "")


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ("a: [", "its metadata is not valid YAML at line 3: "),
        ("a: 1\n b: 2", "its metadata is not valid YAML at line 3: "),
        ("- a", "must be a mapping with one key a line, as in 'license: mit'"),
        ("{a: 1}", "must be a mapping with one key a line"),
        ("? [a]\n: b", "must be a mapping with one key a line"),
        ("a: " + "[" * 2000 + "]" * 2000, "its metadata is not valid YAML: RecursionError"),
    ],
)
def test_what_cannot_be_edited_is_refused(front, reason):
    with pytest.raises(SourceError) as caught:
        FrontMatter(f"---\n{front}\n---\n")
    assert "README.md: " in caught.value.message
    assert reason in caught.value.message


def test_an_anchor_that_others_need_is_not_taken_away_unseen():
    front = FrontMatter("---\na: &x [1]\nb: *x\n---\n")
    with pytest.raises(SourceError, match="undefined alias"):
        front.set("a", [2])
