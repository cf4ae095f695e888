"""A file object over parts of a far file reads as the file does, and asks for little else."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.ranges import Ranges

CONTENT = bytes(n * n % 251 for n in range(10_000_000))


class Far:
    """A file of which parts are asked for."""

    name = "far"
    identity = "far"

    def __init__(self, content):
        self.content = content
        self.size = len(content)
        self.asked = []

    def at_hand(self) -> Path | None:
        return None

    def bring(self):
        pass

    def check(self):
        pass

    def read(self, start, end):
        assert 0 <= start < end <= self.size
        self.asked.append((start, end))
        return self.content[start:end]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=4), st.data())
@settings(max_examples=200, deadline=None)
def test_it_reads_as_the_file_does(spans, data):
    content = CONTENT[:300]
    stream = Ranges(Far(content), [(min(span), max(span)) for span in spans])
    plain = io.BytesIO(content)
    for _ in range(data.draw(st.integers(1, 5))):
        place, size = data.draw(st.integers(0, 310)), data.draw(st.integers(-1, 320))
        assert stream.seek(place) == plain.seek(place) == stream.tell()
        assert stream.read(size) == plain.read(size)
    assert stream.seek(-3, io.SEEK_END) == 297


def test_small_spans_are_asked_for_at_once_and_near_ones_together():
    far = Far(CONTENT)
    stream = Ranges(far, [(0, 1000), (1100, 2000), (5_000_000, 5_000_100)])
    assert sorted(far.asked) == [(0, 2000), (5_000_000, 5_000_100)]

    stream.seek(5_000_000)
    assert stream.read(100) == CONTENT[5_000_000:5_000_100]
    assert len(far.asked) == 2


def test_of_large_spans_the_heads_come_first_and_then_steps_that_double():
    far = Far(CONTENT)
    stream = Ranges(far, [(0, 5_000_000), (5_000_000, 10_000_000)])
    assert sum(end - start for start, end in far.asked) == 2 * (128 << 10)

    stream.seek(5_000_000)
    assert b"".join(iter(lambda: stream.read(10_000), b"")) == CONTENT[5_000_000:]
    assert len(far.asked) < 9
    assert sum(end - start for start, end in far.asked) == 5_000_000 + (128 << 10)


def test_what_is_needed_of_a_span_in_any_case_is_asked_for_with_its_head():
    far = Far(CONTENT)
    stream = Ranges(far, [(0, 5_000_000), (5_000_000, 10_000_000)], {5_000_000: 1_000_000})
    step = 128 << 10
    assert sorted(far.asked) == [(0, step), (5_000_000, 6_000_000 + step)]

    stream.seek(5_000_000)
    stream.read(1_000_000 + step)
    assert len(far.asked) == 2


def test_a_row_of_a_large_row_group_takes_the_dictionaries_and_a_page_of_each_column():
    """Of 2 MB of numbers, and as many texts of which each is there once."""
    count = 300_000
    table = pa.table({"n": range(count), "text": [f"text {number * 7919:020}" for number in range(count)]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=count, data_page_size=100_000, dictionary_pagesize_limit=100_000)
    far = Far(sink.getvalue().to_pybytes())
    rows = ParquetRows.of([far])

    assert [rows[index] for index in range(5)] == table.slice(0, 5).to_pylist()
    assert sum(end - start for start, end in far.asked) < far.size / 5
    assert len(far.asked) <= 5


def test_an_error_is_the_readers(tmp_path):
    far = Far(CONTENT)
    stream = Ranges(far, [])
    far.read = lambda start, end: (_ for _ in ()).throw(TimeoutError)
    with pytest.raises(TimeoutError):
        stream.read(1)
