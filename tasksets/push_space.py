"""Push an exported project to the Hub as a Space, in one commit."""

from collections.abc import Iterator
from pathlib import Path

from openenv_tasksets.export import OWN_FOLDERS, Project
from openenv_tasksets.loaders.errors import HubError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.hub_space import PushedSpace, fill_space
from openenv_tasksets.secret_scan import Finding, SecretFound, scan_text

_TEXTS = (".md", ".py", ".txt", ".yaml", "Dockerfile")


def push_space(
    project: Project,
    repo_id: str,
    *,
    private: bool | None = None,
    commit_message: str | None = None,
    hub: Hub | None = None,
) -> PushedSpace:
    """Make a Space hold a project; files of an earlier one that this one lacks go.

    Args:
        project: From ``export_project`` with ``space``.
        repo_id: ``namespace/name``; created where there is none.
        private: Whether a new Space is private; None leaves it to the Hub. One that exists must be as said.
        commit_message: None writes one.
        hub: None takes the Hub of the environment's variables.

    Raises:
        SecretFound: Something looks like a secret.
        HubError: The project holds the rows and the Space would be public; no right to write; or no answer.
    """
    if project.holds_rows and not private:
        raise HubError(
            f"{repo_id}: the project holds the rows, hidden columns too, and whoever reads the Space would know the "
            "answers: push the taskset to a dataset repository first and the Space from there, or make it private"
        )
    if findings := list(_findings(project)):
        raise SecretFound(findings)
    message = commit_message or "Serve a taskset with openenv-tasksets"
    return fill_space(hub or Hub(), repo_id, project.files, folders=OWN_FOLDERS, private=private, message=message)


def _findings(project: Project) -> Iterator[Finding]:
    for name, content in project.files.items():
        if name.endswith(_TEXTS):
            yield from scan_text(content.read_bytes() if isinstance(content, Path) else content, name)
