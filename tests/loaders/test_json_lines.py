import gzip
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from datasets import load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.json_lines import JsonRows

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(["2020-01-01", "2020-01-01T10:00:00Z", "42", "null", "[1]", "007", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab \u2028", max_size=2), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["id", "q", "ä b", "x.y"]), VALUES), max_size=6)


def as_lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_array(rows):
    return json.dumps(rows, indent=2).encode()


def rows_in(tmp_path, content, name="a.jsonl"):
    (tmp_path / name).write_bytes(content)
    return JsonRows.open(tmp_path, [name])


def values(rows):
    return [rows[index] for index in range(len(rows))]


@pytest.mark.parametrize("write", [as_lines, as_array])
def test_numbers_that_are_none_are_those_that_were_written(tmp_path, write):
    """JSON has no word for them; Python's and pandas' writers have."""
    written = [{"x": x, "text": "NaN"} for x in (float("nan"), float("inf"), -float("inf"), 1.5, 1e-310)]

    rows = rows_in(tmp_path, write(written), "a.json")

    # By their text: NaN equals nothing.
    assert repr(values(rows)) == repr(written)
    if write == as_lines:  # in an array, `datasets` takes them for null
        read = load_dataset("json", data_files=str(tmp_path / "a.json"), split="train", cache_dir=str(tmp_path / "hf"))
        assert repr(read.to_list()) == repr(written)


@given(st.lists(ROWS, min_size=1, max_size=3), st.sampled_from([as_lines, as_array]), st.booleans())
@settings(deadline=None)
def test_values_are_what_the_json_says(files, write, compressed):
    """Text stays text, integers stay exact, whatever the other rows hold."""
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{place}.json" + ".gz" * compressed for place in range(len(files))]
        for name, rows in zip(names, files, strict=True):
            content = write(rows)
            (Path(folder) / name).write_bytes(gzip.compress(content, mtime=0) if compressed else content)
        expected = [row for rows in files for row in rows]
        columns = tuple(dict.fromkeys(name for row in expected for name in row))

        rows = JsonRows.open(Path(folder), names)

        assert len(rows) == len(expected)
        assert rows.columns == columns
        # By their text: NaN equals nothing.
        assert repr(values(rows)) == repr([{name: row.get(name) for name in columns} for row in expected])
        for name in columns:
            assert repr(list(rows.column(name))) == repr([row.get(name) for row in expected])


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}\n{"a": 2}\n',
        b'{"a": 1}\n{"a": 2}',
        b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \n{"a": 2}\r\n',
        b' [ {"a": 1},\n\n {"a": 2} ]\n',
        b'\xef\xbb\xbf[{"a": 1}, {"a": 2}]',
    ],
)
def test_line_ends_blank_lines_and_marks_do_not_matter(tmp_path, content):
    assert values(rows_in(tmp_path, content)) == [{"a": 1}, {"a": 2}]
    assert values(rows_in(tmp_path, gzip.compress(content, mtime=0), "a.json.gz")) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]"])
