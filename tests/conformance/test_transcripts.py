"""Every frame and every request of the transcripts, on every server.

``websocket.txt``, ``http.txt`` and ``task_api.txt`` are the contract: the same answer from each. ``differences.txt`` is
the one table of where ours answers otherwise than OpenEnv's, and why.
"""

from pathlib import Path

import pytest
from transcript import Transcript, hold, read_transcripts

FOLDER = Path(__file__).parent / "transcripts"
SAME = {name: read_transcripts(FOLDER / f"{name}.txt") for name in ("websocket", "http", "task_api")}
DIFFERENCES = read_transcripts(FOLDER / "differences.txt")
HELD = [each for each in DIFFERENCES if any(kind == ">" for _, kind, _ in each.lines)]


def named(transcripts):
    return pytest.mark.parametrize("transcript", transcripts, ids=lambda each: each.name)


@named(SAME["websocket"])
def test_a_conversation_over_the_websocket(transcript: Transcript, server, url):
    assert hold(transcript, server.role, url) == transcript.expected(server.role)


@named(SAME["http"] + SAME["task_api"])
def test_a_request_over_http(transcript: Transcript, server, url):
    assert hold(transcript, server.role, url) == transcript.expected(server.role)


@named(HELD)
def test_a_difference(transcript: Transcript, server, url):
    assert hold(transcript, server.role, url) == transcript.expected(server.role)


@named(DIFFERENCES)
def test_what_is_listed_as_a_difference_is_one_and_has_a_reason(transcript: Transcript):
    answers = [[text for kind, text in transcript.script(role) if kind != ">"] for role in ("openenv", "ours")]
    assert answers[0] != answers[1]
    assert transcript.why


def test_no_two_transcripts_of_a_file_have_one_name():
    for transcripts in (*SAME.values(), DIFFERENCES):
        names = [each.name for each in transcripts]
        assert len(names) == len(set(names))
