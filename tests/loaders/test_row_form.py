"""The form of a split's rows: one for files whose types differ, and known to a reader from the bytes of it alone."""

import datetime
import decimal
import subprocess
import sys

import pyarrow as pa

from openenv_tasksets.loaders.row_form import RowForm
from openenv_tasksets.loaders.row_unpack import Unpacker


def packed(form, batch):
    return [row.as_buffer() for row in form.packer.pack(batch)]


def test_files_whose_types_differ_have_one_form():
    dates = pa.RecordBatch.from_pydict({"x": pa.array([datetime.date(2020, 1, 2)], pa.date32())})
    prices = pa.RecordBatch.from_pydict({"x": pa.array([decimal.Decimal("1.50")], pa.decimal128(5, 2))})
    form = RowForm([dates.schema.field(0).type, prices.schema.field(0).type])

    assert [form.unpacker.unpack(row) for batch in (dates, prices) for row in packed(form, batch)] == [
        {"x": datetime.date(2020, 1, 2)},
        {"x": decimal.Decimal("1.50")},
    ]


def test_another_process_unpacks_with_the_types_it_is_given():
    batch = pa.RecordBatch.from_pydict({"t": pa.array([datetime.time(1, 2)], pa.time64("us")), "n": [1]})
    form = RowForm(batch.schema.types)
    [row] = packed(form, batch)

    assert Unpacker(form.types).unpack(row) == {"t": datetime.time(1, 2), "n": 1}
    assert Unpacker(bytes(form.types)).unpack_many(bytes(row) * 2, 2) == [{"t": datetime.time(1, 2), "n": 1}] * 2


def test_rows_of_text_and_numbers_need_no_types():
    assert RowForm([pa.string(), pa.int8(), pa.list_(pa.float64())]).types == b""


def test_a_form_alone_loads_no_kernels():
    """They take a while, and who only unpacks needs none."""
    program = """
import sys, pyarrow as pa
from openenv_tasksets.loaders.row_form import RowForm
RowForm([pa.string()])
assert "pyarrow.compute" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
