import gzip
import io
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.hf_datasets import DatasetRows


def rows_in(root, content, name="a.csv", kind="csv"):
    (root / name).write_bytes(content)
    return DatasetRows.open(root, [name], kind)


def test_types_are_inferred_as_documented(tmp_path):
    content = b'id,flag,score,note,day,text\n007,True,1,NA,2020-01-01,"a, ""b""\nc"\n8,False,,null,2020-01-02,\n'

    rows = rows_in(tmp_path, content)

    assert rows[0] == {
        "id": 7,
        "flag": True,
        "score": 1.0,
        "note": None,
        "day": "2020-01-01",
        "text": 'a, "b"\nc',
    }
    assert rows[1] == {"id": 8, "flag": False, "score": None, "note": None, "day": "2020-01-02", "text": None}


def test_tabs_and_compression(tmp_path):
    assert rows_in(tmp_path, b"a\tb\n1,5\tx\n", "a.tsv", "tsv")[0] == {"a": "1,5", "b": "x"}
    assert rows_in(tmp_path, gzip.compress(b"a,b\n1,x\n"), "a.csv.gz")[0] == {"a": 1, "b": "x"}


def test_several_files_are_one_split_in_order(tmp_path):
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text(f"name\n{name}\n")

    rows = DatasetRows.open(tmp_path, ["b.csv", "a.csv"], "csv")

    assert list(rows.column("name")) == ["b.csv", "a.csv"]
    assert rows.location(1) == "b.csv, a.csv, row 1"


def test_odd_folder_names_are_no_globs(tmp_path):
    folder = tmp_path / "[v1] *what?"
    folder.mkdir()

    assert rows_in(folder, b"a\n1\n")[0] == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3,4,5\n", "bad.csv: malformed: .*Expected 2 fields in line 3, saw 3"),
        (b'a,b\n"x,1\n2,3\n', "bad.csv: malformed: .*EOF inside string"),
        (b"", "bad.csv: empty"),
        (b"a,b\n", "bad.csv: has no rows"),
        (b"a,b\n\xff\xfe,1\n", "bad.csv: not UTF-8"),
        (b"a\n" + b"1\n" * 10_000 + b"secret\n", "bad.csv: a column does not keep the type"),
    ],
)
def test_a_bad_file_among_good_ones_is_named(tmp_path, content, message):
    (tmp_path / "good.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bad.csv").write_bytes(content)

    with pytest.raises(SourceError, match=message) as caught:
        DatasetRows.open(tmp_path, ["bad.csv"], "csv")

    assert "secret" not in str(caught.value)


def test_files_that_cannot_be_one_split_are_named(tmp_path):
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    (tmp_path / "two.csv").write_text("c,d\n1,2\n")

    with pytest.raises(SourceError, match=r"one.csv, two.csv: their columns or types differ"):
        DatasetRows.open(tmp_path, ["one.csv", "two.csv"], "csv")


def test_a_changed_file_shows_when_it_is_opened_again(tmp_path):
    rows = rows_in(tmp_path, b"a\n1\n")

    again = rows_in(tmp_path, b"a\n1\n2\n")

    assert (len(rows), rows[0], len(again)) == (1, {"a": 1}, 2)
    assert again.fingerprint == rows_in(tmp_path, b"a\n1\n2\n", "copy.csv").fingerprint
    with pytest.raises(SourceChanged, match=r"a.csv: changed"):
        _ = rows.fingerprint


def test_nothing_is_said_where_nobody_watches(tmp_path, capfd):
    rows_in(tmp_path, b"a\n1\n")

    assert capfd.readouterr() == ("", "")


def test_a_bad_file_is_said_once_and_other_logs_stay(tmp_path):
    (tmp_path / "bad.csv").write_bytes(b"a,b\n1,2\n3,4,5\n")
    logger = logging.getLogger("datasets.packaged_modules.csv.csv")
    before = list(logger.filters)
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    logger.addHandler(handler)

    def failure(_):
        with pytest.raises(SourceError, match="malformed") as caught:
            DatasetRows.open(tmp_path, ["bad.csv"], "csv")
        return str(caught.value)

    try:
        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(failure, range(8)))) == 1
        assert told.getvalue() == ""
        assert logger.filters == before
        logger.error("another's failure")
        assert told.getvalue() == "another's failure\n"
    finally:
        logger.removeHandler(handler)


def test_without_columns_there_are_as_many_rows(tmp_path):
    rows = rows_in(tmp_path, b"a,b\n1,x\n2,y\n").project([])

    assert (len(rows), rows.columns, rows[1], rows.location(1)) == (2, (), {}, "a.csv, row 1")
    assert list(rows) == [{}, {}]
    assert len(rows.project([])) == 2
    with pytest.raises(IndexError, match=r"row 2 is not in \[0, 2\)"):
        rows[2]
    with pytest.raises(SourceError, match="no column 'a'"):
        rows.project(["a"])


def test_eight_threads_read_the_same_rows(tmp_path):
    rows = rows_in(tmp_path, b"n,text\n" + b"".join(b"%d,row %d\n" % (n, n) for n in range(3000)))

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda index: rows[index * 7 % 3000], range(6000)))

    assert seen == [{"n": i * 7 % 3000, "text": f"row {i * 7 % 3000}"} for i in range(6000)]
