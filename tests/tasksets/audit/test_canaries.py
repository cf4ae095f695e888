"""Words that occur nowhere else: found wherever they come out, in whichever form."""

from dataclasses import replace

import pytest
from planted_quiz import ROWS, TASK, Prints, Quiz, TellsInAnError, TellsInBase64

from openenv_tasksets.audit.canaries import check


def messages(found):
    return [(each.channel, each.message) for each in found.findings]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (TellsInBase64, ("reset", "hidden 'answer' is in it, in base64")),
        (TellsInAnError, ("reset, error", "hidden 'answer' is in it")),
        (Prints, ("stdout or stderr", "hidden 'answer' is in it")),
    ],
)
def test_a_canary_is_found_on_every_channel(check_of, environment, told):
    assert told in messages(check_of(check, environment))


def test_one_in_order_tells_none(check_of):
    found = check_of(check, Quiz)
    assert (found.status, found.findings) == ("passed", [])


def test_a_seed_that_is_told_is_found(check_of):
    class TellsTheSeed(Quiz):
        def reset(self, prompt, answer, even, seed):
            return replace(super().reset(prompt, answer, even), hint=seed)

    rows = {split: [{**row, "number": 700_001 + n} for n, row in enumerate(some)] for split, some in ROWS.items()}
    found = check_of(check, TellsTheSeed, rows, {**TASK, "reset": {**TASK["reset"], "seed": "number"}})
    assert ("reset", "hidden 'seed' is in it") in messages(found)


def test_where_no_canary_can_be_planted_it_is_said(audit_of):
    class Even(Quiz):
        def reset(self, prompt, even):
            return super().reset(prompt, "an answer of its own", even)

    report = audit_of(Even, task={"reset": {"prompt": "prompt", "even": "even"}, "visible": ["prompt"]})
    assert report.verdict == "passed"
    (found,) = [each for each in report.checks if each.name == "canaries"]
    assert found.status == "not tested"
    assert found.notes == ["no canary could be planted in even: it is of a type with few values, or none was taken"]
