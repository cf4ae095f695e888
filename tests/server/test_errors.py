"""The table from errors to codes and statuses, and what an error may say."""

import logging

import pytest

from openenv_tasksets.loaders.errors import (
    ConsentNeeded,
    DeclarationError,
    EnvironmentFailed,
    EnvironmentNotFound,
    Issue,
    PolicyError,
    ResetNeeded,
    RowError,
    SelectionError,
    SourceChanged,
    SourceError,
    SplitEndless,
    SplitNotFound,
    TaskNotFound,
    TasksetError,
    TimeExceeded,
)
from openenv_tasksets.server.errors import wire_error
from openenv_tasksets.server.rate_limit import RateExceeded
from openenv_tasksets.server.session import SessionEnded
from openenv_tasksets.server.slots import CapacityReached

ROW_ERROR = RowError("odd", split="train", row=1, column=None, location="rows in memory, row 1")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (SplitNotFound("said"), "VALIDATION_ERROR", 404),
        (TaskNotFound("said"), "VALIDATION_ERROR", 400),
        (SelectionError("said"), "VALIDATION_ERROR", 422),
        (SplitEndless("said"), "VALIDATION_ERROR", 501),
        (PolicyError("said"), "VALIDATION_ERROR", 422),
        (ResetNeeded("said"), "RESET_NEEDED", 409),
        (TimeExceeded("said"), "TIME_EXCEEDED", 504),
        (CapacityReached(2, 2), "CAPACITY_REACHED", 503),
        (SessionEnded("said"), "SESSION_ERROR", 404),
        (ROW_ERROR, "EXECUTION_ERROR", 500),
        (SourceError("said"), "EXECUTION_ERROR", 500),
        (SourceChanged("said"), "EXECUTION_ERROR", 500),
        (EnvironmentFailed("said"), "EXECUTION_ERROR", 500),
        (EnvironmentNotFound("said"), "EXECUTION_ERROR", 500),
        (ConsentNeeded("said"), "EXECUTION_ERROR", 500),
        (DeclarationError([Issue("a", "said")]), "EXECUTION_ERROR", 500),
        (TasksetError("said"), "EXECUTION_ERROR", 500),
        (IndexError("foreign"), "EXECUTION_ERROR", 500),
        (KeyError("foreign"), "EXECUTION_ERROR", 500),
        (ValueError("foreign"), "EXECUTION_ERROR", 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_error_has_a_code_and_a_status(error, code, status):
    found = wire_error(error)
    assert (found.code, found.status) == (code, status)
    assert found.frame_data().items() >= {"message": found.message, "code": code}.items()
    assert "foreign" not in str(found)


def test_what_this_library_says_is_said():
    assert wire_error(ROW_ERROR).message == "rows in memory, row 1 (split 'train', row 1): odd"
    assert wire_error(TaskNotFound("no task 9")).http_body() == {"detail": "no task 9"}
    assert wire_error(ResetNeeded("call reset()")).frame_data() == {"message": "call reset()", "code": "RESET_NEEDED"}


def test_a_policy_error_lists_its_mistakes():
    mistakes = [{"type": "missing", "loc": ("text",), "msg": "Field required"}]
    error = wire_error(PolicyError("Invalid message", mistakes))
    assert error.frame_data() == {"message": "Invalid message", "code": "VALIDATION_ERROR", "errors": mistakes}
    assert error.http_body() == {"detail": mistakes}


def test_a_selection_error_over_http_has_the_form_of_other_422s():
    error = wire_error(SelectionError("seed is odd"))
    assert error.http_body() == {"detail": [{"type": "value_error", "loc": ["body"], "msg": "seed is odd"}]}
    assert error.frame_data()["message"] == "seed is odd"


def test_capacity_says_how_many():
    assert wire_error(CapacityReached(2, 3)).frame_data() == {
        "message": "Server at capacity: 2/3 sessions active. Cannot accept new connections.",
        "code": "CAPACITY_REACHED",
        "active_sessions": 2,
        "max_sessions": 3,
    }


def raised(error, cause):
    def environments_own_step():
        raise cause

    def play():
        try:
            environments_own_step()
        except ValueError as exc:
            raise error from exc

    with pytest.raises(type(error)) as caught:
        play()
    return caught.value


@pytest.mark.parametrize("error", [EnvironmentFailed("environment 'Quiz' failed"), RuntimeError("canary too")])
def test_the_log_has_the_traceback_under_the_errors_id_but_no_foreign_text(error, caplog):
    with caplog.at_level(logging.ERROR):
        found = wire_error(raised(error, ValueError("canary")))
    record = caplog.records[0].getMessage()
    assert found.facts["error_id"] in record
    assert len(found.facts["error_id"]) == 12
    assert "in environments_own_step" in record
    assert "ValueError" in record
    assert record.index("ValueError") < record.rindex(type(error).__name__)
    assert "canary" not in caplog.text + str(found)


def test_every_error_has_an_id_of_its_own():
    assert wire_error(ValueError()).facts["error_id"] != wire_error(ValueError()).facts["error_id"]


def test_expected_errors_are_not_logged(caplog):
    for error in (SelectionError("x"), PolicyError("x"), ResetNeeded("x"), TimeExceeded("x"), CapacityReached(1, 1)):
        assert "error_id" not in wire_error(error).facts
    assert not caplog.records


def test_a_chain_of_causes_that_bites_its_tail_is_logged_once(caplog):
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    wire_error(first)
    assert caplog.records[0].getMessage().count("KeyError") == 1


def test_whoever_asks_too_often_is_told_when_to_ask_again():
    error = wire_error(RateExceeded(0.5, 1.2345))
    assert (error.code, error.status, error.facts) == ("RATE_EXCEEDED", 429, {"wait_seconds": 1.234})
    assert error.http_headers() == {"retry-after": "2"}
