import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.layout import _FORMATS
from openenv_tasksets.loaders.load import LOADERS, list_files, open_rows, read_card


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "taskset"
    (root / "data").mkdir(parents=True)
    rows = [{"id": 1, "q": "one"}, {"id": 2, "q": "two"}]
    pq.write_table(pa.Table.from_pylist(rows), root / "data/test.parquet")
    (root / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "a.csv").write_text("id,q\n1,one\n2,two\n")
    (root / "a.tsv").write_text("id\tq\n1\tone\n2\ttwo\n")
    return root


@pytest.mark.parametrize("name", ["data/test.parquet", "a.jsonl", "a.csv", "a.tsv"])
def test_every_format_gives_the_same_rows(folder, name):
    rows = open_rows(folder, [name])

    assert [rows[index] for index in range(len(rows))] == [{"id": 1, "q": "one"}, {"id": 2, "q": "two"}]
    assert rows.columns == ("id", "q")
    assert list(rows.column("q")) == ["one", "two"]
    assert rows.project(["q"])[1] == {"q": "two"}
    assert rows.location(1) == f"{name}, row 1"
    assert rows.fingerprint == open_rows(folder, [f"./{name}"]).fingerprint
    with pytest.raises(SourceError, match=r"no column 'Q'"):
        rows.project(["Q"])
    with pytest.raises(SourceError, match=r"no column 'question'. There are: 'id', 'q'"):
        rows.column("question")
    for index in (-1, 2):
        with pytest.raises(IndexError, match=rf"row {index} is not in \[0, 2\)"):
            rows[index]
        with pytest.raises(IndexError):
            rows.location(index)


def test_every_format_has_a_loader(folder):
    assert set(LOADERS) == set(_FORMATS.values())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "at least one file"),
        (["a.jsonl", "a.csv"], "cannot be read as the rows of one split: a.jsonl, a.csv"),
        (["a.pdf"], "cannot be read as the rows of one split: a.pdf"),
        (["../other.jsonl"], "must be a path below"),
        (["/etc/x.jsonl"], "must be a path below"),
        (["gone.jsonl"], "gone.jsonl: cannot be opened"),
    ],
)
def test_files_that_make_no_split_are_refused(folder, files, message):
    with pytest.raises(SourceError, match=message):
        open_rows(folder, files)


def test_a_link_must_stay_inside(folder, tmp_path):
    (tmp_path / "secret.jsonl").write_text('{"key": "value"}\n')
    (folder / "out.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (folder / "in.jsonl").symlink_to("a.jsonl")
    (folder / "elsewhere").symlink_to(tmp_path)
    (folder / "README.md").symlink_to(tmp_path / "secret.jsonl")

    assert len(open_rows(folder, ["in.jsonl"])) == 2
    for name in ("out.jsonl", "elsewhere/secret.jsonl"):
        with pytest.raises(SourceError, match=f"{name}: is a link that leads outside"):
            open_rows(folder, [name])
    with pytest.raises(SourceError, match=r"README.md: is a link that leads outside"):
        read_card(folder)


def test_a_snapshot_of_the_hub_cache_reads_through_its_links(tmp_path):
    root = tmp_path / "datasets--acme--words" / "snapshots" / ("0" * 40)
    blobs = tmp_path / "datasets--acme--words" / "blobs"
    root.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "abc").write_text('{"a": 1}\n')
    (root / "train.jsonl").symlink_to("../../blobs/abc")
    (root / "out.jsonl").symlink_to(tmp_path / "other.jsonl")

    assert open_rows(root, ["train.jsonl"])[0] == {"a": 1}
    with pytest.raises(SourceError, match="leads outside"):
        open_rows(root, ["out.jsonl"])


def test_a_hub_cache_may_keep_the_blobs_of_all_repositories_together(tmp_path):
    root = tmp_path / "datasets--acme--words" / "snapshots" / ("0" * 40)
    own, shared = tmp_path / "datasets--acme--words" / "blobs", tmp_path / "blobs"
    for each in (root, own, shared):
        each.mkdir(parents=True)
    (shared / "abc").write_text('{"a": 1}\n')
    (own / "abc").symlink_to("../../blobs/abc")
    (root / "train.jsonl").symlink_to("../../blobs/abc")

    assert open_rows(root, ["train.jsonl"])[0] == {"a": 1}


def test_listing_is_sorted_and_leaves_out_what_nobody_wants(folder):
    for name in (".git/x.jsonl", ".hidden.csv", "data/__pycache__/y.csv", "data/.cache/z.csv", "data/b.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("a\n1\n")
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "dangling.jsonl").symlink_to("nowhere")
    (folder / "linked").symlink_to("data")

    assert list_files(folder) == ["a.csv", "a.jsonl", "a.tsv", "data/b.csv", "data/test.parquet"]


def test_a_root_that_is_no_folder_is_refused(folder):
    with pytest.raises(SourceError, match="no such folder"):
        list_files(folder / "gone")
    with pytest.raises(SourceError, match="not a folder"):
        list_files(folder / "a.csv")


def test_the_card_is_read_if_there_is_one(folder):
    assert read_card(folder) is None

    (folder / "README.md").write_text("# Wörter", encoding="utf-8")
    assert read_card(folder) == "# Wörter"

    (folder / "README.md").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match=r"README.md: cannot be read: .*utf-8"):
        read_card(folder)


def test_a_format_costs_only_its_own_imports(folder):
    code = (
        "import sys; from pathlib import Path; from openenv_tasksets.loaders.load import open_rows; "
        "rows = open_rows(Path(sys.argv[1]), ['a.jsonl']); assert len(rows) == 2; "
        "print({'pyarrow', 'datasets', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.strip() == "set()"
