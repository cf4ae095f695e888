"""The loader's benchmark runs, small, and keeps what it found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "loader"


def run(tmp_path, *options):
    command = [sys.executable, BENCHMARK, "--folder", tmp_path / "rows", "--results", tmp_path, "--seconds", "0.1"]
    done = subprocess.run([*command, "--rounds", "1", *options], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_figure_of_every_contender_is_kept(tmp_path):
    out = run(tmp_path, "--rows", "300", "--far-mb", "1")

    kept = json.loads((tmp_path / "loader-300.json").read_text())
    assert set(kept["figures"]) == {"first", "dicts", "json", "shuffled", "random", "resume", "memory"}
    for key, by_contender in kept["figures"].items():
        assert {"ours", "ours, stored", "datasets"} <= set(by_contender), key
        assert all(value > 0 for parts in by_contender.values() for value in parts.values()), key
    assert set(kept["once"]) == {"datasets", "ours, stored"}
    for by_contender in kept["far"].values():
        assert all(far["mb"] > 0 and far["requests"] > 0 for far in by_contender.values())
    assert "datasets" in kept["versions"]
    assert out.count(" 1.00x") >= 8, "the baseline is once a table"
    targets = out[out.index("to reach") :].splitlines()[1:]
    assert len(targets) == 14
    assert all(line.count("x") >= 2 for line in targets)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_cost_against_size_is_drawn(tmp_path):
    run(tmp_path, "--plot", "--sizes", "100", "300")

    assert set(json.loads((tmp_path / "loader-sizes.json").read_text())["sizes"]) == {"100", "300"}
    assert (tmp_path / "loader-sizes.svg").read_text().startswith("<?xml")
