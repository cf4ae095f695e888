"""Which application an installed environment package brings, found without importing anything of it."""

import importlib
from importlib.metadata import distribution

import pytest

from openenv_tasksets.installed_app import find_app
from openenv_tasksets.loaders.errors import EnvironmentNotFound

MANIFEST = "spec_version: 1\nname: riddles\napp: server.app:app\n"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """``install("openenv-riddles", {"riddles/openenv.yaml": "app: ..."})``: a distribution on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name, files, top_level=None):
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        if top_level is not None:
            (info / "top_level.txt").write_text(top_level)
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        importlib.invalidate_caches()
        return distribution(name)

    return add


def package(module, manifest=MANIFEST, app="raise SystemExit('imported')"):
    files = {f"{module}/__init__.py": "raise SystemExit('imported')", f"{module}/server/app.py": app}
    return files if manifest is None else {**files, f"{module}/openenv.yaml": manifest}


@pytest.mark.parametrize(
    ("name", "module", "top_level"),
    [
        ("openenv-riddles", "riddles", None),
        ("openenv-word-riddles", "word_riddles", None),
        ("word-riddles", "word_riddles", None),
        ("openenv-riddles", "some_env", "other\nsome_env\n"),
    ],
)
def test_the_manifest_names_the_application(install, tmp_path, name, module, top_level):
    found = find_app(install(name, package(module), top_level))
    assert found is not None
    assert (found.package, found.app) == (f"{name} 1.2", f"{module}.server.app:app")
    assert found.folder == tmp_path / module


def test_another_manifest_may_be_named(install):
    files = {**package("riddles", manifest="app: nowhere:app"), "riddles/conf/env.yaml": MANIFEST}
    found = find_app(install("openenv-riddles", files), "conf/env.yaml")
    assert found is not None
    assert found.app == "riddles.server.app:app"


def test_a_package_of_openenvs_that_lost_its_manifest_has_the_usual_application(install):
    found = find_app(install("openenv-riddles", package("riddles", manifest=None)))
    assert found is not None
    assert found.app == "riddles.server.app:app"


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("riddles", package("riddles", manifest=None)),
        ("openenv-riddles", {"riddles/__init__.py": ""}),
        ("openenv-riddles", {"riddles.py": ""}),
        ("openenv-riddles", {}),
        ("openenv-riddles", package("riddles", manifest="name: riddles\n")),
        ("openenv-riddles", package("riddles", manifest="- a list\n")),
    ],
)
def test_what_brings_no_application(install, name, files):
    assert find_app(install(name, files)) is None


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("app: [server, app]", r"openenv.yaml: app: expected a module and a name such as server.app:app; got \["),
        ("app: server.app", "expected a module and a name"),
        ("app: ../server:app", "expected a module and a name"),
        ("app: other.app:app", r"names the application other.app:app, but there is no .*other/app.py"),
        ("app: {", "openenv.yaml cannot be read: ParserError"),
        ("# " + "x" * 300_000, "is larger than 262144 bytes"),
    ],
)
def test_a_manifest_that_names_none_that_is_there(install, manifest, told):
    with pytest.raises(EnvironmentNotFound, match=told):
        find_app(install("openenv-riddles", package("riddles", manifest=manifest)))
