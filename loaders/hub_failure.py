"""What the Hub's library raised: whether to ask again, and what to tell the user."""

import errno
import re

import msgspec
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from openenv_tasksets.loaders.errors import (
    HubUnavailable,
    RepositoryNotFound,
    RevisionNotFound,
    SourceError,
    TasksetError,
)

# Of httpx in huggingface_hub 1, of httpx2 in 2: what its own errors of the kind are made of.
_HttpError: type[Exception] = next(kind for kind in HfHubHTTPError.__bases__ if kind.__name__ == "HTTPError")

FAILURES = (_HttpError, OSError, EntryNotFoundError, RuntimeError, msgspec.DecodeError)
"""What a call of the library may raise without a bug: from HTTP, the disk, Xet, or a body that is not JSON."""

_PASSING = frozenset((408, 429, 500, 502, 503, 504))
_LOG_IN = "log in with `hf auth login`, set HF_TOKEN, or give token="
# Of the draft standard for rate limits: seconds until more requests are allowed.
_RESET = re.compile(r"(?:^|[;,\s])t=([0-9]{1,6})\b")


def seconds_to_wait(exc: Exception) -> float | None:
    """The least time after which to ask again, 0 where the Hub does not say; None where it would not help."""
    if isinstance(exc, OfflineModeIsEnabled | EntryNotFoundError):
        # The library itself has already asked again where that could help.
        return None
    if isinstance(exc, HfHubHTTPError):
        return _asked_wait(exc) if _status(exc) in _PASSING else None
    return 0 if _reason_of_disk(exc) is None else None


def explained(exc: Exception, *, repo_id: str, what: str, endpoint: str, has_token: bool) -> TasksetError:
    """The error to raise instead.

    Args:
        exc: One of ``FAILURES``.
        repo_id: The repository that was asked for.
        what: What of it, as messages name it.
        endpoint: URL of the Hub.
        has_token: Whether a token was sent.
    """
    if isinstance(exc, LocalEntryNotFoundError) and isinstance(exc.__cause__, Exception):
        exc = exc.__cause__
    match exc:
        case GatedRepoError():
            then = "" if has_token else f", and {_LOG_IN}"
            return RepositoryNotFound(f"{repo_id} is gated: ask for access at {endpoint}/datasets/{repo_id}{then}")
        case RevisionNotFoundError():
            return RevisionNotFound(f"{what}: there is no such branch, tag, pull request or commit")
        case LocalEntryNotFoundError() | OfflineModeIsEnabled():
            return HubUnavailable(f"{what}: offline, and not in the cache; open it once online")
        case RepositoryNotFoundError():
            return _no_access(repo_id, endpoint, has_token)
        case HfHubHTTPError() if _status(exc) in (401, 403) and str(exc.response.url).startswith(endpoint):
            return _no_access(repo_id, endpoint, has_token)
        case HfHubHTTPError() if _status(exc) == 429:
            wait_s = _asked_wait(exc)
            when = f"in {wait_s:.0f} seconds" if wait_s else "later"
            return HubUnavailable(f"{what}: {endpoint} takes no more requests for now (429); try again {when}")
    if disk := _reason_of_disk(exc):
        return SourceError(f"{what}: the cache cannot hold it: {disk}")
    return HubUnavailable(f"{what}: {endpoint} gives no usable answer: {_reason(exc)}; try again later")


def _no_access(repo_id: str, endpoint: str, has_token: bool) -> RepositoryNotFound:
    who = "the token given may not read it" if has_token else f"nobody is logged in: {_LOG_IN}"
    return RepositoryNotFound(
        f"{repo_id}: there is no such dataset repository at {endpoint}, or it is private and {who}"
    )


def _status(exc: HfHubHTTPError) -> int:
    return int(exc.response.status_code)


def _asked_wait(exc: HfHubHTTPError) -> float:
    headers = exc.response.headers
    after = headers.get("retry-after", "")
    reset = _RESET.search(headers.get("ratelimit", "")) if _status(exc) == 429 else None
    return float(after) if after.isdecimal() else float(reset[1]) if reset else 0.0


def _reason_of_disk(exc: Exception) -> str | None:
    """What is wrong with the disk, where it is that."""
    is_network = isinstance(exc, _HttpError | ConnectionError | TimeoutError)
    if is_network or not isinstance(exc, OSError) or exc.errno is None:
        return None
    return f"{exc.strerror} ({errno.errorcode.get(exc.errno, exc.errno)})"


def _reason(exc: Exception) -> str:
    if isinstance(exc, HfHubHTTPError):
        return f"{_status(exc)} {exc.response.reason_phrase}".strip()
    if isinstance(exc, msgspec.DecodeError):
        return "what it sends is not the Hub's"
    return " ".join(f"{type(exc).__name__}: {exc}".split()).removesuffix(":")
