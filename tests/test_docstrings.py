"""The examples in docstrings do what they show."""

import doctest
import importlib
import pkgutil

import pytest

import openenv_tasksets
import openenv_tasksets.loaders
import openenv_tasksets.server

MODULES = [
    module.name
    for package in (openenv_tasksets, openenv_tasksets.loaders, openenv_tasksets.server)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith(("__main__", "sandbox_child"))
]


@pytest.mark.parametrize("name", ["openenv_tasksets", *MODULES])
def test_the_examples_of_a_module_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), report=True)
    assert results.failed == 0


def test_there_are_examples_and_no_module_is_left_out() -> None:
    assert doctest.testmod(openenv_tasksets).attempted >= 3
    some = {"openenv_tasksets.loaders.order", "openenv_tasksets.server.session", "openenv_tasksets.cli.app"}
    assert some < set(MODULES)
