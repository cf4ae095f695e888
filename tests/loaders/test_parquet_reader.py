"""The reader behind ``ParquetFile``, taken directly: it reads what ``ParquetFile`` reads, with an older Arrow too."""

import datetime
import decimal
import subprocess
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.parquet_reader import open_reader

PROGRAM = """
import sys
import pyarrow._parquet, pyarrow.parquet
{change}
from openenv_tasksets.loaders.parquet import ParquetRows
from pathlib import Path
rows = ParquetRows.open(Path(sys.argv[1]), ["0.parquet"])
print([rows[index] for index in range(len(rows))])
"""
# An Arrow that keeps its reader elsewhere, and one whose reader does not know all that today's does.
OTHERS = {
    "moved": "del pyarrow._parquet.ParquetReader",
    "older": """
class Older(pyarrow._parquet.ParquetReader):
    def open(self, source, *, metadata=None, buffer_size=0, pre_buffer=False):
        raise SystemExit("not as it is today")
pyarrow._parquet.ParquetReader = Older
""",
}


@pytest.fixture
def root(tmp_path):
    table = pa.table(
        {
            "n": pa.array(range(7)),
            "nested": [{"day": datetime.date(2026, 1, n + 1), "tags": ["a"] * n} for n in range(7)],
            "price": [decimal.Decimal(n) / 4 for n in range(7)],
            "id": pa.array([uuid.UUID(int=n).bytes for n in range(7)], pa.uuid()),
        }
    )
    pq.write_table(table, tmp_path / "0.parquet", row_group_size=4, store_schema=False)
    return tmp_path


@pytest.mark.parametrize("buffer_bytes", [0, 64])
def test_batches_are_those_of_a_parquet_file(root, buffer_bytes):
    path = root / "0.parquet"
    with pq.ParquetFile(path) as expected, pa.OSFile(str(path)) as source:
        reader = open_reader(source, buffer_bytes=buffer_bytes)
        assert reader.metadata.equals(expected.metadata)

        places = range(reader.metadata.num_columns)
        for group in range(2):
            found = list(open_reader(source, reader.metadata, buffer_bytes).iter_batches(3, [group], places))
            assert found == list(expected.iter_batches(3, [group]))
            assert [batch.schema for batch in found] == [expected.schema_arrow] * len(found)


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_with_another_arrow_the_rows_are_the_same(root, change):
    command = [sys.executable, "-c", PROGRAM.format(change=change), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == repr(pq.read_table(root / "0.parquet").to_pylist())


def test_a_damaged_footer_ends_no_process(tmp_path):
    """Each byte of it, changed in some ways: what pyarrow's metadata asks of C++ may raise what Python cannot catch."""
    table = pa.table({"id": [f"task-{n}" for n in range(20)], "n": range(20)})
    pq.write_table(table, tmp_path / "whole.parquet", row_group_size=7)
    script = """
import sys
from contextlib import suppress
from pathlib import Path
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.parquet_statistics import GroupOfFile, column_ranges

root = Path(sys.argv[1])
whole = (root / "whole.parquet").read_bytes()
footer_bytes = int.from_bytes(whole[-8:-4], "little")
for place in range(len(whole) - 8 - footer_bytes, len(whole) - 8):
    for value in {whole[place] ^ 1, whole[place] ^ 2, 9, 88} - {whole[place]}:
        (root / "0.parquet").write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
        with suppress(SourceError):
            rows = ParquetRows.open(root, ["0.parquet"])
            groups = [GroupOfFile(group.metadata, group.number) for group in rows.groups]
            for name in rows.columns:
                column_ranges(groups, name)
            for index in range(len(rows)):
                rows[index]
"""
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=100)

    assert (ended.returncode, ended.stderr) == (0, "")
