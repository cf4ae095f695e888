"""Tasks by id and hash, read a part at a time: those of the taskset, and its errors in their places."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sample_taskset import ENVIRONMENT, FILES, WITHOUT_IDS, row, shards, write_files

from openenv_tasksets.loaders.errors import (
    DeclarationError,
    RowError,
    SourceError,
)
from openenv_tasksets.open_inventory import open_inventory
from openenv_tasksets.task import Hidden, Task
from openenv_tasksets.task_hash import task_hash
from openenv_tasksets.taskset import Taskset


def test_tasks_are_those_of_the_taskset_whole_or_in_parts(tmp_path):
    folder = write_files(tmp_path, {**FILES, "environment.yaml": WITHOUT_IDS.encode()})
    inventory, taskset = open_inventory(folder), Taskset.from_path(folder)
    whole = inventory.read_split("train")
    assert whole == {task.id: task_hash(task) for task in taskset["train"]}
    assert list(whole) == ["train-0", "train-1", "train-2"]
    parts = {}
    first, second = inventory.units("train")
    assert inventory.read_part("train", first, 0, parts) == inventory.count("train", first) == 2
    assert inventory.read_part("train", second, 2, parts) == 1
    assert parts == whole


@pytest.mark.parametrize("form", ["bytes", "pil"])
def test_an_image_is_hashed_as_its_bytes_whatever_its_form(tmp_path, form):
    content = io.BytesIO()
    Image.new("RGB", (2, 2)).save(content, "PNG")
    table = pa.table({"image": [{"bytes": content.getvalue(), "path": "1.png"}]})
    (tmp_path / "data").mkdir()
    pq.write_table(table, tmp_path / "data" / "train-00000-of-00001.parquet")
    task = f"    task: {{reset: {{shown: {{column: image, as: {form}}}}}}}\n"
    start, end = ENVIRONMENT.index("    task:"), ENVIRONMENT.index("    frameworks:")
    (tmp_path / "environment.yaml").write_text(ENVIRONMENT[:start] + task + ENVIRONMENT[end:])

    hidden = Hidden({"shown": content.getvalue()})
    expected = Task("train-0", "train", 0, 0, {}, {}, hidden, Hidden({}))
    assert open_inventory(tmp_path).read_split("train") == {"train-0": task_hash(expected)}


class TestRowErrors:
    def test_a_row_that_cannot_be_bound_is_told_with_its_place_in_the_split(self, tmp_path):
        text = ENVIRONMENT.replace("answer: answer, bonus", 'answer: {column: answer, extract: "x"}, bonus')
        files = {"environment.yaml": text.encode(), **shards("train", [[row("k1", "x")], [row("k2", "secret")]])}
        inventory = open_inventory(write_files(tmp_path, files))
        with pytest.raises(
            RowError, match=r"data/train-00001-of-00002.parquet, row 0 \(split 'train', row 1\)"
        ) as caught:
            inventory.read_part("train", inventory.units("train")[1], 1, {})
        assert "secret" not in str(caught.value)

    def test_a_binding_that_does_not_fit_is_told_with_its_line(self, tmp_path):
        text = ENVIRONMENT.replace("prompt: question", "prompt: qestion")
        inventory = open_inventory(write_files(tmp_path, {**FILES, "environment.yaml": text.encode()}))
        with pytest.raises(
            DeclarationError, match="environment.yaml:6: .*no column 'qestion'; did you mean 'question'"
        ):
            inventory.read_split("train")

    def test_files_that_do_not_belong_together_are_told(self, tmp_path):
        sink = io.BytesIO()
        pq.write_table(pa.table({"key": ["k3"], "question": ["?"], "answer": ["!"]}), sink)
        odd = {**FILES, "data/train-00001-of-00002.parquet": sink.getvalue()}
        with pytest.raises(SourceError, match="train-00001-of-00002.parquet has no column 'topic'"):
            open_inventory(write_files(tmp_path, odd)).read_split("train")


def test_a_column_that_nothing_binds_is_not_read(tmp_path):
    """Its values are none that Python has: dates in the year 20000."""
    sink = io.BytesIO()
    columns = {name: [value] for name, value in row("k1").items()}
    far = pa.array([18_000 * 366], pa.date32())
    pq.write_table(pa.table({**columns, "notes": far}), sink)
    folder = write_files(tmp_path, {**FILES, "data/test-00000-of-00001.parquet": sink.getvalue()})
    inventory = open_inventory(folder)
    assert inventory.read_split("test")["k1"] == inventory.read_split("train")["k1"]
