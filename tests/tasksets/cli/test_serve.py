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
    options = ["--max-connections-per-address", 2, "--header-seconds", 0.3, "--request-seconds", 0.2]
    with serving(taskset, *options) as (url, _):
        port = int(url.rpartition(":")[2])
        for sent, detail in (
            (b"GET /health HTTP/1.1\r\n", "the request's headers did not come within 0.3 s"),
            (b"POST /reset HTTP/1.1\r\ncontent-length: 9\r\n\r\n", "the request's body did not come within 0.2 s"),
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


@pytest.mark.parametrize("shard", ["2/2", "0/0", "1", "-1/2", "a/b", "0/2/4", "1/"])
def test_a_shard_is_one_of_so_many(tasksets, taskset, taken_port, shard):
    result = tasksets("serve", taskset, "--port", taken_port, "--shard", shard)

    assert result.code == 2
    assert "is not I/C with 0 <= I < C, such as 0/4" in result.err


def test_with_a_queue_a_second_client_waits(taskset):
    options = ["--max-sessions", 1, "--queue", 1, "--queue-seconds", 60, "--max-rate", 2, "--drain-seconds", 0]
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
            assert ask(second, "state")["type"] == "state"
            assert ask(second, "state")["data"]["code"] == "RATE_EXCEEDED"


@pytest.fixture
def taken_port():
    """A port on which nothing can be served: should a check ever fail to refuse, a test ends all the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "example.org"])
def test_another_address_than_loopback_needs_the_user_s_word(tasksets, taskset, taken_port, address):
    result = tasksets("serve", taskset, "--host", address, "--port", taken_port)

    assert result.code == 1
    assert f"--host {address} lets other machines connect" in result.err
    assert "--allow-remote" in result.err


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost"])
def test_a_loopback_address_needs_no_word(tasksets, taskset, taken_port, address):
    result = tasksets("serve", taskset, "--host", address, "--port", taken_port)

    assert result.code == 1
    assert "cannot listen: Address already in use" in result.err
    assert result.err.endswith("; port 0 takes a free one\n")


def test_with_the_user_s_word_another_address_is_tried(tasksets, taskset):
    result = tasksets("serve", taskset, "--host", "192.0.2.1", "--allow-remote")

    assert result.code == 1
    assert "cannot listen: Cannot assign requested address" in result.err
    assert result.err.endswith("; 192.0.2.1 is not an address of this machine\n")


@pytest.mark.parametrize("blocking", ["inline", "thread", "pool", "process"])
def test_an_episode_is_played_wherever_the_operator_says(taskset, blocking):
    with (
        serving(taskset, "--split", "test", "--blocking", blocking) as (url, _),
        connect(f"{url.replace('http', 'ws')}/ws") as websocket,
    ):
        assert ask(websocket, "reset", {"index": 3})["data"]["observation"]["prompt"] == "What is 33 + 33?"
        assert ask(websocket, "step", {"answer": "it is 66"})["data"]["reward"] == 1.0


@pytest.mark.parametrize(("blocking", "is_said"), [("pool", "'pool'"), ("inline", "False")])
def test_a_server_is_not_told_where_its_calls_run(tasksets, taskset, taken_port, blocking, is_said):
    ended = tasksets("serve", taskset, "--port", taken_port, "--runtime", "http://127.0.0.1:1", "--blocking", blocking)
    assert ended.code == 1
    assert f"is played by a server, which decides where its calls run; leave blocking = {is_said} out" in ended.err


def test_an_unknown_environment_is_an_error_with_those_that_exist(tasksets, taskset, taken_port):
    result = tasksets("serve", taskset, "--port", taken_port, "--environment", "sum")

    assert result.code == 1
    assert "no environment 'sum'; did you mean 'sums'?" in result.err


def test_a_data_folder_goes_with_one_taskset(tasksets, taskset, tmp_path, taken_port):
    result = tasksets("serve", taskset, tmp_path, "--data-dir", tmp_path, "--port", taken_port)

    assert result.code == 2
    assert "--data-dir goes with one TASKSET" in result.err


@pytest.fixture
def edited(taskset):
    """``edited(old, new)``: the taskset with its environment.yaml changed."""

    def edit(old, new):
        file = taskset / "environment.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        return taskset

    return edit


def test_code_from_rows_runs_only_with_the_user_s_word(tasksets, folder, taken_port):
    root = folder(train=[{"prompt": "def f():", "entry_point": "f", "test": "def check(f): pass"}])
    tasksets("init", root, "--environment", "humaneval", "--id", "code")

    refused = tasksets("serve", root, "--port", taken_port, "--allow-execution", "other")

    assert refused.code == 1
    assert "allow it with --allow-execution code" in refused.err
    taken = tasksets("serve", root, "--allow-execution", "code", "--port", taken_port)
    assert "cannot listen" in taken.err


def test_a_secret_is_given_only_with_the_user_s_word(tasksets, edited, monkeypatch, taken_port):
    root = edited("arguments: {checker: number}", "arguments: {checker: number}\n        secrets: [MY_KEY]")
    monkeypatch.setenv("MY_KEY", "hunter2")

    refused = tasksets("serve", root, "--port", taken_port)

    assert refused.code == 1
    assert "--allow-secret MY_KEY" in refused.err
    assert "hunter2" not in refused.err
    taken = tasksets("serve", root, "--allow-secret", "MY_KEY", "--port", taken_port)
    assert "cannot listen" in taken.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("environment: answer", "environment: anwser"), "no environment 'anwser'; did you mean 'answer'?"),
        (("answer: answer}", "answer: anwser}"), "no column 'anwser'; did you mean 'answer'?"),
        (("prompt: question, ", ""), "environment.yaml:8"),
        (("prompt: question, ", "prompt: question, hint: topic, "), "no reset() argument 'hint'"),
        (("id: sums", "id: docs"), "environment.yaml:3"),
    ],
    ids=["environment", "column", "visible", "argument", "id"],
)
def test_what_is_wrong_is_said_before_a_port_is_opened(tasksets, edited, taken_port, change, said):
    result = tasksets("serve", edited(*change), "--port", taken_port)

    assert result.code == 1
    assert said in result.err
    assert result.out == ""


def test_an_environment_without_an_openenv_block_cannot_be_served(tasksets, edited, taken_port):
    text = 'openenv:\n        min_version: ">=0.10.0"\n        package: openenv-tasksets\n'
    root = edited(text, "verifiers:\n        x: y\n")

    result = tasksets("serve", root, "--port", taken_port)

    assert result.code == 1
    assert "declares no frameworks.openenv block" in result.err


def test_environments_that_no_package_runs_are_left_out_and_named(tasksets, taskset, taken_port):
    file = taskset / "environment.yaml"
    head, _, body = file.read_text().partition("  - id: sums")
    package = "package: openenv-tasksets\n        environment: answer\n        arguments: {checker: number}\n"
    far = body.replace(package, "image: acme/sums:1\n")
    assert far != body
    file.write_text(f"{head}  - id: far{far}  - id: sums{body}")

    result = tasksets("serve", taskset, "--port", taken_port)
    left_out, stopped = result.err.splitlines()
    assert left_out == (
        "left out: environment 'far' runs from the image 'acme/sums:1'; ask for it with --environment far"
    )
    assert stopped.startswith("cannot listen: ")

    for options in (["--environment", "far"], ["--environment", "far", "--environment", "sums"]):
        named = tasksets("serve", taskset, "--port", taken_port, *options)
        assert named.code == 1
        assert (
            named.err
            == "environment 'far' runs the container image acme/sums:1: allow it with --allow-image acme/sums:1\n"
        )

    file.write_text(f"{head}  - id: far{far}")
    alone = tasksets("serve", taskset, "--port", taken_port)
    assert (alone.code, alone.out) == (1, "")
    assert "--allow-image acme/sums:1" in alone.err


def test_ignored_keys_of_a_newer_version_are_said_once(tasksets, taskset, taken_port, tmp_path, monkeypatch):
    file = taskset / "environment.yaml"
    text = file.read_text().replace("env-0.1", "env-0.2").replace("      id: key\n", "      id: key\n      colour: 1\n")
    file.write_text(text + text[text.index("  - id: sums") :].replace("id: sums", "id: more"))
    (tmp_path / "one_policy.py").write_text("def one(seen):\n    return '1'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])

    for command in (
        ("serve", taskset, "--port", taken_port),
        ("show", taskset, "--environment", "sums"),
        ("run", taskset, "--environment", "more", "--policy", "one_policy:one", "--limit", 1),
    ):
        told = tasksets(*command).err
        assert told.count("environments[0].task.colour: ignored: ") == 1
        assert told.count("environments[1].task.colour: ignored: ") == 1


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


def test_conditions_that_leave_no_task_are_refused(tasksets, taskset, taken_port):
    result = tasksets("serve", taskset, "--port", taken_port, "--where", "level>99")

    assert result.code == 1
    assert "no task of split 'train' passes level>99" in result.err


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


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--trainer-token-env", "NO_SUCH"], 1, "--trainer-token-env NO_SUCH: there is no such environment variable"),
        (["--trainer-token-env", "SHORT"], 1, "16 to 512 letters, digits and ._~+-"),
        (["--trainer-token-file", "/no/such"], 1, "--trainer-token-file /no/such: No such file or directory"),
        (["--trainer-token-file", "x", "--trainer-token-env", "SHORT"], 2, "in a variable or in a file"),
        (["--allow-origin", "lab.example"], 1, "'lab.example' is no origin"),
    ],
)
def test_a_token_or_an_origin_that_is_none_is_an_error(
    tasksets, taskset, taken_port, monkeypatch, options, code, message
):
    monkeypatch.setenv("SHORT", "hunter2")

    result = tasksets("serve", taskset, "--port", taken_port, *options)

    assert (result.code, message in " ".join(result.err.split())) == (code, True)
    assert "hunter2" not in result.err
    # What is read from a variable is not left for others to read.
    assert ("SHORT" in os.environ) is (options[:2] != ["--trainer-token-env", "SHORT"])


def test_another_address_is_served_with_a_token_without_further_words(tasksets, taskset, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", TOKEN)

    result = tasksets("serve", taskset, "--host", "192.0.2.1", "--trainer-token-env", "MY_TOKEN")

    assert "cannot listen: Cannot assign requested address" in result.err