def test_a_file_without_rows_is_fine(tmp_path, content):
    rows = rows_in(tmp_path, content)

    assert (len(rows), rows.columns) == (0, ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n\n{"a": \n', "a.jsonl: line 3 is not a JSON object: "),
        (b'{"a": 1}\n[1]\n', "a.jsonl: line 2 is not a JSON object: Expected `object`, got `array`"),
        (b'"text"\n', "a.jsonl: line 1 is not a JSON object"),
        (b'{\n  "a": 1\n}\n', "a.jsonl: line 1 is not a JSON object"),
        (b'{"a": NaN, "b": nan}\n', "a.jsonl: line 1 is not a JSON object: .*invalid character"),
        (b"NaN\n", "a.jsonl: line 1 is not a JSON object"),
        (b'{"a": NaN, "b": "\xff"}\n', "a.jsonl: line 1 is not a JSON object"),
        (b'{"a": "NaN", "b": "\\ud800"}\n', "a.jsonl: line 1 is not a JSON object"),
        (b'{"a": NaN, "b": "\\ud800"}\n', "a.jsonl: line 1 is not a JSON object"),
        (b'{"a": NaN, "b": "\xed\xa0\x80"}\n', "a.jsonl: line 1 is not a JSON object"),
        (b'{"a": 1e999, "b": "Infinity"}\n', "a.jsonl: line 1 is not a JSON object: .*out of range"),
        (b'{"a": 1e999, "b": Infinity}\n', "a.jsonl: line 1 is not a JSON object"),
        (b'[{"a": -1e999, "b": "NaN"}]', "a.jsonl: item 0 is not a JSON object: .*out of range"),
        (b'[{"a": -1e999, "b": NaN}]', "a.jsonl: not a JSON array"),
        (b'[{"a": "\\udfff", "b": NaN}]', "a.jsonl: not a JSON array"),
        (b"[NaN, {}]", "a.jsonl: item 0 is not a JSON object"),
        (b"[NaN", "a.jsonl: not a JSON array"),
        (b'{"a": "\xff"}\n', "a.jsonl: line 1 is not a JSON object: .*utf-8"),
        (b'{"a": ' + b"[" * 100_000, "a.jsonl: line 1 is not a JSON object: .*recursion"),
        (b'[{"a": 1}, 2]', "a.jsonl: item 1 is not a JSON object: Expected `object`, got `int`"),
        (b'[{"a": 1}', "a.jsonl: not a JSON array"),
    ],
)
def test_a_bad_line_is_named_when_the_file_is_opened(tmp_path, content, message):
    with pytest.raises(SourceError, match=message):
        rows_in(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [b"plain text", gzip.compress(b'{"a": 1}\n', mtime=0)[:-9], gzip.compress(b"x" * 999, mtime=0)[:20] + b"\0" * 40],
)
def test_a_broken_gzip_file_is_named(tmp_path, content):
    with pytest.raises(SourceError, match=r"a.jsonl.gz: cannot be read"):
        rows_in(tmp_path, content, "a.jsonl.gz")


def test_columns_and_locations_span_files(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n{"y": 2}\n')
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "b.jsonl").write_text('{"z": {"k": null}}\n')

    rows = JsonRows.open(tmp_path, ["a.jsonl", "empty.jsonl", "b.jsonl"])

    assert rows.columns == ("x", "y", "z")
    assert [rows.location(index) for index in range(3)] == [
        "a.jsonl, row 0",
        "a.jsonl, row 1",
        "b.jsonl, row 0",
    ]
    assert rows[2] == {"x": None, "y": None, "z": {"k": None}}
    assert JsonRows.open(tmp_path, ["b.jsonl"], ["z"]).columns == ("z",)


@pytest.mark.parametrize("change", [b'{"a": 2}\n', b'{"a": 1', b""])
def test_a_file_that_changes_is_never_a_wrong_row(tmp_path, change):
    rows = rows_in(tmp_path, b'{"a": 1}\n')

    (tmp_path / "a.jsonl").unlink()
    (tmp_path / "a.jsonl").write_bytes(change)

    with pytest.raises(SourceChanged, match=r"a.jsonl: changed"):
        rows[0]
    with pytest.raises(SourceChanged, match=r"a.jsonl: changed"):
        list(rows.column("a"))


def test_a_file_that_goes_away_says_so(tmp_path):
    rows = rows_in(tmp_path, b'{"a": 1}\n')

    (tmp_path / "a.jsonl").unlink()

    with pytest.raises(SourceChanged, match=r"a.jsonl: gone"):
        rows[0]


def test_threads_read_the_same_rows(tmp_path):
    rows = rows_in(tmp_path, as_lines({"a": number} for number in range(500)))

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda index: rows[index % 500]["a"], range(4000)))

    assert seen == [index % 500 for index in range(4000)]
