"""The process of one environment, spoken to over its socket: what it answers, survives, and ends with."""

import signal
import socket
import subprocess
import sys

import pytest

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.process_message import LENGTH_BYTES, pack, read_answer, write_call

MODULE = """
class Countdown:
    def reset(self, start):
        self.left = start
        return {"left": start}

    def step(self, action):
        self.left -= action["by"]
        return {"left": self.left, "done": self.left <= 0, "reward": 1.0}

    @property
    def state(self):
        return {"left": self.left}

    def close(self):
        print("closed")
"""


class Child:
    """The process, and our end of its socket."""

    def __init__(self):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(60)
        with theirs:
            command = [sys.executable, "-m", "openenv_tasksets.server.environment_child", str(theirs.fileno())]
            self.process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stdout=subprocess.PIPE, text=True)

    def call(self, name, payload=None):
        self.socket.sendall(pack(write_call(name, payload)))
        return read_answer(self._exactly(int.from_bytes(self._exactly(LENGTH_BYTES), "big")))

    def _exactly(self, size):
        return self.socket.recv(size, socket.MSG_WAITALL)


@pytest.fixture
def child():
    child = Child()
    yield child
    child.socket.close()
    child.process.communicate()


@pytest.fixture
def make(tmp_path):
    (tmp_path / "countdown.py").write_text(MODULE)
    return [*sys.path, str(tmp_path)], "countdown", "Countdown", {}


def test_it_plays_until_it_is_asked_to_close_whatever_went_wrong_before(child, make):
    path, module, _, arguments = make
    with pytest.raises(EnvironmentFailed, match="was asked for step before it had an environment"):
        child.call("step", ({}, {}))
    with pytest.raises(EnvironmentFailed, match="the environment's process failed in make: ModuleNotFoundError"):
        child.call("make", (path, "no_such_module", "Countdown", arguments))
    with pytest.raises(EnvironmentFailed, match="'Countdown' could not be made: TypeError"):
        child.call("make", (path, module, "Countdown", {"speed": 3}))
    assert child.call("make", make) is None
    assert child.call("reset", {"start": 3}) == {"observation": {"left": 3}, "reward": None, "done": False}
    with pytest.raises(EnvironmentFailed, match=r"'Countdown' failed in step\(\): KeyError"):
        child.call("step", ({}, {}))
    assert child.call("step", ({"by": 3}, {})) == {"observation": {"left": 0}, "reward": 1.0, "done": True}
    assert child.call("state") == {"left": 0}
    assert child.call("close") is None
    assert child.process.communicate(timeout=60) == ("closed\n", None)
    assert child.process.returncode == 0


def test_ctrl_c_is_for_the_server_and_its_end_is_the_end(child, make):
    child.call("make", make)
    child.process.send_signal(signal.SIGINT)
    assert child.call("reset", {"start": 1})["observation"] == {"left": 1}
    child.socket.close()
    assert child.process.wait(60) == 0
