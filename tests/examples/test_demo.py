"""The demo, for real but smaller: a server process, and OpenEnv's own client."""

import subprocess
import sys
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import pytest

from tasksets_examples.demo import main, next_steps, served
from tasksets_examples.reasoning.build import build


@pytest.mark.slow
def test_the_demo_plays_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # OpenEnv's imports have some.
        assert main(Path(".demo"), size=500, episodes=60) == 0
    out = capsys.readouterr().out
    assert "432 tasks to train on, 72 to test on" in out
    assert "   http://127.0.0.1:" in out
    assert "test-chain_sum-easy-0: " in out
    assert out.count("-> reward") == 6
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.split()}
    assert rows["all"][0] == "60"
    assert 0 < float(rows["all"][1]) < 1, "it is sometimes right"
    assert {"easy", "medium", "hard", "knights_knaves", "gcd"} <= set(rows)
    for command in next_steps(Path(".demo")):
        assert command in out


def test_the_server_is_stopped_whatever_happens(tmp_path: Path) -> None:
    build(tmp_path, size=48)
    urls: list[str] = []

    def fail_while_served() -> None:
        with served(tmp_path) as url:
            with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
                assert answer.status == 200
            urls.append(url)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_served()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{urls[0]}/health", timeout=30)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"the server did not start:\n.*environment.yaml"), served(tmp_path):
        pass


def test_the_commands_to_go_on_with_are_those_of_the_command_line(tmp_path: Path) -> None:
    build(tmp_path, size=48)
    show, run, endpoint = next_steps(tmp_path)
    assert "--endpoint" in endpoint
    for command in (show, run):
        done = subprocess.run(
            [sys.executable, "-m", "openenv_tasksets.cli", *command.split()[1:]], capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
