"""Hidden values that change what an agent sees before the end, by whatever path."""

import random
from dataclasses import replace

from planted_quiz import ROWS, TASK, WORDS, Progress, Quiz, TellsAfterAStep, TellsWhenDone

from openenv_tasksets.audit.non_interference import check


def messages(found):
    return [(each.channel, each.message) for each in found.findings]


def test_what_is_told_before_the_end_is_found_and_what_is_told_then_is_not(check_of):
    assert check_of(check, TellsWhenDone).status == "passed"
    told = messages(check_of(check, TellsAfterAStep))
    assert ("step", "observation.hint differs where only hidden 'answer' differs") in told


def test_feedback_of_steps_may_be_allowed_and_is_then_said(audit_of):
    report = audit_of(TellsAfterAStep, allow_feedback=True)
    assert report.verdict == "passed"
    (found,) = [each for each in report.checks if each.name == "non-interference"]
    assert found.notes == ["what steps show was not compared: feedback was allowed"]


def test_what_only_equals_a_public_value_here_and_there_is_not_public(check_of):
    class TellsWhetherEven(Quiz):
        @property
        def state(self):
            return Progress(self.steps, self.even)

    rows = {split: [{**row, "level": int(row["even"])} for row in some] for split, some in ROWS.items()}
    found = check_of(check, TellsWhetherEven, rows, {**TASK, "public": ["level"]})
    assert ("state", "note differs where only hidden 'even' differs") in messages(found)


def test_what_is_drawn_from_a_hidden_seed_may_show(check_of):
    class Drawn(Quiz):
        def reset(self, prompt, answer, even, seed):
            return replace(super().reset(prompt, answer, even), hint=random.Random(seed).random())

    rows = {split: [{**row, "number": 700_001 + n} for n, row in enumerate(some)] for split, some in ROWS.items()}
    found = check_of(check, Drawn, rows, {**TASK, "reset": {**TASK["reset"], "seed": "number"}})
    assert found.status == "passed"
    assert "(answer, even)" in found.tested
    assert found.notes == ["hidden 'seed' was left as it is: what an environment draws from it shows"]


def test_a_hidden_value_that_cannot_be_varied_is_not_passed_over(check_of):
    class Picky(Quiz):
        def reset(self, prompt, answer, even):
            if answer not in WORDS or (answer, even) not in [(row["answer"], row["even"]) for row in ROWS["train"]]:
                raise ValueError
            return super().reset(prompt, answer, even)

    found = check_of(check, Picky, {"train": ROWS["train"][:1]})
    assert found.status == "failed"
    assert any("nothing is known of 'answer', 'even'" in message for _, message in messages(found))
