"""JSON answers over HTTP."""

import json
import math

import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from openenv_tasksets.loaders.errors import EnvironmentFailed, TaskNotFound
from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.json_response import bad_request, error_response, http_error, json_response


def request_of(counts=None):
    return Request({"type": "http", "counts": counts})


def read(response):
    return response.status_code, response.media_type, json.loads(response.body)


def test_a_value_is_written_as_in_frames():
    assert read(json_response({"x": math.nan}, 201)) == (201, "application/json", {"x": None})
    with pytest.raises(EnvironmentFailed, match="no JSON form"):
        json_response(object())


@pytest.mark.anyio
async def test_an_error_has_its_status_and_text():
    assert read(await error_response(request_of(), TaskNotFound("no task 9"))) == (
        400,
        "application/json",
        {"detail": "no task 9"},
    )


@pytest.mark.anyio
async def test_what_is_wrong_with_a_request_is_said_without_what_was_sent():
    mistake = {
        "type": "int_type",
        "loc": ("body", "seed"),
        "msg": "no",
        "input": math.nan,
        "ctx": {"error": ValueError()},
    }
    assert read(await bad_request(request_of(), RequestValidationError([mistake]))) == (
        422,
        "application/json",
        {"detail": [{"type": "int_type", "loc": ["body", "seed"], "msg": "no"}]},
    )


def refused(status, cause):
    try:
        raise HTTPException(status, "the framework's words") from cause
    except HTTPException as exc:
        return exc


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (RecursionError(), "the body is nested more than 128 deep"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), "the body is not UTF-8 text"),
        (ValueError("Exceeds the limit"), "a number has too many digits"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_mistake_of_the_request_s(cause, reason):
    detail = [{"type": "json_invalid", "loc": ["body"], "msg": reason}]
    answer = await http_error(request_of(), refused(400, cause))
    assert read(answer) == (422, "application/json", {"detail": detail})


@pytest.mark.anyio
async def test_what_the_framework_says_else_stays_as_it_is():
    for status, cause in ((400, None), (404, ValueError())):
        answer = await http_error(request_of(), refused(status, cause))
        assert read(answer) == (status, "application/json", {"detail": "the framework's words"})


@pytest.mark.anyio
async def test_each_error_is_counted_for_the_environment_that_was_asked():
    counts = Counts("quiz")
    request = request_of(counts)
    await error_response(request, TaskNotFound("no task 9"))
    await bad_request(request, RequestValidationError([]))
    await http_error(request, refused(413, None))
    await http_error(request, refused(404, None))
    assert counts.errors == {"VALIDATION_ERROR": 2, "MESSAGE_TOO_LARGE": 1}
