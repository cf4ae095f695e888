"""The Hub: which commit a revision is, which files it has, and their bytes, in the Hub's cache and checked.

With its neighbours ``hub_*`` the only module that knows ``huggingface_hub``, whose cache, settings
(``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``) and login it shares. Two things are
added that it leaves out: the content of what was downloaded is compared with its hash, and an answer that is an error
of the server, or broken off, is asked for again.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from huggingface_hub import HfApi, constants, get_session, hf_hub_download, hf_raise_for_status
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]
from tqdm import tqdm

from openenv_tasksets.loaders.errors import HubUnavailable, RevisionNotFound, SourceError, TasksetError
from openenv_tasksets.loaders.hub_cache import HubCache
from openenv_tasksets.loaders.hub_failure import FAILURES, explained, seconds_to_wait
from openenv_tasksets.loaders.hub_file import HubFile
from openenv_tasksets.loaders.hub_range import HubRange
from openenv_tasksets.loaders.reference import DatasetReference, is_commit_hash
from openenv_tasksets.loaders.spelling import nearest

DEFAULT_REVISION = constants.DEFAULT_REVISION

_WAITS_S = (0.5, 1.0, 2.0)
_MOST_WAIT_S = 60.0
_THREADS = 8
_LIBRARY = "openenv-tasksets"
_VERSION = version(_LIBRARY)

Answer = TypeVar("Answer")


# Hashes become names of files.
_Sha1 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")]
_Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Commit(msgspec.Struct):
    sha: _Sha1


class _Lfs(msgspec.Struct):
    oid: _Sha256


class _Entry(msgspec.Struct):
    type: str
    path: str
    oid: _Sha1
    size: int = 0
    lfs: _Lfs | None = None


class _Ref(msgspec.Struct):
    name: str


class _PullRequest(msgspec.Struct):
    ref: str


class _Refs(msgspec.Struct, rename="camel"):
    branches: list[_Ref]
    tags: list[_Ref]
    pull_requests: list[_PullRequest] = []


class Hub:
    """Dataset repositories of one Hub, as one user. Immutable and thread-safe.

    Args:
        endpoint: URL of the Hub; None takes ``HF_ENDPOINT``, else https://huggingface.co. The token is sent
            there and nowhere else.
        token: None takes ``HF_TOKEN``, else that of ``hf auth login``; False sends none.
        cache_dir: Folder of the Hub's cache; None takes ``HF_HUB_CACHE``, else ``HF_HOME``'s.
        offline: Make no request and use what is in the cache; so does ``HF_HUB_OFFLINE``.
        timeout_s: Longest silence in an answer; None takes ``HF_HUB_DOWNLOAD_TIMEOUT``, else 10 seconds.
        wait: Called with the seconds to wait before asking again.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        *,
        offline: bool = False,
        timeout_s: float | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.cache_dir = Path(cache_dir or constants.HF_HUB_CACHE).expanduser().resolve()
        self.offline = offline or constants.HF_HUB_OFFLINE
        self._token = token
        self._timeout_s: float = timeout_s or constants.HF_HUB_DOWNLOAD_TIMEOUT
        self._wait = wait

    def __repr__(self) -> str:
        return f"<Hub {self.endpoint}{', offline' if self.offline else ''}>"

    def resolve(self, repo_id: str, revision: str | None = None) -> str:
        """The commit that a revision stands for now; a whole commit hash is itself, without a request.

        Args:
            repo_id: ``namespace/name``.
            revision: Branch, tag, ``refs/pr/N`` or (part of a) commit hash; None means ``main``. Offline, it
                stands for what it last stood for.

        Raises:
            ReferenceInvalid: The name or the revision is nothing that the Hub can have.
            RepositoryNotFound: There is no such repository, or no right to read it.
            RevisionNotFound: There is no such revision.
            HubUnavailable: The Hub does not answer; or offline, and the revision was never asked for.
        """
        revision = DatasetReference(repo_id, None, revision).revision or DEFAULT_REVISION
        if is_commit_hash(revision):
            return revision
        cache = self._cache(repo_id)
        what = f"{repo_id}@{revision}"
        if self.offline:
            commit_hash = cache.last_commit(revision)
            if commit_hash is None:
                raise HubUnavailable(
                    f"{what}: offline, and what commit {revision!r} is was never asked for; "
                    "go online once, or name a commit that is in the cache"
                )
            return commit_hash
        try:
            answer, _ = self._ask(repo_id, f"revision/{quote(revision, safe='')}", {"expand": "sha"}, _Commit, what)
        except RevisionNotFound as exc:
            raise RevisionNotFound(exc.message + self._nearest(repo_id, revision)) from exc.__cause__
        cache.keep_commit(revision, answer.sha)
        return answer.sha

    def files(self, repo_id: str, commit_hash: str) -> tuple[HubFile, ...]:
        """Every file of the commit, by path; asked for once, and then known from the cache.

        Raises:
            RepositoryNotFound: There is no such repository, or no right to read it.
            RevisionNotFound: There is no such commit.
            HubUnavailable: The Hub does not answer; or offline, and not in the cache.
        """
        cache = self._cache(repo_id)
        known = cache.listing(commit_hash)
        if known is not None:
            return known
        what = f"the files of {repo_id}@{commit_hash[:7]}"
        if self.offline:
            raise HubUnavailable(f"{what}: offline, and not in the cache {self.cache_dir}; open it once online")
        found: list[HubFile] = []
        query: Mapping[str, str] | None = {"recursive": "true"}
        while query is not None:
            page, query = self._ask(repo_id, f"tree/{commit_hash}", query, list[_Entry], what)
            found += [
                HubFile(entry.path, entry.size, entry.oid, entry.lfs.oid if entry.lfs else None)
                for entry in page
                if entry.type == "file"
            ]
        files = tuple(sorted(found, key=lambda file: file.path))
        cache.keep_listing(commit_hash, files)
        return files

    def download(self, repo_id: str, commit_hash: str, path: str) -> Path:
        """One file, in the cache, with the hash that the Hub lists for it.

        Raises:
            SourceError: The commit has no such file, or the cache cannot hold it.
            RepositoryNotFound: There is no such repository, or no right to read it.
            HubUnavailable: The Hub does not give it, or gives other bytes; or offline, and not in the cache.
        """
        return self.download_many(repo_id, commit_hash, [path]) / path

    def download_many(self, repo_id: str, commit_hash: str, paths: Sequence[str]) -> Path:
        """Some files of a commit, side by side; shows a bar on a terminal once it has taken a second.

        Returns:
            The folder in the cache below which they are at their paths.

        Raises:
            SourceError: The commit has no such file, or the cache cannot hold it.
            RepositoryNotFound: There is no such repository, or no right to read it.
            HubUnavailable: The Hub does not give one of them, or gives other bytes; or offline, and not in the
                cache. The others may have arrived: they are not asked for again.
        """
        listed = {file.path: file for file in self.files(repo_id, commit_hash)}
        for path in paths:
            if path not in listed:
                raise SourceError(f"{repo_id}@{commit_hash[:7]} has no file {path!r}{nearest(path, listed)}")
        files = [listed[path] for path in dict.fromkeys(paths)]
        folder = self._cache(repo_id).snapshot(commit_hash)
        size = sum(file.size for file in files if not (folder / file.path).exists())
        pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix=_LIBRARY)
        stopping = threading.Event()
        try:
            with tqdm(total=size, desc=repo_id, unit="B", unit_scale=True, delay=1, disable=None) as bar:
                reporting = _reporting_to(bar, stopping)
                arriving = [pool.submit(self._fetch, repo_id, commit_hash, file, reporting) for file in files]
                for each in arriving:
                    each.result()
        except KeyboardInterrupt:
            stopping.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        return folder

    def fetch(self, repo_id: str, commit_hash: str, file: HubFile) -> None:
        """One file, into the cache, with the hash that the Hub lists for it; shows nothing.

        Raises:
            SourceError: The cache cannot hold it.
            RepositoryNotFound: There is no such repository, or no right to read it.
            HubUnavailable: The Hub does not give it, or gives other bytes; or offline, and not in the cache.
        """
        self._fetch(repo_id, commit_hash, file, _reporting_to(tqdm(disable=True), threading.Event()))
        self._cache(repo_id).drop_parts(file)

    def cached(self, repo_id: str, commit_hash: str, file: HubFile) -> Path | None:
        """Where the file is in the cache, if it is, with the right hash: which takes reading it the first time."""
        cache = self._cache(repo_id)
        path = cache.snapshot(commit_hash) / file.path
        return path if path.exists() and cache.confirm(file, path) else None

    def ranges(self, repo_id: str, commit_hash: str, file: HubFile) -> HubRange:
        """What ``read`` takes to read parts of a file."""
        url = f"{self.endpoint}/datasets/{repo_id}/resolve/{commit_hash}/{quote(file.path)}"
        return HubRange(url, file, self._headers, self._timeout_s)

    def read(self, repo_id: str, what: str, file: HubFile, ranges: HubRange, start: int, end: int) -> bytes:
        """The bytes of a file from ``start`` up to ``end``, without the rest of it; asked for once, and then kept.

        Args:
            repo_id: The repository that it is in.
            what: What of it, as messages name it.
            file: The file.
            ranges: From ``ranges``.
            start: The first byte.
            end: The byte behind the last one.

        Raises:
            RepositoryNotFound: There is no such repository, or no right to read it.
            HubUnavailable: The Hub does not give them; or offline.
            SourceChanged: The Hub gives those of another file.
        """
        cache = self._cache(repo_id)
        kept = cache.part(file, start, end)
        if kept is not None:
            return kept
        if self.offline:
            raise HubUnavailable(f"{repo_id}@{what}: offline, and not in the cache; open it once online")
        content = self._again(lambda: ranges.read(start, end), repo_id, f"{repo_id}@{what}")
        cache.keep_part(file, start, content)
        return content

    def call(self, call: Callable[[HfApi], Answer], repo_id: str, what: str) -> Answer:
        """Call the Hub's library as this user, and again after an error that may pass.

        Args:
            call: May be called several times, and must have one effect however often it is.
            repo_id: The repository that it is about.
            what: What it is for, as messages name it.

        Raises:
            TasksetError: What the library raised, explained.
        """
        api = HfApi(endpoint=self.endpoint, token=self._token, library_name=_LIBRARY, library_version=_VERSION)
        return self._again(lambda: call(api), repo_id, what)

    def _fetch(self, repo_id: str, commit_hash: str, file: HubFile, reporting: type) -> None:
        what = f"{repo_id}@{commit_hash[:7]}: {file.path}"
        cache = self._cache(repo_id)

        def download() -> Path:
            return Path(
                hf_hub_download(
                    repo_id,
                    file.path,
                    repo_type="dataset",
                    revision=commit_hash,
                    endpoint=self.endpoint,
                    token=self._token,
                    cache_dir=self.cache_dir,
                    local_files_only=self.offline,
                    library_name=_LIBRARY,
                    library_version=_VERSION,
                    tqdm_class=reporting,
                )
            )

        for _ in range(2):
            if cache.confirm(file, self._again(download, repo_id, what)):
                return
        raise HubUnavailable(
            f"{what}: twice {self.endpoint} sent bytes whose hash is not {file.digest}; "
            "they were not kept, try again later"
        )

    def _ask(
        self, repo_id: str, path: str, query: Mapping[str, str], kind: type[Answer], what: str
    ) -> tuple[Answer, dict[str, str] | None]:
        """An answer of the Hub's API, and the query for the next page of it."""

        def get() -> tuple[Answer, dict[str, str] | None]:
            response = get_session().get(
                f"{self.endpoint}/api/datasets/{repo_id}/{path}",
                params=dict(query),
                headers=self._headers(),
                timeout=self._timeout_s,
            )
            hf_raise_for_status(response)
            link = response.links.get("next", {}).get("url")
            # Only the cursor: whatever host the link names, it is not sent the token.
            following = None if link is None else dict(parse_qsl(urlsplit(link).query))
            return msgspec.json.decode(response.content, type=kind), following

        return self._again(get, repo_id, what)

    def _again(self, call: Callable[[], Answer], repo_id: str, what: str) -> Answer:
        """Call, and call again after an error that may pass."""
        waits_s = iter(_WAITS_S)
        while True:
            try:
                return call()
            except FAILURES as exc:
                wait_s, asked_s = next(waits_s, None), seconds_to_wait(exc)
                if wait_s is None or asked_s is None or asked_s > _MOST_WAIT_S:
                    has_token = "authorization" in self._headers()
                    raise explained(
                        exc, repo_id=repo_id, what=what, endpoint=self.endpoint, has_token=has_token
                    ) from exc
            self._wait(max(wait_s, asked_s))

    def _nearest(self, repo_id: str, revision: str) -> str:
        """``nearest`` among the repository's branches, tags and pull requests; less where they cannot be had."""
        try:
            refs, _ = self._ask(repo_id, "refs", {"include_prs": "1"}, _Refs, f"the branches of {repo_id}")
        except TasksetError:
            return ""
        names = [*(ref.name for ref in (*refs.branches, *refs.tags)), *(each.ref for each in refs.pull_requests)]
        return nearest(revision, names)

    def _headers(self) -> dict[str, str]:
        return build_hf_headers(token=self._token, library_name=_LIBRARY, library_version=_VERSION)

    def _cache(self, repo_id: str) -> HubCache:
        return HubCache(self.cache_dir / repo_folder_name(repo_id=repo_id, repo_type="dataset"))


class _Stopped(Exception):
    """The user wants no more of a file."""


def _reporting_to(bar: "tqdm[Any]", stopping: threading.Event) -> type:
    """The class of progress bars to give to the Hub's library: they show nothing and move ``bar``."""

    class Reporting(tqdm):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if stopping.is_set():
                raise _Stopped
            bar.update(n)

        def update_transfer(self, n: float) -> None:
            """Bytes of a compressed transfer: ``update`` is told of them once they are unpacked."""

        def set_transfer_postfix_str(self, *args: Any, **options: Any) -> None:
            """The speed of it."""

    return Reporting
