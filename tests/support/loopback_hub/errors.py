"""The one error of this Hub: a status, a message, and the code by which the clients tell errors apart."""

from collections.abc import Mapping


class HubError(Exception):
    """A request that the Hub refuses.

    Attributes:
        status: HTTP status, in [400, 500).
        message: What the user is told, in the body and in ``X-Error-Message``.
        code: ``X-Error-Code``, or None where the Hub sends none.
        headers: Further headers of the answer.
    """

    def __init__(
        self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})


def repository_not_found(*, anonymous: bool) -> HubError:
    """A repository that does not exist, or that this caller may not know of."""
    return HubError(401 if anonymous else 404, "Repository not found", "RepoNotFound")


def revision_not_found(revision: str) -> HubError:
    """A branch, tag, pull request or commit that the repository does not have."""
    return HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(message: str, commit_id: str) -> HubError:
    """A path that the commit does not have."""
    return HubError(404, message, "EntryNotFound", {"X-Repo-Commit": commit_id})
