"""What went wrong with the Hub, in plain words, and whether it may pass."""

import errno

import msgspec
import pytest
from huggingface_hub import errors as hub_errors

from openenv_tasksets.loaders.errors import HubUnavailable, RepositoryNotFound, SourceError
from openenv_tasksets.loaders.hub_failure import explained, seconds_to_wait

ENDPOINT = "https://hub.example"


def answered(status, headers=None, url=f"{ENDPOINT}/api/datasets/acme/words"):
    """The library's error for an answer, with the HTTP library that it uses itself."""
    session = hub_errors.HfHubHTTPError.__bases__[0].__module__.partition(".")[0]
    http = __import__(session)
    response = http.Response(status, headers=headers, request=http.Request("GET", url))
    return hub_errors.HfHubHTTPError("refused", response=response)


def explain(exc, *, has_token=True):
    return explained(exc, repo_id="acme/words", what="acme/words: a.parquet", endpoint=ENDPOINT, has_token=has_token)


@pytest.mark.parametrize(
    ("exc", "wait_s"),
    [
        (answered(500), 0),
        (answered(503, {"Retry-After": "7"}), 7),
        (answered(429, {"Retry-After": "3"}), 3),
        (answered(429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), 0),
        (answered(429, {"RateLimit": '"api";r=0;t=55'}), 55),
        (answered(503, {"RateLimit": '"api";r=10;t=55'}), 0),
        (answered(404), None),
        (answered(403), None),
        (ConnectionResetError(errno.ECONNRESET, "reset"), 0),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), 0),
        (OSError("consistency check failed"), 0),
        (RuntimeError("data processing error"), 0),
        (msgspec.DecodeError("truncated"), 0),
        (OSError(errno.ENOSPC, "No space left on device"), None),
        (hub_errors.OfflineModeIsEnabled("offline"), None),
        (hub_errors.LocalEntryNotFoundError("not here"), None),
    ],
    ids=repr,
)
def test_errors_that_may_pass_are_told_from_those_that_do_not_with_the_wait_that_was_asked_for(exc, wait_s):
    assert seconds_to_wait(exc) == wait_s


def caused_by(cause):
    exc = hub_errors.LocalEntryNotFoundError("cannot be located")
    exc.__cause__ = cause
    return exc


@pytest.mark.parametrize(
    ("exc", "kind", "message"),
    [
        (
            answered(429, {"Retry-After": "300"}),
            HubUnavailable,
            f"acme/words: a.parquet: {ENDPOINT} takes no more requests for now (429); try again in 300 seconds",
        ),
        (
            answered(429),
            HubUnavailable,
            f"acme/words: a.parquet: {ENDPOINT} takes no more requests for now (429); try again later",
        ),
        (
            caused_by(answered(502)),
            HubUnavailable,
            f"acme/words: a.parquet: {ENDPOINT} gives no usable answer: 502 Bad Gateway; try again later",
        ),
        (
            caused_by(OSError("the answer lacks the header X-Repo-Commit")),
            HubUnavailable,
            f"acme/words: a.parquet: {ENDPOINT} gives no usable answer: OSError: the answer lacks the header "
            "X-Repo-Commit; try again later",
        ),
        (
            caused_by(hub_errors.OfflineModeIsEnabled("offline")),
            HubUnavailable,
            "acme/words: a.parquet: offline, and not in the cache; open it once online",
        ),
        (
            ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
            HubUnavailable,
            f"acme/words: a.parquet: {ENDPOINT} gives no usable answer: ConnectionResetError: "
            "[Errno 104] Connection reset by peer; try again later",
        ),
        (
            msgspec.DecodeError("expected `object`, got `str`"),
            HubUnavailable,
            f"acme/words: a.parquet: {ENDPOINT} gives no usable answer: what it sends is not the Hub's; "
            "try again later",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            SourceError,
            "acme/words: a.parquet: the cache cannot hold it: No space left on device (ENOSPC)",
        ),
        (
            answered(403, url="https://cdn.example/file"),
            HubUnavailable,
            f"acme/words: a.parquet: {ENDPOINT} gives no usable answer: 403 Forbidden; try again later",
        ),
        (
            answered(401),
            RepositoryNotFound,
            f"acme/words: there is no such dataset repository at {ENDPOINT}, or it is private and the token given may "
            "not read it",
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_each_is_explained_with_what_to_do(exc, kind, message):
    error = explain(exc)
    assert (type(error), str(error)) == (kind, message)
