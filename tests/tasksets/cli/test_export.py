"""``tasksets export``: what it prints, and what it refuses."""

from importlib.metadata import version

import pytest


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / f"openenv_tasksets-{version('openenv-tasksets')}-py3-none-any.whl"
    path.touch()
    return path


def test_the_folder_is_printed_and_the_talk_says_what_to_know(tasksets, taskset, wheel, tmp_path):
    result = tasksets("export", taskset, "--space", tmp_path / "space", "--wheel", wheel)

    assert (result.code, result.out) == (0, f"{tmp_path}/space\n")
    assert "holds the rows, hidden columns too" in result.err
    assert "pip install -r requirements.txt && tasksets serve taskset" in result.err
    assert (tmp_path / "space/Dockerfile").is_file()


def test_a_second_export_into_the_same_folder_is_refused(tasksets, taskset, wheel, tmp_path):
    assert tasksets("export", taskset, "--docker", tmp_path / "made", "--wheel", wheel).code == 0
    result = tasksets("export", taskset, "--docker", tmp_path / "made", "--wheel", wheel)

    assert (result.code, result.out) == (1, "")
    assert "exists and is not an empty folder" in result.err


@pytest.mark.parametrize("options", [[], ["--space", "one", "--docker", "two"]])
def test_one_kind_of_project_is_asked_for(tasksets, taskset, options):
    result = tasksets("export", taskset, *options)

    assert result.code == 2
    assert "give one of --space DIR and --docker DIR" in result.err


def test_a_package_that_nobody_else_can_install_is_named(tasksets, taskset, tmp_path):
    result = tasksets("export", taskset, "--space", tmp_path / "space")

    assert result.code == 1
    assert "'openenv-tasksets'" in result.err
    assert "--wheel" in result.err
    assert not (tmp_path / "space").exists()
