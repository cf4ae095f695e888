"""Parts of a file of the Hub by HTTP range requests, each answer checked: which file it is of, and which bytes.

The Hub redirects to where large files are, mostly another host, whose address is signed and good for a while. The token
goes to the Hub only.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from huggingface_hub import get_session, hf_raise_for_status

from openenv_tasksets.loaders.errors import SourceChanged
from openenv_tasksets.loaders.hub_file import HubFile

_SLOWEST_BYTES_PER_S = 32 << 10
_MOST_REDIRECTS = 5
# What a signed address answers once its time is over.
_OVER = (401, 403, 404, 410)


class HubRange:
    """One file of a repository at a commit. Thread-safe.

    Args:
        url: Where the Hub has it.
        file: What the Hub lists of it.
        headers: Gives the headers of a request to the Hub, with the token.
        timeout_s: Longest silence. A whole answer may take as long, and a second more for each 32 KiB.
    """

    def __init__(self, url: str, file: HubFile, headers: Callable[[], Mapping[str, str]], timeout_s: float) -> None:
        self._url = url
        self._file = file
        self._headers = headers
        self._timeout_s = timeout_s
        self._address: str | None = None
        self._etags: dict[str, str] = {}

    def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to ``end``: one try.

        Raises:
            SourceChanged: They are of another file than the one that is listed.
            Exception: One of ``hub_failure.FAILURES``.
        """
        known = self._address
        if known is not None:
            found = self._ask(known, start, end, is_known=True)
            if found is not None:
                return found
        self._address = None
        found = self._ask(self._url, start, end)
        if found is None:
            raise ConnectionError("the address that it redirects to is not valid any more")
        return found

    def _ask(self, address: str, start: int, end: int, *, is_known: bool = False) -> bytes | None:
        """The bytes; None where an address that was known is over."""
        deadline = time.monotonic() + self._timeout_s + (end - start) / _SLOWEST_BYTES_PER_S
        for _ in range(_MOST_REDIRECTS):
            headers = dict(self._headers()) if _origin(address) == _origin(self._url) else {}
            headers |= {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
            with get_session().stream(
                "GET", address, headers=headers, timeout=self._timeout_s, follow_redirects=False
            ) as response:
                self._check_linked(response.headers)
                if response.is_redirect:
                    address = urljoin(address, response.headers["location"])
                    continue
                if is_known and response.status_code in _OVER:
                    return None
                if response.status_code >= 400:
                    response.read()
                hf_raise_for_status(response)
                content = self._content(response, start, end, deadline)
            if _origin(address) != _origin(self._url):
                self._address = address
            return content
        raise ConnectionError("it redirects without end")

    def _check_linked(self, headers: Mapping[str, str]) -> None:
        """That the Hub still means the file that it listed."""
        etag, size = headers.get("x-linked-etag"), headers.get("x-linked-size")
        if (etag is not None and _plain(etag) != self._file.digest) or size not in (None, str(self._file.size)):
            raise self._changed()

    def _content(self, response: Any, start: int, end: int, deadline: float) -> bytes:
        skip = self._check_answer(response, start, end)
        wanted = end - start
        content = bytearray()
        for part in response.iter_raw():
            content += part
            if len(content) >= skip + wanted:
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(content) - skip} of {wanted} bytes in all the time that there was")
        content = content[skip:]
        if len(content) < wanted or (not skip and response.status_code == 206 and len(content) > wanted):
            raise ConnectionError(f"{len(content)} bytes where {wanted} were asked for")
        return bytes(content[:wanted])

    def _check_answer(self, response: Any, start: int, end: int) -> int:
        """How many bytes come before those asked for."""
        headers = response.headers
        etag = headers.get("etag")
        if etag is not None and not etag.startswith("W/"):
            origin = _origin(str(response.url))
            if self._etags.setdefault(origin, etag) != etag:
                raise self._changed()
        if response.status_code != 206:
            # A proxy that knows no ranges sends all.
            if headers.get("content-length") not in (None, str(self._file.size)):
                raise self._changed()
            return start
        span, _, size = headers.get("content-range", "").removeprefix("bytes ").partition("/")
        if size.isdecimal() and int(size) != self._file.size:
            raise self._changed()
        if span != f"{start}-{end - 1}":
            raise ConnectionError(f"the bytes {span or 'of no range'} where {start}-{end - 1} were asked for")
        return 0

    def _changed(self) -> SourceChanged:
        return SourceChanged(
            f"{self._file.path}: the Hub sends another file than the one that it lists for the commit; "
            "open the taskset again"
        )


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _plain(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
