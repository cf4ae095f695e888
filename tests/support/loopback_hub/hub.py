"""The Hub as tests see it."""

import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from loopback_hub.accounts import Role
from loopback_hub.commit_routes import text_at
from loopback_hub.faults import FaultKind, Faults
from loopback_hub.objects import Blob
from loopback_hub.patterns import is_large
from loopback_hub.repository import Change, Delete, Gated, Repository, RepoType, Stamp, Write
from loopback_hub.request_log import RequestLog, RequestRecord
from loopback_hub.server import Server
from loopback_hub.store import Store

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_SAMPLE_BYTES = 512


class LoopbackHub:
    """A Hugging Face Hub on two ports of this machine, empty at first, for one test.

    The real clients use it unchanged: in process with ``HfApi(endpoint=hub.endpoint, token=hub.token)`` or
    ``hub.api()``, in a process of their own with ``env=hub.environment()``. Uploads in process need
    ``HF_HUB_DISABLE_XET=1`` in the environment before ``huggingface_hub`` is imported.

    Repositories are datasets unless ``repo_type`` says otherwise. Where nothing is said, a commit is by ``user``.

    Args:
        user: The first user, whose token with the role ``write`` is ``hub.token``.
        organizations: Where that user may write.

    Attributes:
        endpoint: Address of the API, ``http://127.0.0.1:{port}``.
        token: The first user's token.
        home: An empty folder for ``HF_HOME``, removed with the Hub.
    """

    def __init__(self, *, user: str = "alice", organizations: tuple[str, ...] = ("acme",)) -> None:
        self._store = Store()
        self._log = RequestLog()
        self._faults = Faults()
        self._lock = threading.RLock()
        self._user = user
        self.token = self.add_token(user, organizations=dict.fromkeys(organizations, "write"))
        self._folder = tempfile.TemporaryDirectory(prefix="loopback-hub-")
        self.home = Path(self._folder.name)
        self._api = Server("api", self._store, self._log, self._faults, self._lock)
        self._cdn = Server("cdn", self._store, self._log, self._faults, self._lock)
        self._store.cdn_port = self._cdn.port
        self.endpoint = f"http://127.0.0.1:{self._api.port}"

    def __enter__(self) -> "LoopbackHub":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving: from now on connections are refused. The state can still be read."""
        self._api.close()
        self._cdn.close()
        self._folder.cleanup()

    # Clients

    @property
    def cache_dir(self) -> Path:
        """The Hub cache below ``home``, for the ``cache_dir`` argument of clients in process."""
        return self.home / "hub"

    def api(self, token: str | bool | None = None) -> "HfApi":
        """The real client; ``token`` is another user's, or False for nobody's."""
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=self.token if token is None else token)

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment in which a process uses this Hub and nothing else.

        Args:
            changes: Further variables, for example ``HF_TOKEN="…"`` or ``HF_HUB_OFFLINE="1"``.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        return {
            **kept,
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.home),
            "HF_TOKEN": self.token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            **changes,
        }

    # Accounts

    def add_token(self, user: str, *, organizations: Mapping[str, Role] | None = None, role: Role = "write") -> str:
        """A token of a user, who may be new.

        Args:
            organizations: What the user may do in which organization.
            role: What the token allows at most.
        """
        with self._lock:
            return self._store.add_account(user, organizations=organizations or {}, role=role).token

    # Repositories

    def create_repo(
        self, repo_id: str, *, repo_type: RepoType = "dataset", private: bool = False, gated: Gated = False
    ) -> str:
        """Create a repository without a request; its first commit is returned."""
        sdk = "docker" if repo_type == "space" else None
        with self._lock:
            repository = self._store.create(repo_type, repo_id, author=self._user, private=private, sdk=sdk)
            repository.gated = gated
            return repository.resolve("main").id

    def commit(
        self,
        repo_id: str,
        files: Mapping[str, bytes | None],
        *,
        revision: str = "main",
        message: str = "Update",
        repo_type: RepoType = "dataset",
    ) -> str:
        """Commit files, large ones as large files, without a request; the commit is returned.

        Args:
            files: Path to content, or to None for a file to delete.
        """
        with self._lock:
            repository = self._repository(repo_id, repo_type)
            name = repository.writable(revision)
            base = repository.resolve(name)
            attributes = text_at(base, ".gitattributes")
            changes: list[Change] = []
            for path, content in files.items():
                if content is None:
                    changes.append(Delete(path))
                elif is_large(path, content[:_SAMPLE_BYTES], len(content), attributes):
                    blob = Blob.large(content)
                    repository.uploads[str(blob.sha256)] = blob
                    changes.append(Write(path, blob))
                else:
                    changes.append(Write(path, Blob.regular(content)))
            return repository.commit(name, base, changes, Stamp(self._user, self._store.now(), message)).id

    def grant_access(self, repo_id: str, user: str, *, repo_type: RepoType = "dataset") -> None:
        """Let a user read a private or gated repository."""
        with self._lock:
            self._repository(repo_id, repo_type).readers.add(user)

    def _repository(self, repo_id: str, repo_type: RepoType) -> Repository:
        try:
            return self._store.repositories[repo_type, repo_id]
        except KeyError:
            raise KeyError(f"there is no {repo_type} {repo_id!r}; create_repo({repo_id!r}) makes one") from None

    # State

    def head(self, repo_id: str, revision: str = "main", *, repo_type: RepoType = "dataset") -> str:
        """The commit that a revision means now."""
        with self._lock:
            return self._repository(repo_id, repo_type).resolve(revision).id

    def files(self, repo_id: str, revision: str = "main", *, repo_type: RepoType = "dataset") -> dict[str, bytes]:
        """Path to content of every file at a revision."""
        with self._lock:
            commit = self._repository(repo_id, repo_type).resolve(revision)
            return {path: blob.content for path, blob in commit.files.items()}

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """All that clients can see, to be compared: two are equal if and only if nothing has changed between.

        Keys are ``datasets/namespace/name`` and the like. Uploaded files that no commit names are invisible, and
        not in it.
        """
        with self._lock:
            return {
                repository.path if repository.type != "model" else f"models/{repository.id}": {
                    "private": repository.private,
                    "gated": repository.gated,
                    "references": dict(repository.references),
                    "commits": {
                        commit.id: {
                            "parent": commit.parent,
                            "title": commit.title,
                            "tree": {path: blob.etag for path, blob in commit.files.items()},
                        }
                        for commit in repository.commits.values()
                    },
                }
                for repository in self._store.repositories.values()
            }

    # Requests

    @property
    def requests(self) -> list[RequestRecord]:
        """The requests since the last reset, of both ports, in the order of arrival."""
        return self._log.records

    def reset_log(self) -> None:
        """Forget the requests so far."""
        self._log.reset()

    # Faults

    def fail(
        self,
        how: FaultKind,
        *,
        nth: int = 1,
        every: bool = False,
        matching: Callable[[RequestRecord], bool] | None = None,
    ) -> None:
        """Fail a request to come, of either port.

        Args:
            how: ``429`` (with ``Retry-After: 0``), ``500``, ``reset``, ``stall`` (no answer until the client hangs up
                or ``heal`` is called): the request has no effect. ``cut`` (half of the body, or of the head where there
                is no body), ``lost-answer`` (a reset after the effect), ``etag`` (another than the file's), ``short``
                (a byte less, which no header says), ``drip`` (a few bytes at a time): it has.
            nth: Which one, from 1, counted from now.
            every: All after it as well.
            matching: Which requests count; absent, all do.
        """
        self._faults.arm(how, nth=nth, every=every, matching=matching)

    def kill(self, *, nth: int = 1) -> None:
        """Reset the ``nth`` request from now, and all after it, until ``heal`` is called."""
        self.fail("reset", nth=nth, every=True)

    def heal(self) -> None:
        """Forget all faults, and that they have fired."""
        self._faults.disarm()

    @property
    def fired(self) -> int:
        """How many requests were failed since the last ``heal``."""
        return self._faults.fired
