"""The Task API over HTTP."""

import threading

import pytest
from starlette.testclient import TestClient

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host


class Quiz:
    blocking = False

    def reset(self, question, answer):
        return {}

    def step(self, action):
        return {}

    state = None

    def close(self):
        pass


ROWS = [{"question": f"q{n}", "answer": "c4n4ry", "level": n} for n in range(1500)]
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"], "public": ["level"]}


@pytest.fixture(scope="module")
def client(make_taskset):
    rows = {"train": ROWS, "holdout": ROWS[:4]}
    taskset = make_taskset(rows, TASK, splits={"train": "train", "holdout": "validation"}, id="Sums")
    return TestClient(create_app([Host(taskset, Quiz)]))


def spec(split, index):
    return {"level": index, "id": f"{split}-{index}", "split": split, "index": index, "row": index}


@pytest.mark.parametrize("name", ["Sums", "sums", "SUMS"])
def test_an_environment_is_found_in_any_case_and_named_in_its_own(client, name):
    assert client.get(f"/{name}/splits").json() == [
        {"name": "train", "type": "train"},
        {"name": "holdout", "type": "validation"},
    ]
    tasks = client.post(f"/{name}/tasks", json={"split": "holdout"}).json()
    assert tasks == {"tasks": [spec("holdout", index) for index in range(4)], "env_name": "Sums"}


def test_environments_are_listed_as_they_are_named(client):
    assert client.get("/list_environments").json() == ["Sums"]


def test_lists_are_bounded_and_numbers_are_true(client):
    assert len(client.post("/Sums/tasks", json={"split": "train"}).json()["tasks"]) == 1000
    assert client.post("/Sums/num_tasks", json={"split": "train"}).json() == {"num_tasks": 1500}
    page = client.post("/Sums/task_range", json={"split": "train", "start": 1000, "stop": 2000}).json()["tasks"]
    assert page == [spec("train", index) for index in range(1000, 1500)]


@pytest.mark.parametrize(
    ("route", "body", "status", "said"),
    [
        ("task", {"split": "holdout", "index": 4}, 400, "no task 4 in split 'holdout'; allowed: [0, 4)"),
        ("task", {"split": "holdout", "index": -1}, 400, "no task -1"),
        ("task", {"split": "holdout", "index": 10**30}, 400, f"no task {10**30}"),
        ("task", {"split": "dev", "index": 0}, 404, "no split 'dev'"),
        ("task", {"split": "holdout", "index": True}, 422, "Input should be a valid integer"),
        ("task", {"split": "holdout", "index": 1.0}, 422, "Input should be a valid integer"),
        ("task", {"split": "holdout", "index": "1"}, 422, "Input should be a valid integer"),
        ("task", {"split": "holdout", "index": None}, 422, "Input should be a valid integer"),
        ("task", {"split": "holdout"}, 422, "Field required"),
        ("task", {"split": 3, "index": 0}, 422, "Input should be a valid string"),
        ("task", {"split": "holdout", "index": 0, "x": 1}, 422, "Extra inputs are not permitted"),
        ("tasks", {"split": "dev"}, 404, "no split 'dev'"),
        ("tasks", {}, 422, "Field required"),
        ("num_tasks", {"split": "dev"}, 404, "no split 'dev'"),
        ("task_range", {"split": "dev"}, 404, "no split 'dev'"),
        ("task_range", {"split": "train"}, 422, "a task range is at most 1000 tasks, not 1500"),
        ("task_range", {"split": "train", "start": 0, "stop": 10**30}, 422, "at most 1000 tasks, not 1500"),
        ("task_range", {"split": "train", "start": -3}, 400, "bounds of 0 or more, not [-3, None)"),
        ("task_range", {"split": "train", "stop": False}, 422, "Input should be a valid integer"),
    ],
)
def test_mistakes_have_a_status_and_say_what_they_are(client, route, body, status, said):
    answer = client.post(f"/Sums/{route}", json=body)
    detail = answer.json()["detail"]
    assert answer.status_code == status
    assert said in (detail[0]["msg"] if isinstance(detail, list) else detail)


@pytest.mark.parametrize("route", ["tasks", "num_tasks", "task", "task_range"])
def test_an_unknown_environment_is_not_found_but_a_malformed_body_is_said_first(client, route):
    answer = client.post(f"/nope/{route}", json={"split": "holdout", **({"index": 0} if route == "task" else {})})
    assert (answer.status_code, answer.json()) == (404, {"detail": "unknown environment 'nope'"})
    assert client.post(f"/nope/{route}", json={}).status_code == 422


def test_no_route_tells_a_bound_value(client):
    texts = [client.get("/Sums/splits").text]
    texts += [client.post(f"/Sums/{route}", json={"split": "train"}).text for route in ("tasks", "num_tasks")]
    texts.append(client.post("/Sums/task", json={"split": "train", "index": 0}).text)
    texts.append(client.post("/Sums/task_range", json={"split": "train", "start": 0, "stop": 9}).text)
    assert "c4n4ry" not in "".join(texts)
    assert "q0" not in "".join(texts)


def test_rows_are_read_off_the_event_loop(make_taskset):
    readers = set()

    class Rows:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            readers.add(threading.current_thread().name)
            return ROWS[index]

    taskset = make_taskset(Rows(), TASK)
    host = Host(taskset, Quiz)
    readers.clear()
    with TestClient(create_app([host])) as client:
        client.post("/quiz/task", json={"split": "train", "index": 0})
        client.post("/quiz/tasks", json={"split": "train"})
        client.post("/reset", json={"task_id": "train-1"})
        client.post("/reset", json={"index": 2})
    assert readers
    assert all(name.startswith("asyncio_") for name in readers)


def test_a_value_without_a_json_form_is_an_error_of_ours(make_taskset):
    taskset = make_taskset([{"question": "q", "answer": "a", "level": object()}], TASK)
    client = TestClient(create_app([Host(taskset, Quiz)]))
    answer = client.post("/quiz/task", json={"split": "train", "index": 0})
    assert (answer.status_code, answer.json()["detail"]) == (
        500,
        "the environment's answer cannot be written as JSON: type object has no JSON form",
    )
