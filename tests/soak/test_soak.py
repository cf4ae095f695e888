"""The soak, for two minutes; ``make soak`` takes half an hour."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_wrong_after_two_minutes_of_every_kind_of_client():
    command = [sys.executable, str(Path(__file__).with_name("soak.py")), "--minutes", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
