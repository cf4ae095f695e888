"""JSON answers over HTTP."""

import json
import math

import pytest
from fastapi.exceptions import RequestValidationError

from openenv_tasksets.loaders.errors import EnvironmentFailed, TaskNotFound
from openenv_tasksets.server.json_response import bad_request, error_response, json_response


def read(response):
    return response.status_code, response.media_type, json.loads(response.body)


def test_a_value_is_written_as_in_frames():
    assert read(json_response({"x": math.nan}, 201)) == (201, "application/json", {"x": None})
    with pytest.raises(EnvironmentFailed, match="no JSON form"):
        json_response(object())


@pytest.mark.anyio
async def test_an_error_has_its_status_and_text():
    assert read(await error_response(None, TaskNotFound("no task 9"))) == (
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
    assert read(await bad_request(None, RequestValidationError([mistake]))) == (
        422,
        "application/json",
        {"detail": [{"type": "int_type", "loc": ["body", "seed"], "msg": "no"}]},
    )
