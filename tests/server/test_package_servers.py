"""An installed OpenEnv environment package, which knows nothing of this library, as the runtime of a taskset."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from urllib.error import HTTPError

import pytest
from child_package import ask as get
from child_package import await_end, install_app, lives, processes_with
from riddle_package import install, install_riddles, write_riddles

from openenv_tasksets.installed import find_server
from openenv_tasksets.open_taskset import open_taskset
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.binding_proof import BindingUnproven
from openenv_tasksets.server.declared_runtime import find_runtime
from openenv_tasksets.server.environment_server import EnvironmentServer, Patience
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.remote_runtime import RemoteRuntime

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package on the path."""
    target = install_riddles(tmp_path_factory.mktemp("riddles"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(target))
        yield target


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_riddles(tmp_path_factory.mktemp("taskset") / "riddles")


@pytest.fixture
def command(installed):
    """``command("run", ...)``: the command in a process of its own, with the package on its path."""
    started = []

    def start(*words, path=installed, stderr=subprocess.PIPE):
        process = subprocess.Popen(
            [sys.executable, "-m", "openenv_tasksets.cli", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "PYTHONPATH": str(path)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def host(installed, folder):
    taskset = open_taskset(folder)
    return Host(taskset, find_runtime(taskset.environment))


@pytest.fixture(scope="module")
def url(serve, host):
    with serve(create_app([host])) as url:
        yield url
    assert not host.server.is_up


@pytest.fixture
def client(openenv, url):
    """OpenEnv's own client."""
    with openenv.GenericEnvClient(base_url=url).sync() as client:
        yield client


def metric(url, name):
    return next(float(line.split()[-1]) for line in get(url, "/metrics").splitlines() if line.startswith(f"{name}{{"))


def test_openenvs_client_plays_it(client):
    for index in range(4):
        shown = client.reset(split="test", index=index)
        assert shown.observation["question"] == f"test: {index} + {index} = ?"
        wrong = client.step({"message": "no"})
        assert (wrong.reward, wrong.done, wrong.observation["tries"]) == (0.0, False, 1)
        right = client.step({"message": str(2 * index)})
        assert (right.reward, right.done, right.observation["tries"]) == (1.0, True, 2)
    state = client.state()
    assert (state["task_id"], state["step_count"], lives(state["pid"])) == ("test-3", 2, True)
    assert state["pid"] != os.getpid()


def test_when_it_is_killed_every_session_is_told_and_the_next_reset_is_played_by_the_next_one(openenv, client, url):
    with openenv.GenericEnvClient(base_url=url).sync() as other:
        client.reset(split="test", index=1)
        other.reset(split="test", index=2)
        pid, restarts = other.state()["pid"], metric(url, "tasksets_environment_server_restarts_total")
        for player, action in ((client, "die"), (other, "4")):
            with pytest.raises(RuntimeError, match="the connection to it is lost, in step, and with it the episode"):
                player.step({"message": action})
            with pytest.raises(RuntimeError, match=r"call reset\(\) before step"):
                player.step({"message": action})
        for player in (client, other):
            assert player.reset(split="test", index=3).observation["question"] == "test: 3 + 3 = ?"
            assert player.step({"message": "6"}).reward == 1.0
            assert player.state()["pid"] != pid
    assert metric(url, "tasksets_environment_server_restarts_total") == restarts + 1
    assert metric(url, "tasksets_environment_server_up") == 1
    await_end(pid)
    assert get(url, "/health") == '{"status":"healthy"}'


def test_one_that_does_not_start_again_is_told_of_everywhere(openenv, serve, installed, folder):
    taskset = open_taskset(folder)
    app = find_server(taskset.environment)
    server = EnvironmentServer(app, "riddles", Patience(delay_seconds=0.01, starts=2))
    init = app.folder / "__init__.py"
    text = init.read_text()
    with serve(create_app([Host(taskset, RemoteRuntime(server))])) as url:
        with openenv.GenericEnvClient(base_url=url).sync() as client:
            client.reset(split="test", index=0)
            init.write_text("raise SystemExit('an answer: c4n4ry')")
            try:
                with pytest.raises(RuntimeError, match="the connection to it is lost"):
                    client.step({"message": "die"})
                with pytest.raises(RuntimeError, match="failed to start 2 times in a row") as caught:
                    client.reset(split="test", index=0)
            finally:
                init.write_text(text)
        assert "c4n4ry" not in str(caught.value)
        assert metric(url, "tasksets_environment_server_up") == 0
        with pytest.raises(HTTPError, match="503"):
            get(url, "/health")


def test_what_openenv_init_makes_is_played_as_it_is(openenv, serve, tmp_path, monkeypatch):
    init = [sys.executable, "-m", "openenv.cli", "init", "loud_words", "--output-dir", str(tmp_path)]
    # Without a network it makes no lock file, which nobody needs.
    subprocess.run(init, check=True, capture_output=True, env={**os.environ, "UV_OFFLINE": "1"})
    monkeypatch.syspath_prepend(str(install(tmp_path / "loud_words", tmp_path / "installed")))
    taskset = open_taskset(write_riddles(tmp_path / "taskset", "openenv-loud-words"))
    # It plays no rows: it drops what it does not know.
    runtime = find_runtime(taskset.environment)
    with pytest.raises(BindingUnproven):
        Host(taskset, runtime)
    assert not runtime.address.is_up
    host = Host(taskset, find_runtime(taskset.environment), settings=HostSettings(allow_unproven=True))
    with serve(create_app([host])) as url, openenv.GenericEnvClient(base_url=url).sync() as client:
        assert client.reset(index=0).observation["echoed_message"] == "Loud Words environment ready!"
        assert client.step({"message": "aha"}).observation["echoed_message"] == "aha"


def test_tasksets_run_plays_it_and_leaves_nothing(command, installed, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sums.py").write_text("def right(seen):\n    return str(2 * int(seen['question'].split()[1]))\n")
    others = processes_with(str(installed))
    out, err = command("run", folder, "--split", "test", "--policy", "sums:right", "--json").communicate()
    assert json.loads(out)["total"]["successes"] == 4, err
    assert set(processes_with(str(installed))) <= set(others)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_tasksets_serve(openenv, command, folder, how):
    serving = command("serve", folder, "--port", "0", "--drain-seconds", "0")
    url = serving.stdout.readline().strip()
    with openenv.GenericEnvClient(base_url=url).sync() as client:
        client.reset(split="test", index=1)
        pid = client.state()["pid"]
        serving.send_signal(how)
        serving.wait()
    await_end(pid)


def test_who_waits_for_one_that_starts_is_shown_it_and_may_end_it(command, folder, tmp_path):
    install_app(tmp_path, "import time\ntime.sleep(600)")
    terminal, its_end = pty.openpty()
    termios.tcsetwinsize(its_end, (24, 80))
    with open(terminal, "rb", buffering=0) as screen:
        serving = command("serve", folder, "--port", "0", path=tmp_path, stderr=its_end)
        os.close(its_end)
        seen = b""
        while b"riddles: starting openenv-riddles 1.2" not in seen:
            seen += screen.read(1000)
        while not (started := processes_with(str(tmp_path / "riddles"))):
            time.sleep(0.02)
        serving.send_signal(signal.SIGINT)
        # Sooner than the server would be given up.
        assert serving.wait(60) == 130
    await_end(*started)
