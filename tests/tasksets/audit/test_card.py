"""The card's section is replaced where there is one, and the rest of the card stays as it is."""

import pytest

from openenv_tasksets.audit.card import with_audit_section
from openenv_tasksets.audit.findings import AuditReport, Check

GOOD = AuditReport("quiz", "acme/quiz@abc", ("answer",), [Check("rewards", tested="3 tasks")])
BAD = AuditReport("quiz", None, ("answer",), [Check("rewards", tested="3 tasks")])
BAD.checks[0].found("step", "the secret way to cheat")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_card_gets_the_section_once_and_keeps_its_text(newline):
    card = newline.join(["---", "license: mit", "---", "# Quiz", "", "Words of the author.", ""])
    written = with_audit_section(card, BAD)
    assert written.startswith(card)
    assert "**Failed**: `quiz`" in written
    assert "failed: 1 finding" in written
    assert "cheat" not in written
    again = with_audit_section(written + f"More words.{newline}", GOOD)
    assert again.count("## Audit") == 1
    assert again.startswith(card)
    assert again.endswith(f"More words.{newline}")
    assert "Passed: `quiz` of `acme/quiz@abc`" in again
    assert again == with_audit_section(again, GOOD)
    assert ("\r\n" in again) == (newline == "\r\n")
    assert "\n" not in again.replace("\r\n", "") if newline == "\r\n" else True


def test_it_says_what_is_enforced_and_what_was_tested():
    text = with_audit_section("", AuditReport("quiz", None, (), [Check("isolation")]))
    assert text.startswith("<!-- tasksets audit:")
    assert "Enforced by the library" in text
    assert "Tested, and true of what was looked at only" in text
    assert "Nothing to audit: the rows hide nothing" in text
    assert "| isolation | not tested |  |" in text
