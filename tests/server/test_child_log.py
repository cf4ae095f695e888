"""What a child process writes, as lines of a log: named, bounded, and nothing but text."""

import io
import logging

import pytest

from openenv_tasksets.server.child_log import LONGEST_LINE_BYTES, TAIL_LINES, ChildLog


def read(log, data, level=logging.WARNING):
    log.read(io.BufferedReader(io.BytesIO(data)), level)


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


def test_lines_are_of_the_streams_level_once_the_process_has_settled(lines):
    log = ChildLog("quiz")
    read(log, b"loading\n")
    log.settle()
    read(log, b"odd\n")
    read(log, b"even\n", logging.INFO)
    log.begin()
    read(log, b"loading again\n")
    assert lines() == [
        ("INFO", "quiz: loading"),
        ("WARNING", "quiz: odd"),
        ("INFO", "quiz: even"),
        ("INFO", "quiz: loading again"),
    ]
    assert log.tail == ["loading again"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\tb \r\n", "a       b"),
        ("w\u00f6rd\n".encode(), "w\u00f6rd"),
        (b"\xff\n", "\ufffd"),
        (b"a\x1b[2Kb\rc\n", "a\ufffd[2Kb\ufffdc"),
        ("a\u2028b\x85c\n".encode(), "a\ufffdb\ufffdc"),
        (b"no end", "no end"),
    ],
)
def test_a_line_is_one_line_of_text(lines, data, text):
    log = ChildLog("quiz")
    read(log, data)
    assert log.tail == [text]
    assert lines() == [("INFO", f"quiz: {text}")]


def test_a_line_without_end_is_cut(lines):
    read(ChildLog("quiz"), b"x" * (2 * LONGEST_LINE_BYTES + 1))
    assert [len(text) - len("quiz: ") for _, text in lines()] == [LONGEST_LINE_BYTES, LONGEST_LINE_BYTES, 1]


def test_of_too_many_lines_the_rest_is_counted_and_the_last_ones_are_kept(lines):
    log = ChildLog("quiz")
    count = 20_000
    read(log, b"".join(b"line %d\n" % number for number in range(count)))
    shown = [text for level, text in lines() if level == "INFO"]
    left_out = [int(text.split()[4]) for level, text in lines() if level == "WARNING"]
    assert all(left_out)
    assert len(shown) + sum(left_out) == count
    assert log.tail == [f"line {number}" for number in range(count - TAIL_LINES, count)]
