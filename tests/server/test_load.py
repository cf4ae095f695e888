"""Servers of one stream, environments whose process is killed, and a server that stops."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from asking import HTTP, ask, ended, eventually
from plain_quiz import TASK, Apart, Quiz, rows
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings


@pytest.fixture(params=["fast", "plain"])
def transport(request):
    return request.param


def test_shards_of_a_stream_hand_out_each_task_of_an_epoch_once(make_taskset):
    taskset = make_taskset(rows(50), TASK)
    hosts = [Host(taskset, Quiz, settings=HostSettings(shard=(index, 3), start_position=50)) for index in range(3)]
    drawn = [host.select({}) for _ in range(17) for host in hosts]
    assert sorted(episode.position for episode in drawn) == list(range(50, 101))
    assert {episode.task.index for episode in drawn if episode.epoch == 1} == set(range(50))


@pytest.mark.anyio
async def test_shards_that_begin_anew_from_their_own_positions_go_on_with_the_epoch(make_taskset):
    taskset = make_taskset(rows(50), TASK)
    starts, drawn = [0, 0, 0], []
    # They are not equally far when they are stopped, and together have all of an epoch in the end.
    for counts in ((9, 4, 1), (8, 13, 15)):
        for index, count in enumerate(counts):
            host = Host(taskset, Quiz, settings=HostSettings(shard=(index, 3), start_position=starts[index]))
            with TestClient(create_app([host])) as client:
                drawn += [host.select({}) for _ in range(count)]
                lines = client.get("/metrics").text.splitlines()
            starts[index] = int(float(next(line for line in lines if 'split="train"' in line).split()[-1]))
    assert sorted(episode.position for episode in drawn) == list(range(50))
    assert sorted(episode.task.index for episode in drawn) == list(range(50))


@pytest.mark.parametrize("transport", ["fast", "plain"])
def test_an_environment_whose_process_is_killed_ends_its_episode_and_no_other(make_taskset, serve, transport):
    host = Host(make_taskset(rows(50), TASK), Apart, settings=HostSettings(max_sessions=2))
    with serve(create_app([host]), transport) as url:
        ws = url.replace("http", "ws") + "/ws"
        with connect(ws) as one, connect(ws) as other:
            for websocket in (one, other):
                ask(websocket, "reset", {"index": 4})
            killed = ask(one, "state")["data"]["pid"]
            os.kill(killed, signal.SIGKILL)
            error = ask(one, "step", {"answer": "a4"})["data"]
            assert error["code"] == "EXECUTION_ERROR"
            assert "killed by SIGKILL in step; reset() makes another" in error["message"]
            assert ask(one, "step", {"answer": "a4"})["data"]["code"] == "RESET_NEEDED"
            assert ask(other, "step", {"answer": "a4"})["data"]["reward"] == 1.0
            assert ask(one, "reset", {"index": 5})["type"] == "observation"
            assert ask(one, "state")["data"]["pid"] != killed
            assert ask(one, "step", {"answer": "a5"})["data"]["reward"] == 1.0


@pytest.mark.parametrize("transport", ["fast", "plain"])
def test_an_idle_environment_whose_process_is_killed_is_replaced_before_it_is_used(make_taskset, serve, transport):
    host = Host(make_taskset(rows(50), TASK), Apart)
    with serve(create_app([host]), transport) as url, connect(url.replace("http", "ws") + "/ws") as websocket:
        first = ask(websocket, "state")["data"]["pid"]
        for index in range(3):
            killed = ask(websocket, "state")["data"]["pid"]
            os.kill(killed, signal.SIGKILL)
            assert eventually(lambda pid=killed: not Path(f"/proc/{pid}").exists())
            assert ask(websocket, "reset", {"index": index})["data"]["observation"]["question"] == f"q{index}"
            assert ask(websocket, "step", {"answer": f"a{index}"})["data"]["reward"] == 1.0
        killed = ask(websocket, "state")["data"]["pid"]
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: not Path(f"/proc/{killed}").exists())
        # What it knew of the episode is lost, which has to be said.
        assert "killed by SIGKILL" in ask(websocket, "state")["data"]["message"]
        assert ask(websocket, "state")["data"]["pid"] not in (killed, first)
    assert host.counts.errors == {"EXECUTION_ERROR": 1}


def test_a_server_stops_when_every_environment_is_closed(make_taskset, serve, transport):
    closed = []

    class Lingers(Quiz):
        blocking = "thread"

        def close(self):
            time.sleep(2)  # longer than the server waits for connections
            closed.append(self.answer)

    with ExitStack() as stack:
        with serve(create_app([Host(make_taskset(rows(50), TASK), Lingers)]), transport) as url:
            websocket = stack.enter_context(connect(url.replace("http", "ws") + "/ws"))
            ask(websocket, "reset", {"index": 7})
        assert closed == ["a7"]


SERVER = """
import sys
from openenv_tasksets.declaration import Declaration
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.serve import serve
from openenv_tasksets.taskset import Taskset

