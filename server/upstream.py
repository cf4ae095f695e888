"""An OpenEnv server, as it is reached: what it says of itself over HTTP, and its WebSocket. No redirect is followed."""

import asyncio
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, cast

from tqdm import tqdm
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event

from openenv_tasksets.loaders.errors import EnvironmentFailed, EnvironmentNotFound
from openenv_tasksets.server_url import is_loopback

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 100 * 2**20
"""The largest answer: what OpenEnv's own clients take."""
_MAX_BODY_BYTES = 16 * 2**20
_ASK_SECONDS = 10.0
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_FINAL = frozenset((401, 403, 404))


class NotReady(EnvironmentNotFound):
    """A server that does not answer as one of OpenEnv's; it may, later."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Rows and tokens go to the host that the user agreed to, and to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class UpstreamSocket(ClientConnection):
    """A connection that knows whether something came that nobody has read.

    Attributes:
        unread: How many whole messages came and were not read.
    """

    unread = 0

    def process_event(self, event: Event) -> None:
        """One more frame."""
        super().process_event(event)
        if isinstance(event, Frame) and event.fin and event.opcode in DATA_OPCODES:
            self.unread += 1

    async def read(self) -> bytes:
        """The next message; raises ConnectionClosed where none comes any more."""
        message = await self.recv(decode=False)
        self.unread -= 1
        return message


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_socket(url: str, token: str | None, timeout_s: float) -> UpstreamSocket:
    """Connect to a server's ``/ws``.

    Args:
        url: The server's base URL.
        token: Sent as ``Authorization: Bearer``; None sends none.
        timeout_s: Seconds for the handshake, > 0.

    Raises:
        EnvironmentFailed: There is no such server, or it refuses.
    """
    try:
        socket = await _Connect(
            f"{url.replace('http', 'ws', 1)}/ws",
            additional_headers=_headers(token),
            proxy=None if is_loopback(url) else True,
            open_timeout=timeout_s,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            # A server whose loop is blocked by a long step answers no pings either; answers have a limit of their own.
            ping_timeout=None,
            create_connection=UpstreamSocket,
        )
    except InvalidStatus as exc:
        status = exc.response.status_code
        raise EnvironmentFailed(f"the environment's server refuses the connection: HTTP {status}") from None
    except (OSError, WebSocketException) as exc:
        raise EnvironmentFailed(f"the environment's server cannot be reached: {type(exc).__name__}") from exc
    return cast("UpstreamSocket", socket)


async def wait_until_ready(url: str, token: str | None, seconds: float) -> None:
    """Ask until the server says that it is there; the question also wakes a Space that sleeps.

    Progress is shown on a terminal, and the log says once what is waited for.

    Args:
        url: The server's base URL.
        token: As in ``open_socket``.
        seconds: How long to wait, >= 0.

    Raises:
        EnvironmentNotFound: It is not, in that time; or it never will be for this caller.
    """
    until = time.monotonic() + seconds
    pause_s = _FIRST_PAUSE_S
    with tqdm(total=round(seconds), desc=f"waiting for {url}", unit=" s", delay=1, disable=None, leave=False) as bar:
        while True:
            try:
                await ask(url, "/health", token)
                return
            except NotReady as exc:
                left = until - time.monotonic()
                if left <= 0:
                    raise NotReady(f"{exc.message}, for {seconds:g} s") from exc
                if pause_s == _FIRST_PAUSE_S:
                    logger.warning("%s; waiting for it for up to %g s", exc.message, seconds)
            await asyncio.sleep(min(pause_s, left))
            bar.update(round(seconds - max(0.0, until - time.monotonic())) - bar.n)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


async def ask(url: str, path: str, token: str | None) -> dict[str, Any]:
    """GET a JSON object.

    Args:
        url: The server's base URL.
        path: Such as ``/schema``.
        token: As in ``open_socket``.

    Raises:
        NotReady: There is no such answer, but may be one later.
        EnvironmentNotFound: The server refuses, redirects, or has no such route.
    """
    return await asyncio.to_thread(_get, url, path, token)


def _get(url: str, path: str, token: str | None) -> dict[str, Any]:
    proxies = urllib.request.ProxyHandler({}) if is_loopback(url) else urllib.request.ProxyHandler()
    opener = urllib.request.build_opener(proxies, _NoRedirects)
    request = urllib.request.Request(url + path, headers=dict(_headers(token)))  # noqa: S310 - http or https
    try:
        with opener.open(request, timeout=_ASK_SECONDS) as response:
            body = json.loads(response.read(_MAX_BODY_BYTES))
    except urllib.error.HTTPError as exc:
        with exc:
            raise _refused(url + path, exc.code) from None
    except (OSError, ValueError) as exc:
        reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
        kind = "its answer is no JSON" if isinstance(exc, ValueError) else f"{type(reason).__name__}"
        raise NotReady(f"no OpenEnv server at {url}: {kind}") from None
    if not isinstance(body, dict):
        raise NotReady(f"no OpenEnv server at {url}: its answer is no JSON object")
    return body


def _refused(url: str, status: int) -> EnvironmentNotFound:
    if status in (401, 403):
        return EnvironmentNotFound(f"{url} refuses (HTTP {status}): name a token with --runtime-token-env NAME")
    if 300 <= status < 400:
        return EnvironmentNotFound(f"{url} sends elsewhere (HTTP {status}), where rows are not sent: name the place")
    if status in _FINAL:
        return EnvironmentNotFound(
            f"{url} is not there (HTTP {status}); a private Space needs --runtime-token-env NAME"
        )
    return NotReady(f"{url} is not ready: HTTP {status}")


def _headers(token: str | None) -> Mapping[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}
