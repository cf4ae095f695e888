"""What one session does is seen in no other; where that cannot be tried, it is said."""

from planted_quiz import ROWS, Quiz, Random, SharesTheTask

from openenv_tasksets.audit.isolation import check


def test_sessions_that_share_their_task_are_found(check_of):
    assert check_of(check, Quiz).status == "passed"
    (finding, *_) = check_of(check, SharesTheTask).findings
    assert (finding.channel, finding.message) == ("step", "another session changes it")


def test_what_is_never_twice_the_same_tells_nothing_of_others(check_of):
    found = check_of(check, Random)
    assert (found.status, found.findings) == ("not tested", [])
    assert found.notes == ["4 tasks are never twice the same, so nobody can tell who changed them"]


def test_it_takes_two_sessions_and_two_tasks(check_of):
    class Alone(Quiz):
        SUPPORTS_CONCURRENT_SESSIONS = False

    found = check_of(check, Alone)
    assert found.notes == ["the environment takes one session at a time, so there is none that it could disturb"]
    assert check_of(check, Quiz, {"train": ROWS["train"][:1]}).notes == ["it takes two tasks"]
