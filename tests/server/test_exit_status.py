"""How a process ended, told in words."""

import signal
import subprocess
import sys

import pytest

from openenv_tasksets.server.exit_status import how_it_ended

KILL = "import os, sys; os.kill(os.getpid(), int(sys.argv[1]))"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, "was killed by SIGKILL"),
        (signal.SIGTERM, "was killed by SIGTERM"),
        (signal.SIGRTMIN + 2, f"was killed by signal {signal.SIGRTMIN + 2}"),
    ],
)
def test_a_signal_is_named_where_it_has_a_name(number, words):
    assert how_it_ended(subprocess.run([sys.executable, "-c", KILL, str(int(number))], check=False).returncode) == words


def test_a_code_is_told():
    assert how_it_ended(subprocess.run([sys.executable, "-c", "exit(3)"], check=False).returncode) == "ended with 3"
