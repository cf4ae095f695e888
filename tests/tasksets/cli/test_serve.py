"""``tasksets serve``, for real: a process, its URL from stdout, episodes over the wire, and a signal to end it."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from websockets.sync.client import connect

TIMEOUT_S = 60


@contextmanager
def serving(*arguments, stop=signal.SIGTERM, **variables):
    """Yields the URL and the process; ends it by a signal and checks that it ends well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "openenv_tasksets.cli", "serve", "--port", "0", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    talk: list[str] = []
    try:
        url = process.stdout.readline().strip()
        assert url, process.stderr.read()
        yield url, talk
        process.send_signal(stop)
        out, err = process.communicate(timeout=TIMEOUT_S)
        talk.append(err)
        assert process.returncode == 0, err
        assert out == "", "the URL is the only line on stdout"
        assert "Traceback" not in err
    finally:
        process.kill()
        process.wait()


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as response:
        return json.load(response)


def ask(websocket, kind, data=None):
    websocket.send(json.dumps({"type": kind} if data is None else {"type": kind, "data": data}))
    return json.loads(websocket.recv(timeout=TIMEOUT_S))


def test_an_episode_is_played_over_the_printed_url(taskset):
    with serving(taskset, "--split", "test", "--start-position", 2, "--shuffle-seed", 5) as (url, talk):
        assert get(f"{url}/health") == {"status": "healthy"}
        with connect(f"{url.replace('http', 'ws')}/ws") as websocket:
            first = ask(websocket, "reset", {"index": 3})
            assert first["data"]["observation"]["prompt"] == "What is 33 + 33?"
            last = ask(websocket, "step", {"answer": "it is 66"})
            assert (last["data"]["reward"], last["data"]["done"]) == (1.0, True)
            ask(websocket, "reset", {})
            state = ask(websocket, "state")["data"]
            assert (state["split"], state["position"]) == ("test", 2)

    assert f"sums: {url}\n" in talk[0]
    assert "splits: train (30 tasks), test (10 tasks); default: test" in talk[0]
    assert f'with GenericEnvClient(base_url="{url}").sync() as env:' in talk[0]


