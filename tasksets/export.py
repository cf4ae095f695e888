"""A project that serves one taskset at one commit: a Space of the Hub, or whatever else runs a container."""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration_file import FILE_NAME, declaration_yaml
from openenv_tasksets.declared_splits import local_files
from openenv_tasksets.environment import accepts, check_arguments, method_name
from openenv_tasksets.installed import find_environment
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.open_taskset import open_taskset
from openenv_tasksets.pinned_requirements import WHEELS, pinned_requirements
from openenv_tasksets.publish_plan import check_pinned
from openenv_tasksets.space_text import Exported, app_module, command, dockerfile, manifest, readme
from openenv_tasksets.taskset import Taskset

_LIBRARY = "openenv-tasksets"
_FOLDER = "taskset"
_CARD = "README.md"
OWN_FOLDERS = (_FOLDER, WHEELS, "server")
"""Folders of a project in which nothing is anybody else's."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project, not written anywhere yet.

    Attributes:
        files: A path in it to the content, or to a file that has it.
        command: What its container runs, in its folder.
        holds_rows: Whether row files are among them, hidden columns and all.
    """

    files: Mapping[str, bytes | Path]
    command: tuple[str, ...]
    holds_rows: bool

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            SourceError: The folder exists and is not empty, or cannot be written.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SourceError(f"{folder}: exists and is not an empty folder; name another, or remove it")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # Beside its place: a folder moves in one step within a file system.
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
                made = Path(scratch) / "project"
                for name, content in self.files.items():
                    path = made / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if isinstance(content, Path):
                        shutil.copyfile(content, path)
                    else:
                        path.write_bytes(content)
                made.replace(folder)
        except OSError as exc:
            raise SourceError(f"{folder}: cannot be written: {exc.strerror or exc}") from exc


def export_project(
    target: str | Path,
    *,
    environment: str | None = None,
    consent: Consent | None = None,
    wheels: Sequence[Path] = (),
    space: bool = False,
    hub: Hub | None = None,
) -> Project:
    """The project that serves a taskset as it is now.

    A taskset on the Hub is pinned to its commit, and read from there where the project runs. Of one in a folder the
    project gets ``environment.yaml`` and, unless they are on the Hub, the row files.

    Args:
        target: A folder with ``environment.yaml``, that file, or a reference to the Hub.
        environment: Which environment of it; may be left out where there is one.
        consent: What the user has agreed to: the project's command says it again.
        wheels: For packages that no index has.
        space: With the metadata that the Hub reads of a Space.
        hub: None takes the Hub of the environment's variables.

    Raises:
        EnvironmentNotFound: Its environment does not run in a process here, or does not take the tasks.
        ConsentNeeded: It executes row content or wants a secret, and the user has not agreed.
        DeclarationError: It names a revision of another dataset that can move.
        TasksetError: It cannot be opened, or a package cannot be pinned.
    """
    hub = hub or Hub()
    taskset = open_taskset(target, environment=environment, hub=hub)
    declared = taskset.environment
    found = find_environment(declared)
    executes_rows = bool(getattr(found, "executes_rows", False))
    consent = consent or Consent()
    # Allowed is enough: where it will run, not here, they must be set.
    consent.check(declared, executes_rows=executes_rows, variables=dict.fromkeys(consent.secrets, ""))
    counts = _checked_counts(taskset, found)
    check_pinned(taskset.declaration, "" if taskset.reference is None else taskset.reference.repo_id, hub)
    runtime = declared.frameworks.openenv
    packages = [_LIBRARY, *([runtime.package] if runtime is not None and runtime.package is not None else [])]
    requirements = pinned_requirements(packages, wheels)
    dataset, commit_hash = _origin(taskset)
    exported = Exported(
        environment=declared,
        target=_FOLDER if taskset.reference is None else str(taskset.reference),
        dataset=dataset,
        commit_hash=commit_hash,
        counts=counts,
        executes_rows=executes_rows,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    names = [wheel.name for wheel in wheels]
    texts = {
        "Dockerfile": dockerfile(exported, names),
        "README.md": readme(exported, space=space),
        "openenv.yaml": manifest(exported),
        "requirements.txt": "".join(f"{line}\n" for line in requirements),
        "server/__init__.py": '"""The server of the project."""\n',
        "server/app.py": app_module(exported),
    }
    files: dict[str, bytes | Path] = {name: text.encode() for name, text in texts.items()}
    files |= {f"{WHEELS}/{wheel.name}": wheel for wheel in wheels} | _own_files(taskset)
    return Project(files, tuple(command(exported)), holds_rows=taskset.reference is None and dataset is None)


def _checked_counts(taskset: Taskset, environment: type) -> dict[str, int]:
    """Tasks of each split, whose first one is bound as a server would."""
    accepted = accepts(getattr(environment, method_name(environment, "reset")), skip_self=True)
    counts = {name: taskset.num_tasks(name) for name in taskset}
    for name, count in counts.items():
        if count:
            check_arguments(accepted, taskset.task(name, 0).arguments(), environment.__name__)
    return counts


def _own_files(taskset: Taskset) -> dict[str, bytes | Path]:
    """The taskset's own files, where it is not read from the Hub."""
    if taskset.reference is not None:
        return {}
    declaration = taskset.declaration
    files: dict[str, bytes | Path] = {f"{_FOLDER}/{FILE_NAME}": declaration_yaml(declaration)}
    if _elsewhere(taskset) is None:
        root = Path(declaration.source or "").parent
        names = [name for split in local_files(taskset.environment, root).values() for name in split]
        if (root / _CARD).is_file():
            names.append(_CARD)
        files |= {f"{_FOLDER}/{name}": root / name for name in names}
    return files


def _elsewhere(taskset: Taskset) -> str | None:
    """The repository that a taskset in a folder has its rows from, if so."""
    dataset = taskset.environment.dataset
    return None if dataset is None else dataset.repo_id


def _origin(taskset: Taskset) -> tuple[str | None, str | None]:
    """Repository and commit of the rows."""
    dataset = taskset.environment.dataset
    if dataset is not None and dataset.repo_id is not None and dataset.revision is not None:
        return dataset.repo_id, dataset.revision
    if taskset.reference is not None:
        return taskset.reference.repo_id, taskset.reference.commit_hash
    return None, None
