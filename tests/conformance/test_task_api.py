"""The Task API beyond single bodies."""

import httpx
import pytest
from asking import HTTP
from oracle_environments import one_question


def post(url, path, **body):
    return HTTP.post(f"{url}/quiz/{path}", json=body)


def test_the_methods_agree_with_each_other(url):
    for split in HTTP.get(url + "/quiz/splits").json():
        name = split["name"]
        size = post(url, "num_tasks", split=name).json()["num_tasks"]
        tasks = post(url, "tasks", split=name).json()["tasks"]
        assert tasks == [post(url, "task", split=name, index=index).json()["task"] for index in range(size)]
        pages = [post(url, "task_range", split=name, start=at, stop=at + 3).json()["tasks"] for at in range(0, size, 3)]
        assert [task for page in pages for task in page] == tasks


@pytest.mark.parametrize(("path", "method"), [("tasks", "POST"), ("task", "POST"), ("splits", "GET")])
def test_another_method_is_told_the_right_one(url, path, method):
    assert httpx.patch(f"{url}/quiz/{path}").headers["allow"] == method


def test_nothing_that_a_task_hides_is_listed(url):
    for split in ("train", "test"):
        assert "c4n4ry" not in post(url, "tasks", split=split).text


def test_it_needs_no_session(server, quiz_environment, quiz_taskset):
    from asking import ask, open_session

    with server.serve(quiz_environment, quiz_taskset, max_sessions=1) as url, open_session(url) as websocket:
        assert ask(websocket, "state")["type"] == "state"
        assert post(url, "num_tasks", split="test").json() == {"num_tasks": 5}


@pytest.mark.parametrize("index", [0, 4])
def test_a_listed_task_is_the_one_that_a_reset_to_its_index_plays(url, index):
    from asking import ask, open_session

    task = post(url, "task", split="test", index=index).json()["task"]
    with open_session(url) as websocket:
        ask(websocket, "reset", {"split": task["split"], "index": task["index"]})
        assert ask(websocket, "state")["data"]["task_id"] == task["id"]


def test_an_environment_that_has_no_tasks_says_so_with_501(openenv, quiz_taskset):
    """Only OpenEnv's server can be without: ours always serves a taskset."""
    from servers import OpenEnvServer

    with OpenEnvServer(openenv).serve(one_question(openenv)) as url:
        response = post(url, "num_tasks", split="test")
    assert (response.status_code, response.json()) == (
        501,
        {"detail": "num_tasks is not supported for this environment"},
    )