def test_several_tasksets_are_served_in_one_process_with_what_the_options_say(taskset, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "environment.yaml").write_text((taskset / "environment.yaml").read_text().replace("id: sums", "id: two"))
    for name in ("train.jsonl", "test.jsonl"):
        (other / name).write_text((taskset / name).read_text())
    options = ["--where", "topic=doubles", "--unseeded", "refuse", "--strict-reset", "--max-sessions", 1]

    with serving(taskset, other, *options, "--mode", "production", stop=signal.SIGINT) as (url, talk):
        assert get(f"{url}/list_environments") == ["sums", "two"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{url}/two/state")
        with connect(f"{url.replace('http', 'ws')}/two/ws") as websocket:
            assert "refuses a reset() that names no task" in ask(websocket, "reset", {})["data"]["message"]
            assert "strict" in ask(websocket, "reset", {"index": 0, "colour": 1})["data"]["message"]
            assert ask(websocket, "reset", {"index": 0})["data"]["observation"]["prompt"] == "What is 1 + 1?"
            with connect(f"{url.replace('http', 'ws')}/two/ws") as second:
                assert json.loads(second.recv(timeout=TIMEOUT_S))["data"]["code"] == "CAPACITY_REACHED"

    assert f"sums: {url}/sums\n" in talk[0]
    assert f"two: {url}/two\n" in talk[0]
    assert "splits: train (15 tasks), test (5 tasks)" in talk[0]


def test_a_program_reads_json_lines(taskset):
    with (
        serving(taskset, "--log-format", "json") as (url, talk),
        connect(f"{url.replace('http', 'ws')}/ws") as websocket,
    ):
        ask(websocket, "reset", {"index": 3})
        ask(websocket, "step", {"answer": "it is 66"})
        websocket.close()

    lines = [json.loads(line) for line in talk[0].splitlines()]
    assert all({"time", "level", "logger", "event"} <= line.keys() for line in lines)
    events = {line["event"]: line for line in lines if "environment" in line}
    assert (events["serving"]["url"], events["serving"]["environment"]) == (url, "sums")
    began, ended = events["episode began"], events["episode ended"]
    assert (began["split"], began["index"], began["session_id"]) == ("train", 3, events["session opened"]["session_id"])
    assert (ended["task_id"], ended["steps"]) == (began["task_id"], 1)
    assert "session ended" in events


def test_two_servers_share_a_stream(taskset):
    drawn = []
    for shard in ("0/2", "1/2"):
        with serving(taskset, "--shard", shard, "--start-position", 4) as (url, _):
            with connect(f"{url.replace('http', 'ws')}/ws") as websocket:
                for _ in range(3):
                    ask(websocket, "reset", {})
                    drawn.append(ask(websocket, "state")["data"]["position"])
            with urllib.request.urlopen(f"{url}/metrics", timeout=TIMEOUT_S) as response:
                (line,) = [line for line in response.read().decode().splitlines() if 'split="train"' in line]
            assert float(line.split()[-1]) == drawn[-1] + 2
    assert drawn == [4, 6, 8, 5, 7, 9]


def next_position(url, split):
    with urllib.request.urlopen(f"{url}/metrics", timeout=TIMEOUT_S) as response:
        lines = [line for line in response.read().decode().splitlines() if f'split="{split}"' in line]
    return int(float(lines[0].split()[-1]))


def test_a_server_that_is_started_anew_goes_on_with_the_epoch(taskset):
    drawn, start = [], 0
    for count in (18, 12):  # an epoch is of 30 tasks
        with serving(taskset, "--start-position", start) as (url, _):
            with connect(f"{url.replace('http', 'ws')}/ws") as websocket:
                for _ in range(count):
                    ask(websocket, "reset", {})
                    state = ask(websocket, "state")["data"]
                    drawn.append((state["position"], state["index"]))
            start = next_position(url, "train")
    assert [position for position, _ in drawn] == list(range(30))
    assert sorted(index for _, index in drawn) == list(range(30))


def test_connections_are_limited_as_the_options_say(taskset):
    options = ["--max-connections-per-address", 2, "--header-seconds", 1, "--request-seconds", 1]
    with serving(taskset, *options) as (url, _):
        port = int(url.rpartition(":")[2])
        for sent, detail in (
            (b"GET /health HTTP/1.1\r\n", "the request's headers did not come within 1 s"),
            (b"POST /reset HTTP/1.1\r\ncontent-length: 9\r\n\r\n", "the request's body did not come within 1 s"),
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as slow:
                slow.sendall(sent)
                assert detail.encode() in whole(slow)
        ws = f"ws://127.0.0.1:{port}/ws"
        with connect(ws), connect(ws), socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as third:
            assert b"this address has 2 connections, and may have no more" in whole(third)


def test_a_request_with_garbage_behind_it_leaves_no_trace_in_the_log(taskset):
    with serving(taskset) as (url, talk):
        for line in (b"GET /metadata", b"POST /reset") * 10:
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=TIMEOUT_S) as connection:
                request = line + b" HTTP/1.1\r\nhost: x\r\n\r\n"
                connection.sendall(request + request + b"\x00garbage\r\n")
                assert whole(connection).startswith(b"HTTP/1.1 400 ")
    assert "Exception" not in talk[0]


def whole(connection):
    data = b""
    while piece := connection.recv(2**16):
        data += piece
    return data


def test_with_a_queue_a_second_client_waits(taskset):
    options = ["--max-sessions", 1, "--queue", 1, "--queue-seconds", 60, "--max-rate", 0.01, "--drain-seconds", 0]
    with serving(taskset, *options, "--max-connections", 3) as (url, _):
        ws = f"{url.replace('http', 'ws')}/ws"
        with connect(ws) as first, connect(ws) as second:
            second.send('{"type":"state"}')
            with pytest.raises(TimeoutError):
                second.recv(timeout=0.3)
            with connect(ws) as third:
                assert json.loads(third.recv(timeout=TIMEOUT_S))["data"]["code"] == "CAPACITY_REACHED"
            first.close()
            assert json.loads(second.recv(timeout=TIMEOUT_S))["type"] == "state"
            assert ask(second, "state")["data"]["code"] == "RATE_EXCEEDED"


@pytest.mark.parametrize(
    "blocking", [*(pytest.param(each, marks=pytest.mark.slow) for each in ("inline", "thread")), "pool", "process"]
)
def test_an_episode_is_played_wherever_the_operator_says(taskset, blocking):
    with (
        serving(taskset, "--split", "test", "--blocking", blocking) as (url, _),
        connect(f"{url.replace('http', 'ws')}/ws") as websocket,
    ):
        assert ask(websocket, "reset", {"index": 3})["data"]["observation"]["prompt"] == "What is 33 + 33?"
        assert ask(websocket, "step", {"answer": "it is 66"})["data"]["reward"] == 1.0


def test_an_example_is_of_a_split_with_tasks(taskset):
    (taskset / "train.jsonl").write_text("")
    with serving(taskset) as (_, talk):
        pass
    assert "default: train" in talk[0]
    assert 'env.reset(split="test", index=0)' in talk[0]

    (taskset / "test.jsonl").write_text("")
    with serving(taskset) as (_, talk):
        pass
    assert "there is no task" in talk[0]
    assert "env.reset" not in talk[0]


TOKEN = "a-token-of-the-trainer"


@pytest.mark.parametrize("by", ["variable", "file"])
def test_a_trainers_token_is_needed_where_one_is_set_and_never_said(taskset, tmp_path, by):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    options = ["--trainer-token-env", "MY_TOKEN"] if by == "variable" else ["--trainer-token-file", tmp_path / "token"]

    with serving(taskset, *options, "--host", "0.0.0.0", MY_TOKEN=TOKEN) as (url, talk):
        url = url.replace("0.0.0.0", "127.0.0.1")
        assert get(f"{url}/health") == {"status": "healthy"}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(f"{url}/list_environments")
        assert get(f"{url}/list_environments", Authorization=f"Bearer {TOKEN}") == ["sums"]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(f"{url}/list_environments", Authorization=f"Bearer {TOKEN}", Origin="https://evil.example")

    assert 'headers={"Authorization": f"Bearer {token}"}' in talk[0]
    assert TOKEN not in talk[0]


def test_a_page_may_ask_where_it_is_allowed(taskset):
    with serving(taskset, "--allow-origin", "https://lab.example") as (url, _):
        assert get(f"{url}/list_environments", Origin="https://lab.example") == ["sums"]
