"""Heads of requests that are recognised: never otherwise than httptools parses them."""

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.server.known_head import KnownHead, request_line


class Parsed:
    """What httptools makes of bytes: the requests that are whole, and whether there is something behind them."""

    def __init__(self, data):
        self.requests, self.whole = [], True
        try:
            httptools.HttpRequestParser(self).feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.requests, self.whole = [], False

    def on_message_begin(self):
        self.whole, self.url, self.headers, self.body = False, b"", [], b""

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        self.headers.append((name.lower(), value))

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.whole = True
        others = [header for header in self.headers if header[0] != b"content-length"]
        self.requests.append((self.url, others, self.body))


def known(data):
    parsed = Parsed(data)
    if len(parsed.requests) != 1 or not parsed.whole:
        return None
    return KnownHead.of(data, parsed.requests[0][2])


def request(body, *headers, line=b"POST /reset HTTP/1.1"):
    return b"\r\n".join([line, b"host: x", *headers, b"content-length: %d" % len(body), b"accept: */*", b"", body])


@pytest.mark.parametrize("first", [b"{}", b'{"seed":1}', b"x" * 3000])
@pytest.mark.parametrize("second", [b"", b'{"seed":1234567}', b"\r\n\r\n", b"y" * 100_000])
def test_a_request_with_the_same_head_is_recognised_whatever_its_length(first, second):
    assert known(request(first)).body(request(second)) == second


def test_a_request_without_a_body_is_recognised():
    data = b"GET /state HTTP/1.1\r\nHost: x\r\nX-Session-Id: a\r\n\r\n"
    assert known(data).body(data) == b""
    assert known(data).body(data + data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"POST /reset HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST /reset HTTP/1.1\r\nhost: x\r\nUpgrade: h2c\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /reset HTTP/1.1\r\nhost: x\r\nExpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /reset HTTP/1.1\r\nhost: x\r\ncontent-length: 2 \r\n\r\n{}",
        b"POST /reset HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}\r\n",
        b"POST /reset HTTP/1.1\nhost: x\ncontent-length: 2\n\n{}",
        request(b"{}", b"x: " + b"y" * 2048),
    ],
)
def test_what_is_out_of_the_ordinary_is_not_kept(data):
    assert KnownHead.of(data, b"{}") is None


SAME = request(b"{}")


@pytest.mark.parametrize(
    "other",
    [
        SAME[:-1],
        SAME + b"G",
        SAME + SAME,
        SAME.replace(b"host: x", b"host: y"),
        SAME.replace(b"host", b"Host"),
        SAME.replace(b"/reset", b"/reset?a"),
        SAME.replace(b"length: 2", b"length: 02\r\nx: y"),
        SAME.replace(b"length: 2", b"length: +2"),
        SAME.replace(b"length: 2", b"length: 1_0"),
        SAME.replace(b"length: 2", b"length: 3"),
        SAME.replace(b"length: 2", b"length: "),
        SAME.replace(b"length: 2", b"length: 99999999999999999999"),
        SAME.replace(b"length: 2", "length: \N{SUPERSCRIPT TWO}".encode("latin-1")),
        b"",
    ],
)
def test_what_differs_is_for_the_parser(other):
    assert known(SAME).body(SAME) == b"{}"
    assert known(SAME).body(other) is None


HEADERS = st.sampled_from(
    [
        b"Content-Type: application/json",
        b"content-length: 2",
        b"x-content-length: 2",
        b"transfer-encoding: chunked",
        b"Transfer-Encoding: identity",
        b"connection: close",
        b"expect: 100-continue",
        b"connection: upgrade",
        b"upgrade: websocket",
        b"x-session-id: content-length: 1",
        b" folded",
    ]
)
PIECES = st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"0", b"2", b"9", b"\r\n\r\n", b"content-length: 1\r\n", b"x"])


@settings(max_examples=300, deadline=None)
@given(
    headers=st.lists(HEADERS, max_size=4),
    bodies=st.tuples(st.binary(max_size=12), st.binary(max_size=300)),
    place=st.integers(0, 200),
    removed=st.integers(0, 3),
    piece=st.one_of(st.just(b""), PIECES),
)
def test_what_is_recognised_is_what_the_parser_would_say(headers, bodies, place, removed, piece):
    first, second = (request(body, *headers) for body in bodies)
    head = known(first)
    for data in (second, second[:place] + piece + second[place + removed :]):
        body = None if head is None else head.body(data)
        if body is not None:
            parsed = Parsed(data)
            ((url, others, _),) = Parsed(first).requests
            assert parsed.whole
            assert parsed.requests == [(url, others, body)]


def test_heads_are_looked_up_by_their_first_line():
    assert request_line(SAME) == b"POST /reset HTTP/1.1"
