"""``--runtime`` and its kin: where the rows are sent, with whose word, and what is proven before."""

import json
import os
import socket
import subprocess
import sys

import pytest
from asking import ask, open_session
from odd_upstream import STATE, OddUpstream, shown

from openenv_tasksets.consent import Consent

ACTION = {"title": "Said", "type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def sums(_number, frame):
    """Asks and judges."""
    if frame["type"] == "reset":
        sums.answer = frame["data"]["answer"]
        return shown(frame["data"]["prompt"])
    if frame["type"] == "step":
        return shown(None, reward=float(frame["data"]["answer"] == sums.answer), done=True)
    return STATE


def deaf(_number, frame):
    """Asks something of its own."""
    return shown("of its own") if frame["type"] == "reset" else STATE


@pytest.fixture
def upstream():
    with OddUpstream(sums).serving() as odd:
        odd.pages["/schema"] = (200, json.dumps({"action": ACTION, "observation": {}, "state": {}}))
        yield odd


@pytest.fixture
def policy(tmp_path, monkeypatch):
    (tmp_path / "far_policy.py").write_text(
        "import re\ndef right(seen):\n    return str(2 * int(re.search('[0-9]+', seen['question'])[0]))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "far_policy:right"
    sys.modules.pop("far_policy", None)


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_tasks_are_played_at_the_url(tasksets, taskset, upstream, policy):
    done = tasksets("run", taskset, "--policy", policy, "--split", "test", "--runtime", upstream.url, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["total"]["mean_reward"] == 1.0
    assert upstream.connections >= 3


def test_they_are_served_from_there(taskset, upstream):
    options = ["--port", "0", "--runtime", upstream.url, "--runtime-token-env", "FAR_TOKEN"]
    process = subprocess.Popen(
        [sys.executable, "-m", "openenv_tasksets.cli", "serve", taskset, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FAR_TOKEN": "t0ken"},
    )
    with process:
        try:
            url = process.stdout.readline().strip()
            with open_session(url) as websocket:
                assert ask(websocket, "reset", {"index": 3})["data"]["observation"]["question"] == "What is 3 + 3?"
                assert ask(websocket, "step", {"answer": "6"})["data"]["reward"] == 1.0
        finally:
            process.terminate()
        talk = process.communicate(timeout=60)[1]
    assert process.returncode == 0, talk
    assert {headers.get("Authorization") for headers in upstream.headers} == {"Bearer t0ken"}
    assert "t0ken" not in talk


def test_a_url_that_the_user_types_is_the_word_for_its_host(tasksets, taskset, upstream, policy):
    elsewhere = upstream.url.replace("127.0.0.1", "0.0.0.0")
    done = tasksets("run", taskset, "--policy", policy, "--limit", 1, "--runtime", elsewhere)
    assert done.code == 0, done.err


def test_a_space_that_the_file_names_needs_the_users_word(tasksets, taskset, taken_port):
    file = taskset / "environment.yaml"
    package = "package: openenv-tasksets\n        environment: answer\n        arguments: {checker: number}\n"
    text = file.read_text().replace(package, "space_id: Acme/Sums\n")
    file.write_text(text)
    refused = tasksets("serve", taskset, "--port", taken_port)
    assert refused.code == 1
    assert refused.err == (
        "environment 'sums' runs on acme-sums.hf.space, so its rows, hidden values among them, would be sent there: "
        "allow it with --allow-host acme-sums.hf.space\n"
    )


@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_server_that_ignores_the_rows_is_refused(tasksets, taskset, policy, taken_port, command):
    options = ["--policy", policy, "--limit", 1] if command == "run" else ["--port", taken_port]
    with OddUpstream(deaf).serving() as odd:
        refused = tasksets(command, taskset, *options, "--runtime", odd.url)
        assert refused.code == 1
        assert refused.out == ""
        assert "may ignore what the task binds: answer, prompt" in refused.err
        allowed = tasksets(command, taskset, *options, "--runtime", odd.url, "--allow-unproven")
        assert "Check the names under task.reset" not in allowed.err.partition("cannot listen")[2]
        assert allowed.code == 4 if command == "run" else "cannot listen" in allowed.err


def test_what_is_no_url_or_no_token_is_an_error(tasksets, taskset):
    assert "a runtime's URL is" in tasksets("serve", taskset, "--runtime", "localhost:8000").err
    missing = tasksets("serve", taskset, "--runtime", "http://127.0.0.1:1", "--runtime-token-env", "NOT_THERE")
    assert missing.err == "--runtime-token-env NOT_THERE: there is no such environment variable, or nothing in it\n"


def test_a_server_plays_one_environment(tasksets, taskset):
    file = taskset / "environment.yaml"
    text = file.read_text()
    file.write_text(text + text[text.index("  - id: sums") :].replace("id: sums", "id: more"))
    refused = tasksets("serve", taskset, "--runtime", "http://127.0.0.1:1")
    assert (refused.code, "choose it with --environment" in refused.err) == (2, True)


def test_a_server_of_tasks_has_its_runtime_already(tasksets):
    refused = tasksets("run", "http://127.0.0.1:1", "--policy", "x:y", "--runtime", "http://127.0.0.1:2")
    assert (refused.code, "give it to 'tasksets serve'" in refused.err) == (2, True)


def test_hosts_are_compared_without_regard_to_case():
    Consent(hosts=frozenset({"Acme-Sums.HF.space"})).check_host("https://acme-sums.hf.space", "sums")
