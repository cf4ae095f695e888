"""The audit catches what leaks and what is broken, names it, and passes what is in order."""

import json
import random
from dataclasses import replace

import planted_quiz
import pytest
from planted_quiz import ROWS, TASK, WORDS, Quiz, TellsAfterAStep

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


def test_feedback_of_steps_may_be_allowed_and_is_then_said(audit_of):
    report = audit_of(TellsAfterAStep, allow_feedback=True)
    assert report.verdict == "passed"
    (check,) = [each for each in report.checks if each.name == "non-interference"]
    assert check.notes == ["what steps show was not compared: feedback was allowed"]


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


def test_what_only_equals_a_public_value_here_and_there_is_not_public(audit_of):
    class TellsWhetherEven(Quiz):
        @property
        def state(self):
            return planted_quiz.Progress(self.steps, self.even)

    rows = {split: [{**row, "level": int(row["even"])} for row in some] for split, some in ROWS.items()}
    report = audit_of(TellsWhetherEven, rows=rows, task={**TASK, "public": ["level"]})
    assert ("non-interference", "state", "note differs where only hidden 'even' differs") in found(report)


def test_what_is_drawn_from_a_hidden_seed_may_show_and_the_seed_itself_may_not(audit_of):
    class Drawn(Quiz):
        drawn = staticmethod(lambda seed: random.Random(seed).random())

        def reset(self, prompt, answer, even, seed):
            return replace(super().reset(prompt, answer, even), hint=self.drawn(seed))

    class TellsTheSeed(Drawn):
        drawn = staticmethod(lambda seed: seed)

    rows = {split: [{**row, "number": 700_001 + n} for n, row in enumerate(some)] for split, some in ROWS.items()}
    task = {**TASK, "reset": {**TASK["reset"], "seed": "number"}}
    report = audit_of(Drawn, rows=rows, task=task)
    assert (report.verdict, found(report)) == ("passed", [])
    (check,) = [each for each in report.checks if each.name == "non-interference"]
    assert "(answer, even)" in check.tested
    assert check.notes == ["hidden 'seed' was left as it is: what an environment draws from it shows"]
    report = audit_of(TellsTheSeed, rows=rows, task=task)
    assert ("canaries", "reset", "hidden 'seed' is in it") in found(report)


def test_where_no_canary_can_be_planted_it_is_said(audit_of):
    class Even(Quiz):
        def reset(self, prompt, even):
            return super().reset(prompt, "an answer of its own", even)

    report = audit_of(Even, task={"reset": {"prompt": "prompt", "even": "even"}, "visible": ["prompt"]})
    assert report.verdict == "passed"
    (check,) = [each for each in report.checks if each.name == "canaries"]
    assert check.status == "not tested"
    assert check.notes == ["no canary could be planted in even: it is of a type with few values, or none was taken"]


def test_a_finding_is_one_also_where_nothing_is_hidden(audit_of):
    visible = {"id": "key", "reset": {name: name for name in ("prompt", "answer", "even")}}
    report = audit_of(planted_quiz.Random, task={**visible, "visible": ["prompt", "answer", "even"]})
    assert report.verdict == "failed"


def test_a_task_in_two_splits_is_found(audit_of):
    rows = {"train": ROWS["train"], "test": [*ROWS["test"], {**ROWS["train"][2], "key": "another id"}]}
    report = audit_of(Quiz, rows=rows)
    assert found(report) == [("duplicates", "", "the same task is in split 'train' and in split 'test'")]


def test_a_hidden_value_that_cannot_be_varied_is_not_passed_over(audit_of):
    class Picky(Quiz):
        def reset(self, prompt, answer, even):
            if answer not in WORDS or (answer, even) not in [(row["answer"], row["even"]) for row in ROWS["train"]]:
                raise ValueError
            return super().reset(prompt, answer, even)

    report = audit_of(Picky, rows={"train": ROWS["train"][:1]})
    assert report.verdict == "failed"
    assert any("nothing is known of 'answer', 'even'" in message for _, _, message in found(report))


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


def test_without_gold_actions_what_always_wins_is_found(audit_of):
    task = {name: value for name, value in TASK.items() if name != "gold"}
    report = audit_of(planted_quiz.TakesAnything, task=task)
    assert ("rewards", "step", "an empty action earns the top reward 1 in every task") in found(report)
    assert audit_of(Quiz, task=task).verdict == "passed"
