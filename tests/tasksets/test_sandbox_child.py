"""The sandboxed program's codec, import reading and start, each through its own door."""

import json
import math
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets import sandbox_child
from openenv_tasksets.sandbox_child import NotPlain, decode, encode, imports_of, receive, send

hashables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
values = st.recursive(
    hashables,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.sets(hashables, max_size=4)
    | st.dictionaries(hashables, inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.builds(lambda tag, rest: [tag, *rest], st.sampled_from("ibcdltsf"), st.lists(inner, max_size=4))
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def types(value: object) -> object:
    if isinstance(value, dict):
        return [(types(k), types(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [types(part) for part in value]
    return type(value)


class TestCodec:
    @given(values)
    def test_a_plain_value_survives_the_wire(self, value: object) -> None:
        back = decode(json.loads(json.dumps(encode(value))))
        assert back == value
        assert types(back) == types(value)

    @given(json_values)
    def test_any_json_is_a_plain_value_or_refused(self, node: object) -> None:
        try:
            back = decode(node)
        except NotPlain:
            return
        encode(back)

    def test_signed_zero_infinity_and_nan_survive(self) -> None:
        back = [decode(json.loads(json.dumps(encode(value)))) for value in (-0.0, math.inf, math.nan)]
        assert str(back) == "[-0.0, inf, nan]"

    @pytest.mark.parametrize("value", [object(), iter([]), range(3), len, [object()], {1: print}, bytearray()])
    def test_what_is_not_plain_is_refused(self, value: object) -> None:
        with pytest.raises(NotPlain):
            encode(value)

    @pytest.mark.parametrize(
        "node",
        [[], {}, {"l": 1}, ["x"], [1], [["l"]], ["i"], ["i", "zz"], ["i", 5], ["i", "1", "2"], ["b", "0"],
         ["c", 1.0], ["c", 1, 2], ["d", 1], ["d", ["l"], 1], ["s", ["l"]], ["f", ["d"]], ["l", {}]],
    )  # fmt: skip
    def test_a_node_that_no_value_makes_is_refused(self, node: object) -> None:
        with pytest.raises(NotPlain, match="not an encoded value"):
            decode(node)

    def test_nesting_is_bounded_both_ways(self) -> None:
        value: list[object] = []
        node: list[object] = ["l"]
        for _ in range(sandbox_child.MAX_DEPTH - 1):
            value, node = [value], ["l", node]
        assert decode(encode(value)) == value
        for function, deeper in ((encode, [value]), (decode, ["l", node])):
            with pytest.raises(NotPlain, match="nested too deeply"):
                function(deeper)

    def test_a_value_that_holds_itself_is_refused(self) -> None:
        value: list[object] = []
        value.append(value)
        with pytest.raises(NotPlain, match="nested too deeply"):
            encode(value)


class TestFrames:
    def test_a_frame_is_read_as_it_was_written(self, pipe: tuple[int, int]) -> None:
        send(pipe[1], ["returned", None])
        assert receive(pipe[0]) == ["returned", None]

    def test_a_frame_beyond_the_bound_is_not_sent(self, pipe: tuple[int, int]) -> None:
        with pytest.raises(NotPlain, match="too large"):
            send(pipe[1], "x" * sandbox_child.MAX_FRAME)

    def test_a_frame_beyond_the_bound_is_refused_before_it_is_read(self, pipe: tuple[int, int]) -> None:
        os.write(pipe[1], struct.pack("!I", sandbox_child.MAX_FRAME + 1))
        with pytest.raises(NotPlain, match="too large"):
            receive(pipe[0])

    @pytest.mark.parametrize("body", [b"", b"nope", b"\xff", b"1" * 5000, b"[" * 60_000])
    def test_a_frame_without_json_is_refused(self, pipe: tuple[int, int], body: bytes) -> None:
        os.write(pipe[1], struct.pack("!I", len(body)) + body)
        with pytest.raises(NotPlain, match="not JSON"):
            receive(pipe[0])

    def test_a_frame_that_breaks_off_is_the_end(self) -> None:
        read, write = os.pipe()
        os.write(write, struct.pack("!I", 10) + b"half")
        os.close(write)
        with pytest.raises(EOFError):
            receive(read)
        os.close(read)


class TestImports:
    @pytest.mark.parametrize(
        ("source", "names"),
        [
            ("import math, os.path as p", ["math", "os.path"]),
            (
                "from collections import abc, Counter as C",
                ["collections", "collections.abc", "collections.Counter"],
            ),
            ("from typing import (List,\n  Dict)", ["typing", "typing.List"]),
            ("from math import *", ["math"]),
            ("x = 1; import re\nif x:\n\timport json", ["re", "json"]),
            ("import subprocess, ctypes, socket, numpy, antigravity", []),
            ("from . import math\nfrom ctypes import re\nimportant = 1", []),
            ("import\nfrom import", []),
        ],
    )
    def test_computing_modules_are_read_off_the_text(self, source: str, names: list[str]) -> None:
        assert imports_of([source]) == names

    def test_their_number_is_bounded(self) -> None:
        assert len(imports_of(["import math\n" * 1000])) == sandbox_child.MAX_IMPORTS

    @given(st.text(alphabet="import frm.,_\n()"))
    def test_any_text_is_read(self, source: str) -> None:
        assert all(name.partition(".")[0] in sandbox_child.IMPORTABLE for name in imports_of([source]))


@pytest.mark.parametrize(
    ("job", "word"),
    [
        ({}, b"!NotPlain: not a job"),
        ([2**28, 1, "00" * 8, []], b"!OSError: [Errno 22] prctl(22) was refused"),
    ],
)
def test_a_child_that_cannot_give_up_its_rights_says_why_and_runs_nothing(job: object, word: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours.fileno(), job)
        command = [sys.executable, "-I", "-S", sandbox_child.__file__, "judge", str(theirs.fileno()), "0"]
        subprocess.run(command, pass_fds=[theirs.fileno()], check=True, timeout=30)
        assert ours.recv(300) == word
