"""Users, their tokens, and what they may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from loopback_hub.errors import HubError, repository_not_found
from loopback_hub.repository import Repository

Role: TypeAlias = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Account:
    """A user, as one of their tokens shows them.

    Attributes:
        role: What the token allows, whatever the user may do.
        organizations: Name to the user's role in it.
    """

    name: str
    token: str
    role: Role
    organizations: Mapping[str, Role]

    def may_write_in(self, namespace: str) -> bool:
        """Whether the token may create and change repositories of this user or organization."""
        return self.role == "write" and (namespace == self.name or self.organizations.get(namespace) == "write")

    def is_member_of(self, namespace: str) -> bool:
        """Whether the namespace is the user's own or an organization they are in."""
        return namespace == self.name or namespace in self.organizations


def namespace_of(repo_id: str) -> str:
    """``acme`` of ``acme/word-problems``."""
    return repo_id.partition("/")[0]


def check_visible(account: Account | None, repository: Repository) -> None:
    """Refuse callers who may not know that a private repository exists.

    Raises:
        HubError: 401 or 404, as if there were no such repository.
    """
    if repository.private and not _is_inside(account, repository):
        raise repository_not_found(anonymous=account is None)


def check_readable(account: Account | None, repository: Repository) -> None:
    """Refuse callers who may not read the files.

    Raises:
        HubError: 401 or 404 for a private repository; 401 or 403 for a gated one.
    """
    check_visible(account, repository)
    if repository.gated and not _is_inside(account, repository):
        noun = f"{repository.type} {repository.id}"
        if account is None:
            raise HubError(
                401,
                f"Access to {noun} is restricted. You must have access to it and be authenticated to access it. "
                "Please log in.",
                "GatedRepo",
            )
        raise HubError(
            403, f"Access to {noun} is restricted and you are not in the authorized list. Ask for access.", "GatedRepo"
        )


def check_writable(account: Account | None, repository: Repository) -> None:
    """Refuse callers who may not change the repository.

    Raises:
        HubError: 401, nobody is logged in; 403, this user, or this token, may not write.
    """
    check_visible(account, repository)
    logged_in = check_logged_in(account)
    if not logged_in.may_write_in(namespace_of(repository.id)):
        raise HubError(403, f"You don't have the rights to write to the {repository.type} {repository.id}")


def check_logged_in(account: Account | None) -> Account:
    """Refuse anonymous callers.

    Raises:
        HubError: 401.
    """
    if account is None:
        raise HubError(401, "Invalid username or password.")
    return account


def _is_inside(account: Account | None, repository: Repository) -> bool:
    return account is not None and (
        account.is_member_of(namespace_of(repository.id)) or account.name in repository.readers
    )
