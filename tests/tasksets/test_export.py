"""Exported projects: what is in them, and that they serve the taskset with the command they name."""

import json
import shutil
import subprocess
import sys
import urllib.request
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from pushing import OPENENV, REPO, do_push, in_memory, open_hub, sums

from openenv_tasksets.consent import Consent
from openenv_tasksets.export import export_project
from openenv_tasksets.loaders.errors import ConsentNeeded, DeclarationError, EnvironmentNotFound, SourceError

ROOT = Path(__file__).parents[2]
WHEEL = f"openenv_tasksets-{version('openenv-tasksets')}-py3-none-any.whl"


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / WHEEL
    path.write_bytes(b"not looked into")
    return path


def local(folder, **environment):
    folder.mkdir(exist_ok=True)
    declared = {
        "id": "sums",
        "task": {"reset": {"prompt": "question", "answer": "answer"}, "visible": ["prompt"]},
        "frameworks": OPENENV,
        **environment,
    }
    text = "# The author's own words.\n" + yaml.safe_dump({"spec_version": "hf-rl-env-0.1", "environments": [declared]})
    (folder / "environment.yaml").write_text(text)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums(3)))
    (folder / "notes.txt").write_text("mine")
    return folder


def validated(folder):
    """OpenEnv's own verdict on a project."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openenv.cli.__main__ import app
        from typer.testing import CliRunner
    return CliRunner().invoke(app, ["validate", str(folder), "--level", "static"])


def test_a_local_taskset_goes_with_its_rows_and_nothing_else(tmp_path, wheel):
    project = export_project(local(tmp_path / "sums"), wheels=[wheel], space=True)
    project.write(tmp_path / "space")

    written = {
        path.relative_to(tmp_path / "space").as_posix() for path in (tmp_path / "space").rglob("*") if path.is_file()
    }
    assert written == {
        "Dockerfile",
        "README.md",
        "openenv.yaml",
        "requirements.txt",
        "server/__init__.py",
        "server/app.py",
        "taskset/environment.yaml",
        "taskset/train.jsonl",
        f"wheels/{WHEEL}",
    }
    assert (tmp_path / "space/taskset/environment.yaml").read_text().startswith("# The author's own words.")
    assert project.holds_rows
    assert validated(tmp_path / "space").exit_code == 0
    manifest = yaml.safe_load((tmp_path / "space/openenv.yaml").read_text())
    assert manifest["validation"]["capabilities"]["declared_task_count"] == {"train": 3}


def test_the_validator_that_passes_them_fails_a_project_without_its_block(tmp_path, wheel):
    export_project(local(tmp_path / "sums"), wheels=[wheel]).write(tmp_path / "made")
    manifest = yaml.safe_load((tmp_path / "made/openenv.yaml").read_text())
    del manifest["validation"]["types"]
    (tmp_path / "made/openenv.yaml").write_text(yaml.safe_dump(manifest))

    assert validated(tmp_path / "made").exit_code == 1


def test_a_space_has_the_hubs_metadata_and_a_plain_project_has_none(tmp_path, wheel):
    space = export_project(local(tmp_path / "sums", title="Sums: small"), wheels=[wheel], space=True)
    plain = export_project(tmp_path / "sums", wheels=[wheel])

    metadata = yaml.safe_load(space.files["README.md"].decode().split("---\n")[1])
    assert (metadata["title"], metadata["sdk"], metadata["app_port"]) == ("Sums: small", "docker", 8000)
    assert set(metadata["tags"]) == {"rl-environment", "openenv"}
    assert plain.files["README.md"].startswith(b"# Sums: small")


def test_a_taskset_on_the_hub_is_served_from_its_commit(hub, tmp_path, wheel):
    here = open_hub(hub)
    pushed = do_push(in_memory(), here)
    project = export_project(f"{REPO}@main", wheels=[wheel], hub=here)

    reference = f"hf://datasets/{REPO}/sums@{pushed.commit_hash}"
    assert project.command[:3] == ("tasksets", "serve", reference)
    assert reference in project.files["server/app.py"].decode()
    assert not any(name.startswith("taskset/") for name in project.files)
    assert not project.holds_rows
    manifest = yaml.safe_load(project.files["openenv.yaml"])
    assert manifest["validation"]["task_distribution"] == {"dataset_version": pushed.commit_hash}


def test_rows_that_could_change_are_refused_with_the_pin(hub, tmp_path, wheel):
    here = open_hub(hub)
    pushed = do_push(in_memory(), here)
    folder = local(tmp_path / "mine", dataset={"repo_id": REPO, "revision": "main"})

    with pytest.raises(DeclarationError, match=f"'main' can move.*{pushed.commit_hash}"):
        export_project(folder, wheels=[wheel], hub=here)

    local(folder, dataset={"repo_id": REPO, "revision": pushed.commit_hash})
    project = export_project(folder, wheels=[wheel], hub=here)
    assert [name for name in project.files if name.startswith("taskset/")] == ["taskset/environment.yaml"]
    assert REPO in project.files["README.md"].decode()


def test_consent_is_needed_and_said_again_in_the_command(tmp_path, wheel):
    secrets = {"openenv": {**OPENENV["openenv"], "secrets": ["JUDGE_KEY"]}}
    folder = local(tmp_path / "sums", frameworks=secrets)

    with pytest.raises(ConsentNeeded, match="--allow-secret JUDGE_KEY"):
        export_project(folder, wheels=[wheel])
    project = export_project(folder, wheels=[wheel], consent=Consent(secrets=frozenset({"JUDGE_KEY"})))
    assert project.command[-2:] == ("--allow-secret", "JUDGE_KEY")
    assert "frozenset({'JUDGE_KEY'})" in project.files["server/app.py"].decode()
    assert "`JUDGE_KEY`" in project.files["README.md"].decode()


def test_an_environment_that_would_not_run_is_refused_before_anything_is_written(tmp_path, wheel):
    folder = local(tmp_path / "sums", frameworks={"openenv": {"image": "ghcr.io/acme/env:1"}})
    with pytest.raises(EnvironmentNotFound, match="only a 'package' runs in this process"):
        export_project(folder, wheels=[wheel])

    folder = local(tmp_path / "sums", task={"reset": {"question": "question"}})
    with pytest.raises(EnvironmentNotFound, match="takes no reset\\(\\) argument 'question'"):
        export_project(folder, wheels=[wheel])


def test_a_folder_with_something_in_it_is_left_as_it_is(tmp_path, wheel):
    project = export_project(local(tmp_path / "sums"), wheels=[wheel])
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")

    with pytest.raises(SourceError, match="not an empty folder"):
        project.write(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_project_is_written_whole_or_not_at_all(tmp_path, wheel):
    project = export_project(local(tmp_path / "sums"), wheels=[wheel])
    wheel.unlink()

    with pytest.raises(SourceError, match="cannot be written"):
        project.write(tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sums"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_dockerfiles_own_command_serves_it_in_a_clean_environment(tmp_path):
    copy = tmp_path / "copy"
    for folder in ("tasksets", "loaders", "server"):
        shutil.copytree(ROOT / folder, copy / folder)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, "."], cwd=copy, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    project = tmp_path / "project"
    export_project(local(tmp_path / "sums"), wheels=[wheel], space=True).write(project)

    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    install = [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
    subprocess.run(install, cwd=project, check=True, capture_output=True)
    application = [python, "-c", "import server.app; print(server.app.app.title)"]
    shown = subprocess.run(application, cwd=project, check=True, capture_output=True, text=True)
    assert shown.stdout.startswith("OpenEnv Environment HTTP API")

    words = json.loads((project / "Dockerfile").read_text().rpartition("CMD ")[2])
    environment = {"PATH": f"{tmp_path}/venv/bin", "HOME": str(tmp_path)}
    with subprocess.Popen(
        [tmp_path / "venv/bin" / words[0], *words[1:]],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout.readline().startswith("http://0.0.0.0:8000")
            assert played("http://127.0.0.1:8000") == 1.0
        finally:
            server.terminate()
            _, talk = server.communicate(timeout=30)
    assert server.returncode == 0, talk


def played(url):
    """The reward of the right answer to task 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openenv.core import GenericEnvClient
    with urllib.request.urlopen(f"{url}/health") as answer:
        assert json.load(answer) == {"status": "healthy"}
    with GenericEnvClient(base_url=url).sync() as client:
        client.reset(split="train", index=1)
        return client.step({"answer": "2"}).reward
