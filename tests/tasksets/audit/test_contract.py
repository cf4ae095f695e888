"""Sentences of the contract that do not hold are findings, and so is what keeps it from being tried."""

from planted_quiz import Quiz, Remembers

from openenv_tasksets.audit import contract
from openenv_tasksets.consent import Consent


def checked(environment, consent=None):
    return lambda subject: contract.check(subject, environment, None, consent or Consent())


def test_a_sentence_that_does_not_hold_is_a_finding(check_of):
    assert check_of(checked(Quiz), Quiz).status == "passed"
    told = [each.message for each in check_of(checked(Remembers), Remembers).findings]
    assert any("The same task and seed give the same" in each for each in told)


def test_an_environment_that_may_not_be_made_is_a_finding(check_of):
    class Runs(Quiz):
        executes_rows = True

    (finding,) = check_of(checked(Runs), Quiz).findings
    assert "--allow-execution quiz" in finding.message
