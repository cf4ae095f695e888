"""Pinned requirements, of the distributions that are installed for these tests."""

from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from openenv_tasksets.loaders.errors import EnvironmentNotFound, SourceError
from openenv_tasksets.pinned_requirements import pinned_requirements


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / f"openenv_tasksets-{version('openenv-tasksets')}-py3-none-any.whl"
    path.touch()
    return path


def test_a_package_and_all_that_it_needs_are_pinned_at_what_is_installed():
    lines = pinned_requirements(["pydantic"])

    pins = {requirement.name: str(requirement.specifier) for requirement in map(Requirement, lines)}
    assert pins["pydantic"] == f"=={version('pydantic')}"
    assert pins["pydantic_core"] == f"=={version('pydantic_core')}"
    assert {"annotated-types", "typing-inspection"} <= pins.keys()
    assert "email-validator" not in pins
    names = [name.lower().replace("_", "-") for name in pins]
    assert names == sorted(names)


def test_extras_bring_what_they_need(wheel):
    pin = f"openenv=={version('openenv')}"

    assert pin not in pinned_requirements(["openenv-tasksets"], [wheel])
    assert pin in pinned_requirements(["openenv-tasksets[openenv]"], [wheel])


def test_a_package_that_is_not_installed_is_named_with_the_command():
    with pytest.raises(
        EnvironmentNotFound, match=r"'no-such-package' is not installed.*pip install 'no-such-package>=2'"
    ):
        pinned_requirements(["no-such-package>=2"])


def test_what_is_installed_from_a_folder_needs_a_wheel(wheel):
    with pytest.raises(SourceError, match="'openenv-tasksets' .* is installed from .*name it with --wheel"):
        pinned_requirements(["openenv-tasksets"])

    assert f"./wheels/{wheel.name}" in pinned_requirements(["openenv-tasksets"], [wheel])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["pydantic-0.0.1-py3-none-any.whl"], "version 0.0.1, but pydantic .* is installed: build the wheel anew"),
        (["numpy-0.0.1-py3-none-any.whl"], "nothing that is needed here comes from this wheel"),
        (["pydantic.whl"], "not the name of a wheel"),
        (["pydantic-1-py3-none-any.whl", "pydantic-2-py3-none-any.whl"], "is a wheel of the same package"),
    ],
)
def test_a_wheel_that_does_not_fit_is_named(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()

    with pytest.raises(SourceError, match=message):
        pinned_requirements(["pydantic"], [tmp_path / name for name in names])


def test_a_wheel_must_be_there():
    with pytest.raises(SourceError, match="no such file"):
        pinned_requirements(["pydantic"], [Path("pydantic-1-py3-none-any.whl")])
