"""Push a taskset to the Hub: its rows, ``environment.yaml`` and the card, in one commit or not at all."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.declaration_file import FILE_NAME
from openenv_tasksets.loaders.errors import HubError, TasksetError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.hub_commit import Change, Commit, Head, HubBranch
from openenv_tasksets.loaders.reference import DatasetReference
from openenv_tasksets.publish_plan import CARD_NAME, Plan, PlannedFile, Planner, Target, check_pinned, home_card
from openenv_tasksets.publish_rows import RowPublisher
from openenv_tasksets.secret_scan import Finding, SecretFound, scan_text

if TYPE_CHECKING:
    from openenv_tasksets.taskset import Taskset


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a push did, or, of a dry run, would do.

    Attributes:
        commit_hash: The commit that holds the taskset; None after a dry run for which there is none yet.
        url: Where to look at it.
        changed: Whether there was anything to commit.
        files: Every file of the taskset, and what happened to it.
        pull_request: The pull request that was opened, as in ``refs/pr/3``.
        notes: What else the user should know.
    """

    commit_hash: str | None
    url: str
    changed: bool
    files: tuple[PlannedFile, ...]
    pull_request: str | None = None
    notes: tuple[str, ...] = ()


def push(
    declaration: Declaration,
    tasksets: "Sequence[Taskset]",
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    commit_message: str | None = None,
    tag: str | None = None,
    hub: Hub | None = None,
    dry_run: bool = False,
    allow_secrets: bool = False,
) -> PushResult:
    """Make a repository hold a declaration, and the rows of some of its environments.

    Args:
        declaration: What becomes ``environment.yaml``, as its author wrote it.
        tasksets: Environments of it. Rows that live elsewhere stay there.
        repo_id: ``namespace/name``; created where there is none.
        private: Whether a new repository is private; None leaves it to the Hub. One that exists must be as said.
        revision: The branch, created where there is none; None means ``main``.
        create_pr: Open a pull request instead.
        commit_message: None writes one.
        tag: Name for the commit; it must be new, or be there already.
        hub: None takes the Hub of the environment's variables.
        dry_run: Only say what would be done.
        allow_secrets: Push what looks like a secret.

    Raises:
        ReferenceInvalid: The name or the revision is nothing that the Hub can have.
        DeclarationError: ``dataset.revision`` names something that can move.
        SecretFound: Something looks like a secret.
        SourceError: Rows or a card that cannot be published as they are.
        HeadMoved: Someone else has committed meanwhile.
        HubError: No right to write, or no answer.
    """
    hub = hub or Hub()
    DatasetReference(repo_id, None, revision)
    branch = HubBranch(hub, repo_id, revision)
    check_pinned(declaration, repo_id, hub)
    head = branch.head()
    target = Target.at(hub, repo_id, head.commit_hash)
    with tempfile.TemporaryDirectory(prefix="openenv-tasksets-push-") as scratch:
        rows = RowPublisher(Path(scratch), keep_secrets=allow_secrets)
        reference = tasksets[0].reference if tasksets else None
        plan = Planner(target, rows).plan(declaration, tasksets, home_card(declaration, reference, hub, target))
        if not allow_secrets and (findings := [*_in_texts(plan.changes), *rows.findings]):
            raise SecretFound(findings)
        if tag is not None and head.commit_hash is not None:
            _check_tag(branch, tag, None if plan.changes else head.commit_hash)
        if dry_run:
            return _result(hub, repo_id, plan, None if head.commit_hash is None else Commit(head.commit_hash))
        return _result(hub, repo_id, plan, _carry_out(branch, head, plan, private, create_pr, commit_message, tag))


def _carry_out(
    branch: HubBranch,
    head: Head,
    plan: Plan,
    private: bool | None,
    create_pr: bool,
    message: str | None,
    tag: str | None,
) -> Commit:
    parent = branch.create(head, private)
    commit = Commit(parent)
    if plan.changes:
        commit = branch.commit(parent, plan.changes, message or "Push tasks with openenv-tasksets", create_pr=create_pr)
    if tag is not None:
        try:
            branch.tag(tag, commit.commit_hash)
        except TasksetError as exc:
            raise HubError(f"pushed as {commit.commit_hash}, but not tagged: {exc}; push again to tag it") from exc
    return commit


def _check_tag(branch: HubBranch, tag: str, commit_hash: str | None) -> None:
    there = branch.tags().get(tag)
    if there is not None and there != commit_hash:
        raise HubError(f"{branch.repo_id}: the tag {tag!r} is at {there[:7]}, and tags do not move; choose another")


def _in_texts(changes: Sequence[Change]) -> list[Finding]:
    texts = [
        change for change in changes if change.path in (CARD_NAME, FILE_NAME) and isinstance(change.content, bytes)
    ]
    return [
        finding
        for change in texts
        if isinstance(change.content, bytes)
        for finding in scan_text(change.content, change.path)
    ]


def _result(hub: Hub, repo_id: str, plan: Plan, commit: Commit | None) -> PushResult:
    page = f"{hub.endpoint}/datasets/{repo_id}"
    pull_request = None if commit is None else commit.pull_request
    if pull_request is not None:
        page += f"/discussions/{pull_request.rpartition('/')[2]}"
    elif commit is not None:
        page += f"/commit/{commit.commit_hash}"
    return PushResult(
        commit_hash=None if commit is None else commit.commit_hash,
        url=page,
        changed=bool(plan.changes),
        files=plan.files,
        pull_request=pull_request,
        notes=plan.notes,
    )
