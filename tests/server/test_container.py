"""An image, run by a provider: when it is started and stopped, what it gets, and what is said when it fails."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from asking import HTTP, ask, open_session

from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration import Declaration
from openenv_tasksets.loaders.errors import ConsentNeeded, EnvironmentFailed
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.declared_runtime import find_runtime
from openenv_tasksets.server.host import Host
from openenv_tasksets.taskset import Taskset

IMAGE = "ghcr.io/acme/own:1.0"
AGREED = Consent(images=frozenset({IMAGE}), secrets=frozenset({"ACME_KEY"}))
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from openenv.core.env_server import create_app
from own_process import Answer, OwnProcess, Question
import uvicorn
uvicorn.run(create_app(OwnProcess, Answer, Question, max_concurrent_envs=2), port=int(sys.argv[2]), log_level="error")
"""


class ProcessProvider:
    """Runs an OpenEnv server in a process instead of a container."""

    def __init__(self):
        self.started = []
        self.process = None

    def start_container(self, image, port=None, env_vars=None, **kwargs):
        import socket

        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.started.append((image, env_vars))
        support = str(Path(__file__).parents[1] / "support")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, support, str(port)], env={**os.environ, **(env_vars or {})}
        )
        return f"http://localhost:{port}"

    def stop_container(self):
        self.process.terminate()
        self.process.wait(30)

    def wait_for_ready(self, base_url, timeout_s=30.0):
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            try:
                if HTTP.get(f"{base_url}/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError


class Failing:
    def __init__(self, error):
        self.error = error
        self.stopped = 0

    def start_container(self, image, port=None, env_vars=None, **kwargs):
        raise self.error

    def stop_container(self):
        self.stopped += 1

    def wait_for_ready(self, base_url, timeout_s=30.0):
        raise NotImplementedError


@pytest.fixture
def taskset(monkeypatch):
    monkeypatch.setenv("ACME_KEY", "s3cret")
    declared = {
        "id": "own",
        "task": {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"]},
        "frameworks": {"openenv": {"image": IMAGE, "secrets": ["ACME_KEY"]}},
    }
    declaration = Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [declared]})
    return Taskset.from_rows([{"question": f"q{n}", "answer": f"a{n}"} for n in range(4)], declaration)


def made(taskset, provider, consent=AGREED):
    return Host(taskset, find_runtime(taskset.environment, provider=provider), consent=consent)


@pytest.mark.slow
def test_an_image_is_played_and_stopped_with_the_server(taskset, serve):
    provider = ProcessProvider()
    host = made(taskset, provider)
    assert provider.started == [(IMAGE, {"ACME_KEY": "s3cret"})]
    with serve(create_app([host])) as url, open_session(url) as websocket:
        shown = ask(websocket, "reset", {"index": 2})["data"]["observation"]
        assert (shown["question"], shown["pid"]) == ("q2", provider.process.pid)
        assert ask(websocket, "step", {"answer": "a2"})["data"]["reward"] == 1.0
        assert provider.process.poll() is None
    assert provider.process.poll() is not None
    assert len(provider.started) == 1


@pytest.mark.parametrize(
    ("consent", "asked"),
    [
        (Consent(), ["--allow-image ghcr.io/acme/own:1.0", "--allow-secret ACME_KEY"]),
        (Consent(images=frozenset({IMAGE})), ["--allow-secret ACME_KEY"]),
        (Consent(secrets=frozenset({"ACME_KEY"}), images=frozenset({"other"})), ["--allow-image ghcr.io/acme/own:1.0"]),
    ],
)
def test_nothing_is_started_without_the_users_word(taskset, consent, asked):
    provider = ProcessProvider()
    with pytest.raises(ConsentNeeded) as caught:
        made(taskset, provider, consent)
    assert [line.partition("allow it with ")[2] for line in str(caught.value).splitlines()] == asked
    assert provider.started == []


def test_a_container_whose_host_is_not_agreed_to_is_stopped_again(taskset):
    class Elsewhere(Failing):
        def start_container(self, image, port=None, env_vars=None, **kwargs):
            return "http://198.51.100.1:8000"

        def wait_for_ready(self, base_url, timeout_s=30.0):
            pass

    provider = Elsewhere(None)
    with pytest.raises(ConsentNeeded, match=r"--allow-host 198\.51\.100\.1"):
        made(taskset, provider)
    assert provider.stopped == 1


def test_what_a_provider_says_of_its_failure_is_not_shown(taskset, caplog):
    """Docker's shows the command, and with it the secrets."""
    caplog.set_level(logging.DEBUG)
    provider = Failing(RuntimeError("docker run -e ACME_KEY=s3cret"))
    with pytest.raises(EnvironmentFailed) as caught:
        made(taskset, provider)
    assert str(caught.value) == f"no container of {IMAGE} could be started: RuntimeError"
    assert caught.value.__cause__ is None
    assert "s3cret" not in caplog.text
    assert provider.stopped == 1, "it may have been half started"


def test_without_docker_the_error_says_what_to_do(taskset, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFailed, match=r"Docker is not available here; .*--runtime URL"):
        made(taskset, None)


def test_a_container_does_not_outlive_python(tmp_path):
    """As where a run ends in an error."""
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio\n"
        "from openenv_tasksets.server.container import Container\n"
        "class Provider:\n"
        "    def start_container(self, image, port=None, env_vars=None):\n"
        "        return 'http://127.0.0.1:1'\n"
        "    def wait_for_ready(self, base_url, timeout_s=30.0): pass\n"
        "    def stop_container(self): print('stopped')\n"
        "asyncio.run(Container('image', (), Provider())())\n"
        "raise SystemExit(3)\n"
    )
    ended = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (3, "stopped\n"), ended.stderr
