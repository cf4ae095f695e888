"""The Hub's whole state: accounts and repositories."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from loopback_hub.accounts import Account, Role, check_visible
from loopback_hub.errors import HubError, repository_not_found
from loopback_hub.objects import Blob, Commit
from loopback_hub.patterns import DEFAULT_ATTRIBUTES
from loopback_hub.repository import Repository, RepoType

_NAME = re.compile(r"(?![-.])(?!.*(--|\.\.))[\w.-]{1,96}(?<![-.])", re.ASCII)
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


class Store:
    """Accounts and repositories.

    Attributes:
        accounts: By token.
        moved: Old to new id of renamed repositories, by type.
        cdn_port: Where large files are served; set once the server listens.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[tuple[RepoType, str], Repository] = {}
        self.moved: dict[tuple[RepoType, str], str] = {}
        self.cdn_port = 0
        self._commits = 0

    def now(self) -> datetime:
        """A clock that ticks a second a reading, so that the same commits have the same ids in every run."""
        self._commits += 1
        return _EPOCH + timedelta(seconds=self._commits)

    def add_account(self, name: str, *, organizations: Mapping[str, Role], role: Role) -> Account:
        """A new token of a user, who is new or not."""
        account = Account(name, f"hf_{name}_{role}_{len(self.accounts)}", role, dict(organizations))
        self.accounts[account.token] = account
        return account

    def authenticate(self, authorization: str | None) -> Account | None:
        """Whose token an ``Authorization`` header holds.

        Raises:
            HubError: 401, nobody's.
        """
        if authorization is None:
            return None
        account = self.accounts.get(authorization.removeprefix("Bearer "))
        if account is None:
            raise HubError(401, "Invalid credentials in Authorization header")
        return account

    def find(self, repo_type: RepoType, repo_id: str, account: Account | None) -> Repository:
        """The repository, if it is there and the caller may know that.

        Raises:
            HubError: 401 or 404.
        """
        repository = self.repositories.get((repo_type, repo_id))
        if repository is None:
            raise repository_not_found(anonymous=account is None)
        check_visible(account, repository)
        return repository

    def create(
        self, repo_type: RepoType, repo_id: str, *, author: str, private: bool = False, sdk: str | None = None
    ) -> Repository:
        """A repository with the first commit that every one has.

        Raises:
            HubError: 400, the name is none; 409, there is such a repository.
        """
        self._check_new(repo_type, repo_id)
        files = {".gitattributes": Blob.regular(DEFAULT_ATTRIBUTES.encode())}
        if sdk is not None:
            files["README.md"] = Blob.regular(f"---\ntitle: {repo_id.partition('/')[2]}\nsdk: {sdk}\n---\n".encode())
        first = Commit(None, author, "initial commit", "", self.now(), MappingProxyType(files))
        repository = Repository(repo_id, repo_type, first, private=private, sdk=sdk)
        self.repositories[repo_type, repo_id] = repository
        self.moved.pop((repo_type, repo_id), None)
        return repository

    def delete(self, repository: Repository) -> None:
        """Forget the repository and all its commits."""
        del self.repositories[repository.type, repository.id]

    def move(self, repository: Repository, new_id: str) -> None:
        """Rename the repository; the old name redirects to the new one.

        Raises:
            HubError: 400, the name is none; 409, there is such a repository.
        """
        self._check_new(repository.type, new_id)
        old_id = repository.id
        del self.repositories[repository.type, old_id]
        repository.id = new_id
        self.repositories[repository.type, new_id] = repository
        self.moved[repository.type, old_id] = new_id
        self.moved.pop((repository.type, new_id), None)

    def _check_new(self, repo_type: RepoType, repo_id: str) -> None:
        parts: Sequence[str] = repo_id.split("/")
        if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts) or repo_id.endswith(".git"):
            raise HubError(400, f"Invalid repo name: {repo_id}")
        if (repo_type, repo_id) in self.repositories:
            raise HubError(409, f"You already created this {repo_type} repo: {repo_id}")

    def sign(self, text: str) -> str:
        """A signature that lets whoever holds it do what ``text`` says, without a token."""
        return hmac.new(b"loopback", text.encode(), hashlib.sha256).hexdigest()
