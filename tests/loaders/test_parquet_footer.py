"""Footers: what is not Parquet says so, and files of one split have columns of one shape."""

import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.parquet_footer import group_sizes, read_footers


def footers(root, *tables):
    names = [f"{number}.parquet" for number in range(len(tables))]
    for name, table in zip(names, tables, strict=True):
        pq.write_table(table, root / name, row_group_size=10)
    return read_footers(SourceFiles(root, names))


@pytest.mark.parametrize("files", [1, 3, 20])
def test_footers_are_those_that_pyarrow_reads_in_the_order_of_the_files(tmp_path, files):
    """One after the other, and on threads where there are many."""
    found = footers(tmp_path, *(pa.table({"n": range(number + 11)}) for number in range(files)))

    assert [footer.file.name for footer in found] == [f"{number}.parquet" for number in range(files)]
    for number, footer in enumerate(found):
        assert footer.metadata.equals(pq.read_metadata(tmp_path / f"{number}.parquet"))
        assert footer.schema.equals(pa.schema([("n", pa.int64())]))
        rows = number + 11
        assert list(group_sizes(footer)) == [10] * (rows // 10) + [rows % 10] * (rows % 10 > 0)


class FarFile:
    """A file elsewhere, of several, none of which answers before all are asked."""

    size = property(lambda self: len(WHOLE))

    def __init__(self, name, all_asked):
        self.name, self._all_asked = name, all_asked

    def at_hand(self):
        return None

    def read(self, start, end):
        self._all_asked.wait(timeout=30)
        return WHOLE[start:end]


def test_footers_of_far_files_are_asked_for_side_by_side():
    all_asked = threading.Barrier(5)
    files = [FarFile(f"{number}.parquet", all_asked) for number in range(5)]

    assert [footer.file.name for footer in read_footers(files)] == [f"{number}.parquet" for number in range(5)]


def test_a_footer_longer_than_what_is_read_at_first_is_read_whole(tmp_path):
    columns = {f"a column with a rather long name, number {number}": [number] for number in range(2000)}

    [footer] = footers(tmp_path, pa.table(columns))

    assert footer.metadata.serialized_size > 64 << 10
    assert footer.schema.names == list(columns)


PARQUET = pa.BufferOutputStream()
pq.write_table(pa.table({"n": [1, 2, 3]}), PARQUET)
WHOLE = PARQUET.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty, not a Parquet file"),
        (b"PAR1", "cut short: a Parquet file whose end is missing"),
        (WHOLE[:-7], "cut short: a Parquet file whose end is missing"),
        (b"n,text\n1,a\n", "not a Parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"PARE" + bytes(20) + b"PARE", "encrypted Parquet"),
        (b"PAR1" + (999).to_bytes(4, "little") + b"PAR1", "its footer is longer than the file"),
        (WHOLE[:-100] + b"\xff" * 92 + WHOLE[-8:], "its Parquet footer is broken"),
    ],
)
def test_what_is_not_parquet_says_why(tmp_path, content, reason):
    (tmp_path / "0.parquet").write_bytes(content)

    with pytest.raises(SourceError, match=rf"^0\.parquet: .*{reason}"):
        read_footers(SourceFiles(tmp_path, ["0.parquet"]))


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["n", "n"])

    with pytest.raises(SourceError, match=r"0\.parquet: column 'n' is there twice"):
        footers(tmp_path, table)


def test_files_may_differ_in_order_width_and_nullability(tmp_path):
    one = pa.table({"n": pa.array([1], pa.int32()), "text": ["a"]})
    other = pa.table({"text": pa.array(["b"]).dictionary_encode(), "n": pa.array([None], pa.int64())})
    third = pa.table({"text": pa.nulls(1), "n": pa.array([1], pa.uint8())})

    assert len(footers(tmp_path, one, other, third)) == 3


def test_files_that_differ_in_their_columns_are_both_named(tmp_path):
    with pytest.raises(SourceError, match=r"1\.parquet has no column 'text', which 0\.parquet has\. There are: 'n'"):
        footers(tmp_path, pa.table({"n": [1], "text": ["a"]}), pa.table({"n": [1]}))
    with pytest.raises(SourceError, match=r"0\.parquet has no column 'more', which 1\.parquet has"):
        footers(tmp_path, pa.table({"n": [1]}), pa.table({"n": [1], "more": [1]}))
    with pytest.raises(SourceError, match=r"column 'n' is int64 in 1\.parquet, but string in 2\.parquet"):
        footers(tmp_path, pa.table({"n": pa.nulls(1)}), pa.table({"n": [1]}), pa.table({"n": ["a"]}))
