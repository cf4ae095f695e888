"""Requests made up from the OpenAPI document, and worse ones: an answer to each, and never a 500."""

import pytest
import schemathesis
from fuzzing import some, very_many
from hypothesis import given
from hypothesis import strategies as st
from made_up_json import objects, text_of, values
from plain_quiz import TASK, Quiz, rows
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import get_client
from starlette.testclient import TestClient

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host


@pytest.fixture(scope="module")
def app(make_taskset):
    return create_app([Host(make_taskset({"train": rows(9), "test": rows(9)}, TASK, splits=["train", "test"]), Quiz)])


@pytest.fixture(scope="module")
def client(app):
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def caller(app):
    """One client for all requests, so that sessions outlive them."""
    with get_client(app) as caller:
        yield caller


@pytest.fixture(scope="module")
def requests(app):
    """Requests that the application's own document allows, and such that it forbids."""
    operations = [each.ok() for each in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()]
    assert len(operations) > 10
    return st.one_of([each.as_strategy(generation_mode=mode) for each in operations for mode in GenerationMode])


@given(data=st.data())
@some(200)
def test_no_request_is_the_servers_mistake(caller, requests, data):
    data.draw(requests).call_and_validate(session=caller, checks=[not_a_server_error])


@very_many(10)
@given(data=st.data())
def test_no_request_of_very_many_is_the_servers_mistake(caller, requests, data):
    data.draw(requests).call_and_validate(session=caller, checks=[not_a_server_error])


PATHS = ["/reset", "/step", "/state", "/mcp", "/quiz/reset", "/quiz/task", "/quiz/tasks", "/quiz/num_tasks", "/metrics"]
BODIES = st.binary(max_size=60) | (values | objects | st.fixed_dictionaries({"action": objects})).map(
    lambda value: text_of(value).encode()
)


def check(client, path, body):
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code < 500, (answer.status_code, answer.text)


@given(path=st.sampled_from(PATHS), body=BODIES)
@some(200)
def test_no_body_is_the_servers_mistake(client, path, body):
    check(client, path, body)


@very_many(20)
@given(path=st.sampled_from(PATHS), body=BODIES)
def test_none_of_very_many_bodies_is_the_servers_mistake(client, path, body):
    check(client, path, body)
