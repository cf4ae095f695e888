"""A server's Task API over HTTP, against a small server on loopback."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from small_server import Answer, Asked, small_server

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.report import Label
from openenv_tasksets.target import RemoteTarget
from openenv_tasksets.task_client import ServerUnusable, TaskClient


class ScriptedServer:
    """Answers each path with what ``answers`` has for it: JSON, or a status and a body."""

    url: str

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []

    def answer(self, request: Asked) -> Answer:
        body = json.loads(request.body) if request.body else None
        self.asked.append((request.path, body))
        answer = self.answers.get(request.path, (404, {"detail": "Not Found"}))
        if callable(answer):
            answer = answer(body)
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        return status, {}, value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server of one environment with 2,300 tasks, one of which cannot be read."""
    scripted = ScriptedServer()

    def spec(index: int) -> dict[str, Any]:
        return {"id": f"id-{index}", "index": index, "difficulty": index % 3, "group": ["a", "b"]}

    def task(body: Mapping[str, Any]) -> Any:
        return (500, {"detail": "the row"}) if body["index"] == 1500 else {"task": spec(body["index"])}

    def task_range(body: Mapping[str, Any]) -> Any:
        indices = range(body["start"], body["stop"])
        return (500, {"detail": "a row"}) if 1500 in indices else {"tasks": [spec(index) for index in indices]}

    scripted.answers = {
        "/list_environments": ["Quiz"],
        "/schema": {"action": {"type": "object"}},
        "/Quiz/splits": [{"name": "test", "type": "test"}, {"name": "train", "type": "train"}],
        "/Quiz/num_tasks": {"num_tasks": 2300},
        "/Quiz/task": task,
        "/Quiz/task_range": task_range,
    }
    with small_server(scripted.answer) as scripted.url:
        yield scripted


def test_the_one_environment_need_not_be_named(server: ScriptedServer) -> None:
    client = TaskClient(server.url + "/")
    assert (client.environment, client.base_url) == ("Quiz", server.url)
    assert TaskClient(server.url, "quiz").environment == "Quiz"


def test_one_of_several_environments_is_named_and_has_routes_of_its_own(server: ScriptedServer) -> None:
    server.answers["/list_environments"] = ["one", "two"]
    assert TaskClient(server.url, "two").base_url == f"{server.url}/two"
    with pytest.raises(
        SelectionError, match=r"several environments; name one with --environment. There are: 'one', 'two'"
    ):
        TaskClient(server.url)
    with pytest.raises(SelectionError, match="serves no environment 'tow'; did you mean 'two'"):
        TaskClient(server.url, "tow")


def test_splits_are_named_as_the_server_does(server: ScriptedServer) -> None:
    client = TaskClient(server.url)
    assert client.splits() == ["test", "train"]
    assert client.resolve_split(None) == "train"
    assert client.resolve_split("test") == "test"
    with pytest.raises(SelectionError, match="no split 'tets'; did you mean 'test'"):
        client.resolve_split("tets")
    server.answers["/Quiz/splits"] = [{"name": "holdout", "type": "validation"}]
    assert client.resolve_split(None) == "holdout"


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("/list_environments", (404, {"detail": "Not Found"}), r"404 Not Found: is there a server of tasks\?"),
        ("/list_environments", b"<html>", "no answer from .*/list_environments"),
        ("/list_environments", {"a": 1}, "the server's answer is not a list: it has no OpenEnv Task API"),
        ("/Quiz/num_tasks", (501, {"detail": "no"}), "501 Not Implemented: this server does not list its tasks"),
        ("/Quiz/num_tasks", (500, {"detail": "it broke"}), "500 Internal Server Error: it broke"),
        ("/Quiz/num_tasks", (500, b"oops"), "500 Internal Server Error: the body says no more"),
        ("/Quiz/num_tasks", {"num_tasks": "many"}, "not a int"),
        ("/Quiz/num_tasks", [], "not a dict"),
    ],
)
def test_a_server_that_is_none(server: ScriptedServer, path: str, answer: Any, told: str) -> None:
    server.answers[path] = answer
    with pytest.raises(ServerUnusable, match=told):
        TaskClient(server.url).num_tasks("test")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(ServerUnusable, match=r"no answer from http://127.0.0.1:1/list_environments: .*refused"):
        TaskClient("http://127.0.0.1:1")


@pytest.fixture
def target(server: ScriptedServer) -> RemoteTarget:
    return RemoteTarget(TaskClient(server.url), "test")


def asked(server: ScriptedServer, route: str) -> list[Any]:
    return [body for path, body in server.asked if path == f"/Quiz/{route}"]


def test_neighbours_are_asked_for_a_page_at_a_time(server: ScriptedServer, target: RemoteTarget) -> None:
    specs = list(target.specs(target.indices()[200:1400]))
    assert [(spec.id, spec.index, spec.difficulty) for spec in specs[:2]] == [("id-200", 200, 2), ("id-201", 201, 0)]
    assert [spec.index for spec in specs] == list(range(200, 1400))
    assert asked(server, "task_range") == [
        {"split": "test", "start": 200, "stop": 1200},
        {"split": "test", "start": 1200, "stop": 1400},
    ]
    assert asked(server, "task") == []


def test_pages_are_asked_for_when_they_are_needed(server: ScriptedServer, target: RemoteTarget) -> None:
    next(target.specs(range(2300)))
    assert len(asked(server, "task_range")) == 1


def test_a_task_that_cannot_be_read_is_known_by_its_index(target: RemoteTarget) -> None:
    specs = {spec.index: spec for spec in target.specs(range(1498, 1502))}
    label: Label = specs[1500].difficulty
    assert (specs[1500].id, label) == ("test-1500", None)
    assert (specs[1501].id, specs[1501].group) == ("id-1501", "['a', 'b']")


def test_a_shuffle_is_a_permutation_that_its_seed_determines(server: ScriptedServer, target: RemoteTarget) -> None:
    first, again, other = (list(target.indices(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(first) == sorted(other) == list(range(2300))
    assert [spec.index for spec in target.specs(target.indices(1)[:3])] == first[:3]


def test_an_empty_split_has_no_indices(server: ScriptedServer, target: RemoteTarget) -> None:
    server.answers["/Quiz/num_tasks"] = {"num_tasks": 0}
    assert (list(target.indices()), list(target.indices(1))) == ([], [])


def test_a_server_that_is_gone_is_not_taken_for_a_bad_row(server: ScriptedServer, target: RemoteTarget) -> None:
    server.answers["/Quiz/task_range"] = b"<html>"
    server.answers["/Quiz/task"] = b"<html>"
    with pytest.raises(ServerUnusable, match="no answer"):
        list(target.specs(range(3)))
    with pytest.raises(ServerUnusable, match="no answer"):
        list(target.specs([2, 1]))
