"""Faults 12 and 13: which task is meant, and that HTTP and the WebSocket check it alike.

OpenEnv's server leaves all of this to the environment, so there its guide's way is taken: the five methods over lists.
"""

import pytest
from asking import HTTP, ask, open_session
from oracle_environments import one_question

ROWS = {
    "train": [{"question": f"q{n}", "answer": "a"} for n in range(3000)],
    "test": [{"question": "?", "answer": "a"}],
}
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]}


@pytest.fixture
def sound_url(sound_server, openenv, make_taskset):
    """Two splits of tasks; OpenEnv's environment selects them as its guide does."""

    def reset(self, seed=None, episode_id=None, question="", answer="", **kwargs):
        return type(self).models[1](question=question)

    members = {"reset": reset}
    if sound_server.role == "openenv":
        members |= {
            "list_splits": lambda self: list(ROWS),
            "list_tasks": lambda self, split: ROWS[split],
            "num_tasks": lambda self, split: len(ROWS[split]),
            "get_task": lambda self, split, index: ROWS[split][index],
            "get_task_range": lambda self, split, start=None, stop=None: ROWS[split][start:stop],
        }
        taskset = None
    else:
        taskset = make_taskset(ROWS, TASK, splits=["train", "test"])
    with sound_server.serve(one_question(openenv, **members), taskset) as url:
        yield url


def post(url, path, **body):
    return HTTP.post(f"{url}/quiz/{path}", json=body)


def reset(url, data):
    """How a reset() is answered, over the WebSocket and over HTTP."""
    with open_session(url) as websocket:
        return ask(websocket, "reset", data), HTTP.post(url + "/reset", json=data)


@pytest.mark.parametrize("seed", [-1, "abc", True, 1.5, 2**80], ids=str)
def test_a_seed_that_is_none_is_refused_on_both(sound_url, seed):
    answer, response = reset(sound_url, {"seed": seed})
    assert (answer["type"], answer["data"].get("code")) == ("error", "VALIDATION_ERROR")
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"index": -1}, 400),
        ({"index": 3000}, 400),
        ({"index": 10**30}, 400),
        ({"index": True}, 422),
        ({"index": "1"}, 422),
        ({"index": 1.5}, 422),
        ({"split": "dev"}, 404),
        ({"split": 7}, 422),
        ({"spilt": "test"}, 422),
    ],
    ids=str,
)
def test_a_task_that_is_none_is_refused_on_both(sound_url, data, status):
    answer, response = reset(sound_url, data)
    assert (answer["type"], answer["data"].get("code")) == ("error", "VALIDATION_ERROR")
    assert response.status_code == status


def test_an_argument_may_have_the_name_of_the_servers_own(sound_url):
    answer, response = reset(sound_url, {"index": 0, "self": 1, "func": 2})
    assert answer["type"] == "observation"
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tasks", {}),
        ("num_tasks", {}),
        ("task", {"index": 0}),
        ("task_range", {"start": 0, "stop": 1}),
    ],
)
def test_an_unknown_split_is_not_found(sound_url, path, body):
    response = post(sound_url, path, split="dev", **body)
    assert response.status_code == 404
    assert "'train', 'test'" in response.json()["detail"]


def test_a_negative_index_is_not_counted_from_the_end(sound_url):
    assert post(sound_url, "task", split="train", index=-1).status_code == 400


def test_nor_is_the_start_of_a_range(sound_url):
    assert post(sound_url, "task_range", split="train", start=-3).status_code == 400


@pytest.mark.parametrize("index", [True, "1", 1.0], ids=repr)
def test_what_is_no_integer_is_no_index(sound_url, index):
    assert post(sound_url, "task", split="train", index=index).status_code == 422


def test_a_list_of_tasks_is_a_page(sound_url):
    assert len(post(sound_url, "tasks", split="train").json()["tasks"]) == 1000


def test_a_range_of_tasks_is_at_most_a_page(sound_url):
    response = post(sound_url, "task_range", split="train")
    assert response.status_code == 422
    assert "at most 1000" in str(response.json()["detail"])
