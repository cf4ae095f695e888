"""The application: environments at the root and under prefixes, ids, modes, and errors that nobody foresaw."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from openenv_tasksets.declaration import RESERVED_IDS
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host


class Quiz:
    blocking = False

    def reset(self, question):
        return {"question": question}

    def step(self, action):
        return {"reward": 1.0, "done": True}

    @property
    def state(self):
        return {}

    def close(self):
        pass


@pytest.fixture
def host_of(make_taskset):
    def make(id_, environment=Quiz):
        taskset = make_taskset(
            [{"question": f"{id_}?"}], {"reset": {"question": "question"}, "visible": ["question"]}, id=id_
        )
        return Host(taskset, environment)

    return make


def asked(client, base):
    with client.websocket_connect(f"{base}/ws") as websocket:
        websocket.send_json({"type": "reset"})
        return websocket.receive_json()["data"]["observation"]["question"]


def test_one_environment_is_at_the_root_and_under_its_id(host_of):
    client = TestClient(create_app([host_of("sums")]))
    for base in ("", "/sums"):
        assert asked(client, base) == "sums?"
        assert client.get(f"{base}/health").json() == {"status": "healthy"}
        assert client.post(f"{base}/reset").json()["observation"] == {"question": "sums?"}
        assert client.get(f"{base}/list_environments").json() == ["sums"]
        assert client.post(f"{base}/sums/num_tasks", json={"split": "train"}).json() == {"num_tasks": 1}
        assert client.get(f"{base}/openapi.json").json()["info"]["version"] == "1.0.0"
        assert client.get(f"{base}/docs").status_code == 200


def test_several_environments_are_under_their_ids(host_of):
    client = TestClient(create_app([host_of("sums"), host_of("words")]))
    assert client.get("/list_environments").json() == ["sums", "words"]
    assert client.get("/health").json() == {"status": "healthy"}
    for name in ("sums", "words"):
        assert asked(client, f"/{name}") == f"{name}?"
        assert client.get(f"/{name}/list_environments").json() == [name]
        assert client.get(f"/{name}/splits").json() == [{"name": "train", "type": "train"}]
        assert client.get(f"/{name}/{name}/splits").json() == [{"name": "train", "type": "train"}]
        assert client.get(f"/{name}/metadata").json()["name"] == "Quiz"
    for path in ("/metadata", "/schema", "/state"):
        assert client.get(path).status_code == 404
    assert client.get("/sums/words/splits").status_code == 404


def test_an_application_of_somebody_s_has_it_below_a_path_of_its_own(host_of):
    outer = FastAPI()
    outer.mount("/environments", create_app([host_of("sums")]))
    client = TestClient(outer)
    for base in ("/environments", "/environments/sums"):
        assert asked(client, base) == "sums?"
        assert client.post(f"{base}/reset").json()["observation"] == {"question": "sums?"}
        assert client.get(f"{base}/list_environments").json() == ["sums"]


def test_hosts_share_no_sessions_and_no_positions(host_of):
    sums, words = host_of("sums"), host_of("words")
    client = TestClient(create_app([sums, words]))
    with client.websocket_connect("/sums/ws") as websocket:
        websocket.send_json({"type": "state"})
        websocket.receive_json()
        assert (sums.active_sessions, words.active_sessions) == (1, 0)


def test_without_an_environment_there_is_nothing_to_serve():
    with pytest.raises(TasksetError, match="there is no environment to serve"):
        create_app([])


def test_two_environments_of_one_id_are_refused_whatever_their_case(host_of):
    with pytest.raises(TasksetError, match="two environments have the id 'Sums'"):
        create_app([host_of("sums"), host_of("Sums")])


@pytest.mark.parametrize("id_", ["ws", "reset", "MCP", "Health", "list_environments", "web"])
def test_an_id_that_is_a_routes_name_is_refused(make_taskset, host_of, id_):
    host = host_of("sums")
    host.id = id_  # a declaration refuses it already
    with pytest.raises(TasksetError, match=f"environment id '{id_}' is the name of a server route; choose another id"):
        create_app([host])


def test_every_route_of_the_root_is_a_reserved_id(host_of):
    app = create_app([host_of("sums")])
    first_parts = {path.split("/")[1] for path in app.openapi()["paths"]} | {"ws", "docs", "redoc", "openapi.json"}
    assert first_parts - {"{env_name}"} <= RESERVED_IDS


@pytest.mark.parametrize(
    ("mode", "status"),
    [("simulation", 200), ("production", 404)],
)
def test_production_has_no_reset_step_and_state_over_http(host_of, mode, status):
    client = TestClient(create_app([host_of("sums")], mode=mode))
    for base in ("", "/sums"):
        assert client.post(f"{base}/reset").status_code == status
        assert client.get(f"{base}/state").status_code == status
        assert client.post(f"{base}/step", json={"action": {}}).status_code == status
        paths = client.get(f"{base}/openapi.json").json()["paths"]
        assert paths.keys() >= {"/health", "/metadata", "/schema", "/mcp"}
        assert ({"/reset", "/step", "/state"} <= paths.keys()) is (status == 200)
        assert asked(client, base) == "sums?"


def test_an_error_that_nobody_foresaw_is_json_with_an_id_and_no_text(host_of, caplog):
    host = host_of("sums")

    def broken(request):
        raise ValueError("c4n4ry")

    host.episode = broken
    client = TestClient(create_app([host]), raise_server_exceptions=False)
    for base in ("", "/sums"):
        response = client.post(f"{base}/reset")
        body = response.json()
        assert (response.status_code, body["detail"]) == (500, "internal error")
        assert body["error_id"] in caplog.text
    with client.websocket_connect("/ws") as websocket:
        websocket.send_json({"type": "reset"})
        data = websocket.receive_json()["data"]
        websocket.send_json({"type": "state"})
        assert websocket.receive_json()["type"] == "state"
    assert (data["message"], data["code"]) == ("internal error", "EXECUTION_ERROR")
    assert "c4n4ry" not in caplog.text
