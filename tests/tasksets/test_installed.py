"""Which class a declaration means, among what is installed; and the command to type where it is not there."""

import importlib
import sys

import pytest

from openenv_tasksets.answer import Answer
from openenv_tasksets.declaration import Declaration
from openenv_tasksets.installed import find_environment, find_server
from openenv_tasksets.loaders.errors import EnvironmentNotFound


def declared(**runtime):
    environment = {"id": "riddles", "task": {"reset": {"a": "b"}}, "frameworks": {"openenv": runtime}}
    declaration = Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [environment]})
    return declaration.environments[0]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """``install("acme-riddles", "1.2", {"riddles": "module:Class"}, module="code")``: a distribution on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name, version, environments=(), **modules):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        points = "".join(f"{point} = {value}\n" for point, value in dict(environments).items())
        (folder / "entry_points.txt").write_text(f"[openenv_tasksets.environments]\n{points}" if points else "")
        for module, code in modules.items():
            (tmp_path / f"{module}.py").write_text(code)
        importlib.invalidate_caches()

    yield add
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def refused(**runtime):
    with pytest.raises(EnvironmentNotFound) as caught:
        find_environment(declared(**runtime))
    return caught.value.message


def test_the_named_entry_point_is_loaded():
    assert find_environment(declared(package="openenv-tasksets>=0.1", environment="answer")) is Answer
    assert find_environment(declared(package="openenv-tasksets")) is Answer


@pytest.mark.parametrize(("wanted", "command"), [("acme-none", "acme-none"), ("acme-none>=1,<3", "acme-none<3,>=1")])
def test_a_missing_package_is_told_with_the_command(wanted, command):
    assert refused(package=wanted) == f"package 'acme-none' is not installed: pip install '{command}'"


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [(">=1.2", True), ("==1.2.*", True), ("~=1.1", True), (">=1.2,<2", True), (">=1.3", False), ("<1.2.3", False)],
)
def test_a_version_range_is_compared_with_what_is_installed(install, wanted, fits):
    install("acme-riddles", "1.2.3", {"riddles": "acme_riddles:Riddles"}, acme_riddles="class Riddles: pass")
    if fits:
        assert find_environment(declared(package=f"acme-riddles{wanted}")).__name__ == "Riddles"
        return
    message = refused(package=f"acme-riddles{wanted}")
    assert message.startswith("package 'acme-riddles' is installed as 1.2.3, but the taskset needs ")
    assert message.endswith(f": pip install 'acme-riddles{wanted}'")


def test_a_prerelease_that_is_installed_counts(install):
    install("acme-riddles", "2.0rc1", {"riddles": "acme_riddles:Riddles"}, acme_riddles="class Riddles: pass")
    assert find_environment(declared(package="acme-riddles>=1"))


@pytest.mark.parametrize("version", ["0.11.0", "0.10.0", "1.0rc1"])
def test_openenv_itself_is_compared_where_it_is_installed(install, version):
    install("openenv", version)
    assert find_environment(declared(package="openenv-tasksets", min_version=">=0.10.0")) is Answer
    message = refused(package="openenv-tasksets", min_version=">=2,<3")
    assert message == (
        f"environment 'riddles' needs OpenEnv >=2,<3, and {version} is installed: pip install 'openenv>=2,<3'"
    )


def test_an_environment_that_needs_a_missing_openenv_module_is_told_with_the_command(install):
    install("acme-riddles", "1", {"riddles": "acme_riddles:Riddles"}, acme_riddles="import openenv.no_such_part")
    message = refused(package="acme-riddles", min_version=">=0.10.0")
    assert message.startswith("environment 'riddles' (acme_riddles:Riddles) cannot be imported: ModuleNotFoundError")
    assert message.endswith("; pip install 'openenv>=0.10.0'")


def test_another_missing_module_is_named_without_a_guess_at_its_package(install):
    install("acme-riddles", "1", {"riddles": "acme_riddles:Riddles"}, acme_riddles="import no_such_module_at_all")
    assert refused(package="acme-riddles").endswith("No module named 'no_such_module_at_all'")


def test_what_the_package_does_not_offer_is_told_with_what_it_does(install):
    install(
        "acme-riddles",
        "1",
        {"easy": "acme_riddles:Riddles", "hard": "acme_riddles:hard"},
        acme_riddles="class Riddles: pass\ndef hard(): pass",
    )
    install("acme-empty", "1")
    assert "offers several environments; name one with 'environment:'. There are: 'easy', 'hard'" in refused(
        package="acme-riddles"
    )
    assert "has no environment 'esay'; did you mean 'easy'" in refused(package="acme-riddles", environment="esay")
    assert "is not a class" in refused(package="acme-riddles", environment="hard")
    assert "offers no environment" in refused(package="acme-empty")


@pytest.mark.parametrize("runtime", [{"image": "acme/riddles:1"}, {"space_id": "acme/riddles"}])
def test_what_does_not_run_in_this_process_is_said(runtime):
    assert "only a 'package' runs in this process" in refused(**runtime)


@pytest.fixture
def bring_server(tmp_path):
    """``bring_server("acme_riddles")``: a package with OpenEnv's manifest and a server that nobody may import here."""

    def bring(module, app="server.app:app"):
        server = tmp_path / module / "server"
        server.mkdir(parents=True)
        for file in (tmp_path / module / "__init__.py", server / "app.py"):
            file.write_text("raise SystemExit")
        (tmp_path / module / "openenv.yaml").write_text(f"spec_version: 1\napp: {app}\n")

    return bring


