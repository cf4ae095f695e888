"""``datasets`` and the ``hf`` command, in processes of their own."""

import io
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

REPO = "acme/words"


@pytest.fixture
def run(hub, tmp_path):
    def start(*command, **environment):
        done = subprocess.run(
            command, env=hub.environment(**environment), cwd=tmp_path, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return start


def hf(*arguments):
    return (str(Path(sys.executable).with_name("hf")), *arguments)


LOAD = """
import datasets
rows = datasets.load_dataset("acme/words", split="test")
stream = datasets.load_dataset("acme/words", split="test", streaming=True)
other = datasets.load_dataset("acme/words", "other", split="train")
print(rows[:]["question"], [row["answer"] for row in stream], len(other))
"""


def test_datasets_loads_and_streams_what_is_there(hub, run):
    def parquet(rows):
        file = io.BytesIO()
        pq.write_table(pa.table(rows), file)
        return file.getvalue()

    card = b"""---
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train.parquet}
  - {split: test, path: main/test-*.parquet}
  default: true
- config_name: other
  data_files: other/*.parquet
---
"""
    hub.create_repo(REPO, private=True)
    hub.commit(
        REPO,
        {
            "README.md": card,
            "main/train.parquet": parquet({"question": ["no"], "answer": [0]}),
            "main/test-0.parquet": parquet({"question": ["one?"], "answer": [1]}),
            "main/test-1.parquet": parquet({"question": ["two?"], "answer": [2]}),
            "other/a.parquet": parquet({"question": ["three?"]}),
        },
    )
    assert run(sys.executable, "-c", LOAD).strip() == "['one?', 'two?'] [1, 2] 1"


PUSH = """
import datasets
rows = datasets.Dataset.from_dict({"question": ["one?", "two?"], "answer": [1, 2]})
rows.push_to_hub("acme/words", private=True, num_shards=2)
rows.push_to_hub("acme/words", "again", split="test", revision="dev")
print(datasets.load_dataset("acme/words")["train"][:])
print(datasets.load_dataset("acme/words", "again", revision="dev")["test"][:])
"""


def test_datasets_pushes_and_finds_it_again(hub, run):
    rows = "{'question': ['one?', 'two?'], 'answer': [1, 2]}"
    assert run(sys.executable, "-c", PUSH).split("\n") == [rows, rows, ""]
    assert set(hub.files(REPO)) == {
        ".gitattributes",
        "README.md",
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
    }
    assert "again/test-00000-of-00001.parquet" in hub.files(REPO, "dev")


def test_the_command_uploads_and_downloads(hub, run, tmp_path):
    folder = tmp_path / "words"
    (folder / "data").mkdir(parents=True)
    (folder / "data/a.bin").write_bytes(b"\0" * 5000)
    (folder / "b.txt").write_text("b")
    run(*hf("upload", REPO, str(folder), "--repo-type", "dataset", "--private"))
    assert hub.files(REPO)["data/a.bin"] == b"\0" * 5000
    assert hub.snapshot()[f"datasets/{REPO}"]["private"]
    run(*hf("download", REPO, "--repo-type", "dataset", "--local-dir", "back"))
    assert (tmp_path / "back/data/a.bin").read_bytes() == b"\0" * 5000
    assert (tmp_path / "back/b.txt").read_text() == "b"


def test_the_command_manages_repositories_and_references(hub, run):
    of_dataset = (REPO, "--type", "dataset")
    run(*hf("repos", "create", *of_dataset, "--public"))
    hub.commit(REPO, {"a.txt": b"a", "b.txt": b"b"})
    first = hub.head(REPO)
    run(*hf("repos", "tag", "create", REPO, "v1", "--type", "dataset"))
    run(*hf("repos", "branch", "create", REPO, "dev", "--type", "dataset"))
    run(*hf("repos", "delete-files", REPO, "b.txt", "--type", "dataset"))
    assert "a.txt" in hub.files(REPO)
    assert "b.txt" not in hub.files(REPO)
    assert (hub.head(REPO, "v1"), hub.head(REPO, "dev")) == (first, first)
    assert "v1" in run(*hf("repos", "tag", "list", *of_dataset))
    run(*hf("repos", "settings", *of_dataset, "--private"))
    assert hub.snapshot()[f"datasets/{REPO}"]["private"]
    run(*hf("repos", "delete", *of_dataset, "--yes"))
    assert hub.snapshot() == {}


def test_the_environment_leads_to_this_hub_alone(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "another")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    environment = hub.environment(HF_DEBUG="1")
    assert environment["HF_ENDPOINT"] == hub.endpoint
    assert environment["HF_TOKEN"] == hub.token
    assert environment["HF_HOME"] == str(hub.home)
    assert "HF_HUB_OFFLINE" not in environment
    assert (environment["HF_DEBUG"], environment["PATH"] != "") == ("1", True)
