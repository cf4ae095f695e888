"""The audit catches what leaks and what is broken, names it, and passes what is in order."""

import json

import planted_quiz
import pytest
from planted_quiz import TASK, WORDS, Quiz

from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import ConsentNeeded

FAILING = {
    "TellsAtReset": [("non-interference", "reset", "'answer'"), ("canaries", "reset", "'answer'")],
    "TellsTheLength": [("non-interference", "reset", "observation.hint differs where only hidden 'answer' differs")],
    "TellsTheBoolean": [("non-interference", "reset", "observation.hint[0] differs where only hidden 'even' differs")],
    "TellsInBase64": [("non-interference", "reset", "'answer'"), ("canaries", "reset", "in base64")],
    "TellsAfterAStep": [("non-interference", "step", "observation.hint differs where only hidden 'answer' differs")],
    "TellsInTheState": [("non-interference", "state", "note differs where"), ("canaries", "state", "'answer'")],
    "TellsInAnError": [("canaries", "reset, error", "hidden 'answer' is in it")],
    "TellsOnABadAction": [("canaries", "step, error", "hidden 'answer' is in it")],
    "TellsTheLog": [("canaries", "the log", "hidden 'answer' is in it")],
    "Prints": [("canaries", "stdout or stderr", "hidden 'answer' is in it")],
    "SharesTheTask": [("isolation", "step", "another session changes it")],
    "Random": [("repetition", "reset", "a second reset gives another observation (observation.hint)")],
    "Remembers": [("repetition", "reset", "a second reset"), ("contract", "", "The same task and seed give the same")],
    "Generous": [("rewards", "step", "an empty action earns the top reward 1")],
    "TakesAnything": [("rewards", "step", "the constant action 'A' earns the top reward 1")],
    "TakesThePrompt": [("rewards", "step", "an action that repeats the prompt earns the top reward 1")],
    "NeverRight": [("rewards", "step", "the gold action earns 0, not the top reward 1")],
}


def found(report):
    """(check, channel, message) of every finding."""
    return [(check.name, each.channel, each.message) for check in report.checks for each in check.findings]


@pytest.mark.parametrize("name", FAILING)
def test_a_planted_fault_is_caught_and_named(audit_of, name):
    report = audit_of(getattr(planted_quiz, name))
    assert report.verdict == "failed"
    listed = found(report)
    for check, channel, text in FAILING[name]:
        assert any((check, channel) == each[:2] and text in each[2] for each in listed), listed
    # Nothing else is blamed: a leak is not also a fault of the rewards.
    allowed = {check for check, _, _ in FAILING[name]} | {"contract"}
    assert {check for check, _, _ in listed} <= allowed, listed


def test_an_environment_in_order_passes_every_check(audit_of):
    report = audit_of(Quiz)
    assert found(report) == []
    assert report.verdict == "passed"
    assert {check.status for check in report.checks} == {"passed"}
    assert report.hidden == ("answer", "even")


def test_the_answer_may_be_shown_when_the_episode_is_done(audit_of):
    report = audit_of(planted_quiz.TellsWhenDone)
    assert found(report) == []
    assert report.verdict == "passed"


@pytest.mark.slow
def test_no_report_holds_a_hidden_value(audit_of):
    for name in FAILING:
        report = audit_of(getattr(planted_quiz, name), limit=1)
        text = json.dumps(report.as_dict()) + "\n".join(report.lines())
        assert not [word for word in WORDS if word in text.replace("A constant reply", "")], name


def test_the_same_audit_gives_the_same_report(audit_of):
    assert audit_of(planted_quiz.TellsAtReset).as_dict() == audit_of(planted_quiz.TellsAtReset).as_dict()


def test_rows_that_hide_nothing_are_nothing_to_audit(audit_of):
    class Open(Quiz):
        def reset(self, prompt, answer="x", even=False):
            return super().reset(prompt, answer, even)

    visible = {"id": "key", "reset": {"prompt": "prompt", "even": {"value": True}}, "visible": ["prompt"]}
    report = audit_of(Open, task=visible)
    assert report.verdict == "nothing to audit"
    assert found(report) == []
    assert report.hidden == ()


def test_the_state_may_show_what_is_public_and_the_agent_may_not_see_it(audit_of):
    public = {**TASK, "public": ["answer"], "gold": {}}
    assert audit_of(planted_quiz.TellsInTheState, task=public).verdict == "passed"
    report = audit_of(planted_quiz.TellsAtReset, task=public)
    assert report.verdict == "failed"
    assert "hidden 'answer' is public, too: trainers see it, agents do not" in report.checks[0].notes


def test_a_finding_is_one_also_where_nothing_is_hidden(audit_of):
    visible = {"id": "key", "reset": {name: name for name in ("prompt", "answer", "even")}}
    report = audit_of(planted_quiz.Random, task={**visible, "visible": ["prompt", "answer", "even"]})
    assert report.verdict == "failed"


def test_consent_is_asked_for_as_for_a_run(audit_of):
    class Runs(Quiz):
        executes_rows = True

    with pytest.raises(ConsentNeeded, match="--allow-execution quiz"):
        audit_of(Runs)
    assert audit_of(Runs, consent=Consent(execution=frozenset({"quiz"}))).verdict == "passed"


def test_an_environment_of_one_session_at_a_time_is_audited_but_for_isolation(audit_of):
    class Alone(Quiz):
        SUPPORTS_CONCURRENT_SESSIONS = False

    report = audit_of(Alone)
    assert report.verdict == "passed"
    assert [check.name for check in report.checks if check.status == "not tested"] == ["isolation"]