def test_a_package_without_an_entry_point_brings_its_server(install, bring_server, tmp_path):
    install("openenv-riddles", "1.2.3")
    bring_server("riddles")
    found = find_server(declared(package="openenv-riddles>=1.2", min_version=">=0.10.0"))
    assert found is not None
    assert (found.package, found.app) == ("openenv-riddles 1.2.3", "riddles.server.app:app")
    assert found.folder == tmp_path / "riddles"
    assert "but brings a server, which runs beside this process" in refused(package="openenv-riddles")


def test_of_a_package_with_both_the_entry_point_runs(install, bring_server):
    install("openenv-riddles", "1.2.3", {"riddles": "code_of_it:Riddles"}, code_of_it="class Riddles: pass")
    bring_server("riddles")
    both = declared(package="openenv-riddles")
    assert find_server(both) is None
    assert find_environment(both).__name__ == "Riddles"


@pytest.mark.parametrize(
    "runtime", [{"package": "openenv-tasksets"}, {"image": "acme/riddles:1"}, {"space_id": "acme/riddles"}]
)
def test_what_brings_no_server(runtime):
    assert find_server(declared(**runtime)) is None


def test_a_package_with_neither_is_told_what_it_lacks(install):
    install("acme-empty", "1")
    assert find_server(declared(package="acme-empty")) is None
    assert "nor has it a server's manifest (openenv.yaml with an 'app')" in refused(package="acme-empty")


@pytest.mark.parametrize(
    ("runtime", "told"),
    [
        ({"package": "openenv-riddles>=2"}, r"is installed as 1.2.3, .* pip install 'openenv-riddles>=2'"),
        ({"package": "openenv-jokes"}, r"package 'openenv-jokes' is not installed: pip install 'openenv-jokes'"),
        ({"min_version": ">=99"}, r"needs OpenEnv >=99, .* pip install 'openenv>=99'"),
        ({"environment": "hard"}, "environment 'riddles' has no use for environment under frameworks.openenv"),
        ({"arguments": {"level": 2}}, "has no use for arguments under"),
        ({"manifest": "openenv.yml"}, None),
    ],
)
def test_a_server_is_held_to_the_declaration_too(install, bring_server, runtime, told):
    install("openenv-riddles", "1.2.3")
    bring_server("riddles")
    wanted = declared(**{"package": "openenv-riddles", **runtime})
    if told is None:  # without its manifest it is known by its name
        assert find_server(wanted)
        return
    with pytest.raises(EnvironmentNotFound, match=told):
        find_server(wanted)
