import datetime
import decimal
import gc
import shutil
import string
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.parquet import ParquetRows


def write(root, name, table, **options):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, root / name, **options)


def numbered(start, stop):
    schema = pa.schema([("id", pa.string()), ("n", pa.int64())])
    return pa.Table.from_pylist([{"id": f"task-{n}", "n": n} for n in range(start, stop)], schema)


@pytest.fixture
def three_files(tmp_path):
    """25 rows: row groups of 4, a file and a row group without rows in between."""
    write(tmp_path, "main/test-0.parquet", numbered(0, 10), row_group_size=4)
    write(tmp_path, "main/test-1.parquet", numbered(0, 0))
    with pq.ParquetWriter(tmp_path / "main/test-2.parquet", numbered(0, 0).schema) as writer:
        for part in (numbered(10, 12), numbered(0, 0), numbered(12, 25)):
            writer.write_table(part)
    return tmp_path, [f"main/test-{n}.parquet" for n in range(3)]


SCALARS = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.float32(), st.floats(width=32, allow_nan=False)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.text(string.printable, max_size=5)),
    (pa.large_string(), st.sampled_from(["2020-01-01", "007", "ünï", ""])),
    (pa.binary(), st.binary(max_size=5)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.duration("us"), st.timedeltas(datetime.timedelta(-9999), datetime.timedelta(9999))),
    (pa.timestamp("us"), st.datetimes()),
    (
        pa.timestamp("ms", "Europe/Paris"),
        st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2037, 1, 1)),
    ),
    (pa.decimal128(12, 3), st.integers(-(10**9), 10**9).map(lambda n: decimal.Decimal(n).scaleb(-3))),
    (pa.null(), st.none()),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["easy", "hard"])),
]


def with_nulls(pair):
    return pair[0], st.none() | pair[1]


def nest(inner):
    lists = inner.map(lambda pair: (pa.list_(pair[0]), st.none() | st.lists(pair[1], max_size=3)))
    maps = inner.map(
        lambda pair: (
            pa.map_(pa.string(), pair[0]),
            st.lists(st.tuples(st.sampled_from("abc"), pair[1]), max_size=3, unique_by=lambda item: item[0]),
        )
    )
    structs = st.lists(inner, min_size=1, max_size=3).map(
        lambda pairs: (
            pa.struct([(f"f.{place}", pair[0]) for place, pair in enumerate(pairs)]),
            st.none() | st.fixed_dictionaries({f"f.{place}": pair[1] for place, pair in enumerate(pairs)}),
        )
    )
    return lists | maps | structs


TYPES = st.recursive(st.sampled_from(SCALARS).map(with_nulls), nest, max_leaves=4)
NAMES = st.lists(st.sampled_from(["a", "a.b", "b", "ä ö", "f.0", ""]), min_size=1, max_size=3, unique=True)


@st.composite
def tables(draw):
    columns = {}
    rows = draw(st.integers(0, 12))
    for name in draw(NAMES):
        kind, values = draw(TYPES)
        columns[name] = pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), kind)
    return pa.table(columns)