class Quiz:
    blocking = False
    def reset(self, question):
        return {"question": question}
    def step(self, action):
        return {"done": bool(action.get("done"))}
    state = None
    def close(self):
        print("closed", flush=True)

openenv = {"min_version": ">=0.10.0", "package": "x"}
environment = {"id": "quiz", "task": {"reset": {"question": "question"}}, "frameworks": {"openenv": openenv}}
declaration = Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [environment]})
host = Host(Taskset.from_rows([{"question": "?"}], declaration), Quiz)
serve(create_app([host]), host="127.0.0.1", port=0, on_ready=lambda url: print(url, flush=True),
      transport=sys.argv[1], drain_seconds=float(sys.argv[2]))
"""


class Served:
    """A server process, its URL, and what it is told."""

    def __init__(self, transport, drain_seconds):
        command = [sys.executable, "-c", SERVER, transport, str(drain_seconds)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self.ws = self.url.replace("http", "ws") + "/ws"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def told(self, what):
        self.process.send_signal(what)


def test_told_to_stop_it_lets_running_episodes_finish_and_begins_none(transport):
    with Served(transport, 60) as server, connect(server.ws) as idle, connect(server.ws) as playing:
        assert ask(playing, "reset", {})["type"] == "observation"
        kept = HTTP.post(f"{server.url}/reset", json={}).json()["session_id"]
        server.told(signal.SIGTERM)
        assert ended(idle) == (
            {"message": "this session is over: the server is stopping", "code": "SESSION_ERROR"},
            1012,
        )
        with connect(server.ws) as late:
            error, code = ended(late)
            assert (error["code"], code) == ("SERVER_STOPPING", 1012)
        refused = HTTP.post(f"{server.url}/reset", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "SERVER_STOPPING")
        assert ask(playing, "reset", {})["data"]["code"] == "SERVER_STOPPING"
        assert ask(playing, "step", {})["data"]["done"] is False
        assert ask(playing, "step", {"done": True})["data"]["done"] is True
        assert ended(playing)[1] == 1012
        stepped = HTTP.post(f"{server.url}/step", json={"action": {"done": True}}, headers={"x-session-id": kept})
        assert stepped.json()["done"] is True
        out, err = server.process.communicate(timeout=60)
        assert (server.process.returncode, out.count("closed"), err) == (0, 3, "")


def test_what_is_not_finished_in_time_is_closed_as_by_a_restart(transport):
    with Served(transport, 0.3) as server, connect(server.ws) as playing:
        ask(playing, "reset", {})
        server.told(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as caught:
            playing.recv(timeout=30)
        assert caught.value.rcvd.code == 1012
        out, err = server.process.communicate(timeout=60)
        assert (server.process.returncode, out.count("closed"), err) == (0, 1, "")


def test_somebody_at_a_terminal_does_not_wait_for_episodes():
    with Served("fast", 600) as server, connect(server.ws) as playing:
        ask(playing, "reset", {})
        server.told(signal.SIGINT)
        with pytest.raises(ConnectionClosed):
            playing.recv(timeout=30)
        server.process.communicate(timeout=60)
        assert server.process.returncode == 0


def test_a_second_signal_ends_it_at_once():
    with Served("fast", 600) as server, connect(server.ws) as playing, connect(server.ws) as idle:
        ask(playing, "reset", {})
        server.told(signal.SIGTERM)
        ended(idle)
        server.told(signal.SIGTERM)
        server.process.communicate(timeout=60)
        assert server.process.returncode == 128 + signal.SIGTERM
