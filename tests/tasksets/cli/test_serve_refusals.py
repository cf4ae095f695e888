"""``tasksets serve``: what it says, and what it refuses, before it opens a port."""

import os
import socket
import sys

import pytest


@pytest.mark.parametrize("shard", ["2/2", "0/0", "1", "-1/2", "a/b", "0/2/4", "1/"])
def test_a_shard_is_one_of_so_many(tasksets, taskset, taken_port, shard):
    result = tasksets("serve", taskset, "--port", taken_port, "--shard", shard)

    assert result.code == 2
    assert "is not I/C with 0 <= I < C, such as 0/4" in result.err


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


def test_conditions_that_leave_no_task_are_refused(tasksets, taskset, taken_port):
    result = tasksets("serve", taskset, "--port", taken_port, "--where", "level>99")

    assert result.code == 1
    assert "no task of split 'train' passes level>99" in result.err


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
    monkeypatch.setenv("MY_TOKEN", "a-token-of-the-trainer")

    result = tasksets("serve", taskset, "--host", "192.0.2.1", "--trainer-token-env", "MY_TOKEN")

    assert "cannot listen: Cannot assign requested address" in result.err
