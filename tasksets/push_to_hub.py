"""``Taskset.push_to_hub``: one repository for all that a taskset is, or two where answers stay private."""

from typing import TYPE_CHECKING

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.publish import PushResult, push
from openenv_tasksets.publish_hidden import push_hidden

if TYPE_CHECKING:
    from openenv_tasksets.taskset import Taskset


def push_to_hub(
    taskset: "Taskset",
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    commit_message: str | None = None,
    tag: str | None = None,
    hidden_repo: str | None = None,
    hub: Hub | None = None,
    dry_run: bool = False,
    allow_secrets: bool = False,
) -> PushResult:
    """Push a taskset; see ``push`` and, with ``hidden_repo``, ``push_hidden``.

    Raises:
        TasksetError: As they do.
    """
    if hidden_repo is None:
        return push(
            taskset.declaration,
            [taskset],
            repo_id,
            private=private,
            revision=revision,
            create_pr=create_pr,
            commit_message=commit_message,
            tag=tag,
            hub=hub,
            dry_run=dry_run,
            allow_secrets=allow_secrets,
        )
    if create_pr:
        raise SourceError("hidden_repo: two repositories cannot share a pull request; push to a branch")
    return push_hidden(
        taskset,
        repo_id,
        hidden_repo,
        private=private,
        revision=revision,
        commit_message=commit_message,
        tag=tag,
        hub=hub,
        dry_run=dry_run,
        allow_secrets=allow_secrets,
    )