@given(tables(), st.integers(1, 5), st.integers(0, 12), st.data())
@settings(max_examples=100, deadline=None)
def test_rows_are_what_pyarrow_reads(table, group, cut, data):
    """Every type, across files and row groups, whole and projected."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, "0.parquet", table.slice(0, cut), row_group_size=group)
        write(root, "1.parquet", table.slice(cut), row_group_size=group)
        expected = pq.read_table(root / "0.parquet").to_pylist() + pq.read_table(root / "1.parquet").to_pylist()
        some = data.draw(st.lists(st.sampled_from(table.column_names), unique=True))

        rows = ParquetRows.open(root, ["0.parquet", "1.parquet"])
        projected = rows.project(some)

        assert len(rows) == len(expected)
        assert [rows[index] for index in range(len(rows))] == expected
        assert [projected[index] for index in range(len(rows))] == [{n: row[n] for n in some} for row in expected]
        for name in table.column_names:
            assert list(rows.column(name)) == [row[name] for row in expected]
        assert list(map(repr, rows)) == list(map(repr, expected))


def test_places_are_found_across_files_and_row_groups(three_files):
    rows = ParquetRows.open(*three_files)

    assert len(rows) == 25
    assert [rows[index]["n"] for index in (24, 0, 9, 10, 11, 12, 3, 4)] == [24, 0, 9, 10, 11, 12, 3, 4]
    assert rows.location(9) == "main/test-0.parquet, row 9"
    assert rows.location(10) == "main/test-2.parquet, row 0"
    assert rows.location(24) == "main/test-2.parquet, row 14"
    for index in (-1, 25):
        with pytest.raises(IndexError, match=rf"row {index} is not in \[0, 25\)"):
            rows[index]
        with pytest.raises(IndexError):
            rows.location(index)


def test_projection_keeps_the_order_asked_for(three_files):
    rows = ParquetRows.open(*three_files, columns=["n", "id"])

    assert rows.columns == ("n", "id")
    assert list(rows[7].items()) == [("n", 7), ("id", "task-7")]
    assert rows.project([])[3] == {}
    with pytest.raises(SourceError, match=r"no column 'ids'; did you mean 'id'. There are: 'id', 'n'"):
        ParquetRows.open(*three_files, columns=["ids"])
    with pytest.raises(SourceError, match=r"no column 'id'. There are: 'n'"):
        rows.project(["n"]).column("id")


def test_a_dotted_name_is_not_a_field(tmp_path):
    write(tmp_path, "t.parquet", pa.table({"a": [{"b": 1, "c": 2}], "a.b": [3], "a.x": [4]}))
    rows = ParquetRows.open(tmp_path, ["t.parquet"])

    assert rows.project(["a.b"])[0] == {"a.b": 3}
    assert rows.project(["a"])[0] == {"a": {"b": 1, "c": 2}}
    assert list(rows.column("a.b")) == [3]


def test_projection_reads_neither_footers_nor_other_columns(three_files):
    """What is not read may be broken."""
    root, _ = three_files
    blob = pa.table({"n": list(range(100)), "noise": [bytes([n]) * 50 for n in range(100)]})
    write(root, "x.parquet", blob, compression="none", use_dictionary=False, write_statistics=False)
    content = bytearray((root / "x.parquet").read_bytes())
    chunk = pq.read_metadata(root / "x.parquet").row_group(0).column(1)
    start = chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    (root / "x.parquet").write_bytes(content)

    rows = ParquetRows.open(root, ["x.parquet"])

    assert rows.project(["n"])[99] == {"n": 99}
    assert sum(rows.column("n")) == 4950
    with pytest.raises(SourceError, match=r"x.parquet: row group 0 cannot be decoded: "):
        rows[0]


@pytest.mark.parametrize("cache_bytes", [0, 300, 1 << 20])
def test_eight_threads_read_the_same_rows(three_files, cache_bytes):
    rows = ParquetRows.open(*three_files, cache_bytes=cache_bytes)
    barrier = threading.Barrier(8)

    def read(worker):
        barrier.wait()
        order = [(step * (2 * worker + 1)) % 25 for step in range(100)]
        return [rows[index] for index in order] == [{"id": f"task-{n}", "n": n} for n in order]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))


@pytest.mark.parametrize(("cache_bytes", "kept"), [(0, [8]), (75_000, [2, 8]), (10**9, list(range(10)))])
def test_the_pieces_used_last_are_kept_up_to_a_bound(tmp_path, cache_bytes, kept):
    """The first 2,048 rows of a row group take 31 kB; what is kept can be read when the file is gone."""
    write(tmp_path, "a.parquet", pa.table({"n": list(range(100_000))}), row_group_size=10_000)
    rows = ParquetRows.open(tmp_path, ["a.parquet"], cache_bytes=cache_bytes)
    for group in (*range(10), 2, 7, 2, 8):
        assert rows[group * 10_000] == {"n": group * 10_000}

    (tmp_path / "a.parquet").unlink()

    found = []
    for group in range(10):
        try:
            found.append(rows[group * 10_000 + 9]["n"] // 10_000)
        except SourceChanged:
            continue
    assert found == kept


def test_a_kept_row_group_is_not_read_again(three_files):
    root, names = three_files
    rows = ParquetRows.open(root, names)
    first = rows[0]

    shutil.rmtree(root / "main")

    assert (rows[0], rows[3]["n"]) == (first, 3)
    assert [rows.is_hot(index) for index in (0, 3, 4)] == [True, True, False]
    with pytest.raises(SourceChanged, match=r"main/test-0.parquet: gone since it was opened"):
        rows[4]


def other_file(root):
    write(root, "new.parquet", numbered(100, 110), row_group_size=4)
    (root / "new.parquet").replace(root / "main/test-0.parquet")


def written_over(root):
    write(root, "main/test-0.parquet", numbered(100, 110), row_group_size=4)


def cut_short(root):
    with (root / "main/test-0.parquet").open("r+b") as stream:
        stream.truncate(100)


@pytest.mark.parametrize("change", [other_file, written_over, cut_short])
def test_a_file_that_changes_is_never_a_wrong_row(three_files, change):
    root, names = three_files
    rows = ParquetRows.open(root, names)

    change(root)

    with pytest.raises(SourceChanged, match=r"main/test-0.parquet: changed since it was opened"):
        rows[0]
    with pytest.raises(SourceChanged, match=r"main/test-0.parquet: changed"):
        list(rows.column("n"))
    assert rows[10]["n"] == 10


def test_a_value_that_python_cannot_hold_is_named(tmp_path):
    days = pa.array([0, 2_000_000_000], pa.int32()).cast(pa.date32())
    write(tmp_path, "a.parquet", pa.table({"n": [1, 2], "day": days}))
    rows = ParquetRows.open(tmp_path, ["a.parquet"])

    assert rows[0]["day"] == datetime.date(1970, 1, 1)
    with pytest.raises(SourceError, match=r"a.parquet, row 1: column 'day' holds a value that Python cannot"):
        rows[1]
    with pytest.raises(SourceError, match=r"a.parquet: row group 0: column 'day' holds a value that Python"):
        list(rows.column("day"))


def test_a_column_that_nobody_reads_to_the_end_leaves_nothing_open(three_files):
    values = ParquetRows.open(*three_files).column("n")
    assert next(values) == 0
    del values
    gc.collect()


def test_files_may_differ_in_column_order_nullability_and_width(tmp_path):
    write(tmp_path, "a.parquet", pa.table({"n": pa.array([1], pa.int8()), "q": ["x"]}))
    schema = pa.schema([pa.field("q", pa.large_string(), nullable=False), pa.field("n", pa.int64())])
    write(tmp_path, "b.parquet", pa.table({"q": ["y"], "n": [2**40]}, schema))
    write(tmp_path, "c.parquet", pa.table({"q": ["z"], "n": pa.nulls(1)}))

    rows = ParquetRows.open(tmp_path, ["a.parquet", "b.parquet", "c.parquet"])

    assert rows.columns == ("n", "q")
    assert list(rows) == [{"n": 1, "q": "x"}, {"n": 2**40, "q": "y"}, {"n": None, "q": "z"}]


def test_a_type_conflict_names_both_files_and_types(tmp_path):
    write(tmp_path, "a.parquet", pa.table({"n": pa.nulls(1)}))
    write(tmp_path, "b.parquet", pa.table({"n": [1]}))
    write(tmp_path, "c.parquet", pa.table({"n": ["1"]}))

    with pytest.raises(SourceError, match=r"column 'n' is int64 in b.parquet, but string in c.parquet"):
        ParquetRows.open(tmp_path, ["a.parquet", "b.parquet", "c.parquet"])


@pytest.mark.parametrize("order", [["a.parquet", "b.parquet"], ["b.parquet", "a.parquet"]])
def test_a_missing_column_names_both_files(tmp_path, order):
    write(tmp_path, "a.parquet", pa.table({"n": [1], "q": ["x"]}))
    write(tmp_path, "b.parquet", pa.table({"n": [1]}))

    with pytest.raises(SourceError, match=r"b.parquet has no column 'q', which a.parquet has. There are: 'n'"):
        ParquetRows.open(tmp_path, order)


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    write(tmp_path, "a.parquet", pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"]))

    with pytest.raises(SourceError, match=r"a.parquet: column 'n' is there twice"):
        ParquetRows.open(tmp_path, ["a.parquet"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: b"", "empty, not a Parquet file"),
        (lambda content: b"PAR1", "cut short: a Parquet file whose end is missing"),
        (lambda content: b"id,answer\n1,2\n" * 9, "not a Parquet file"),
        (lambda content: content[:-20], "cut short: a Parquet file whose end is missing"),
        (lambda content: b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (lambda content: b"PARE" + content[4:-4] + b"PARE", "encrypted Parquet"),
        (lambda content: content[:-8] + b"\xff\xff\xff\x7fPAR1", "its footer is longer than the file"),
        (lambda content: content[:-60] + b"\xff" * 52 + content[-8:], "its Parquet footer is broken"),
        (lambda content: content[:-8] + b"\0\0\0\0PAR1", "its Parquet footer is broken"),
    ],
)
def test_a_file_that_is_no_parquet_says_why(tmp_path, spoil, message):
    write(tmp_path, "main/a.parquet", numbered(0, 5))
    content = (tmp_path / "main/a.parquet").read_bytes()
    (tmp_path / "main/a.parquet").write_bytes(spoil(content))

    with pytest.raises(SourceError, match=f"main/a.parquet: .*{message}"):
        ParquetRows.open(tmp_path, ["main/a.parquet"])


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_damage_is_a_source_error_or_rows(data):
    """Never another exception."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "a.parquet", numbered(0, 20))
        content = bytearray((Path(folder) / "a.parquet").read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (Path(folder) / "a.parquet").write_bytes(content)
        try:
            rows = ParquetRows.open(Path(folder), ["a.parquet"])
            for index in range(len(rows)):
                assert rows[index].keys() == set(rows.columns)
        except SourceError as exc:
            message = str(exc)
        else:
            message = "a.parquet"
        assert message.startswith("a.parquet")


def test_a_footer_larger_than_the_first_read_is_read_whole(tmp_path):
    wide = pa.table({f"column-{n:04}": [n] for n in range(1500)})
    write(tmp_path, "a.parquet", wide)

    assert ParquetRows.open(tmp_path, ["a.parquet"], ["column-1499"])[0] == {"column-1499": 1499}


def test_the_fingerprint_tells_content_and_not_names(three_files, tmp_path):
    root, names = three_files
    here = ParquetRows.open(root, names)
    shutil.copytree(root / "main", tmp_path / "copy/renamed")
    copy = [f"renamed/test-{n}.parquet" for n in range(3)]

    assert ParquetRows.open(tmp_path / "copy", copy).fingerprint == here.fingerprint
    assert here.project(["n"]).fingerprint == here.fingerprint

    rows = numbered(0, 10).to_pylist()
    rows[5]["id"] = "task-6"
    write(tmp_path / "copy", copy[0], pa.Table.from_pylist(rows), row_group_size=4)
    assert ParquetRows.open(tmp_path / "copy", copy).fingerprint != here.fingerprint
