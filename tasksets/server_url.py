"""URLs of OpenEnv servers: whose they are, and where a Space's server is."""

import re
from urllib.parse import urlsplit

from openenv_tasksets.loaders.errors import EnvironmentNotFound

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(url: str) -> bool:
    """Whether a URL stays on this machine, where no proxy is asked."""
    return urlsplit(url).hostname in _LOOPBACK


def host_of(url: str) -> str:
    """The host of a URL, in lower case and without the port."""
    return urlsplit(url).hostname or ""


def read_server_url(text: str) -> str:
    """A server's base URL, without a trailing slash.

    Raises:
        EnvironmentNotFound: It is none, or holds a user's name or password, a query or a fragment.
    """
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of the port, or of an address in brackets
        right = False
    if not right or parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise EnvironmentNotFound(
            "a runtime's URL is http://host:port or https://host, with an optional path and nothing else; "
            "a token goes into an environment variable"
        )
    return text.rstrip("/")


def space_url(space_id: str) -> str:
    """Where the server of a Space is, as OpenEnv has it.

    Args:
        space_id: ``owner/name``.
    """
    return f"https://{re.sub('[^a-z0-9]', '-', space_id.lower())}.hf.space"
