"""A repository at a commit: its splits are those of ``datasets``, and its files come when they are opened."""

import gzip
import io
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub

from openenv_tasksets.loaders.errors import RevisionNotFound, SourceError
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.loaders.reference import DatasetReference
from openenv_tasksets.loaders.snapshot import Snapshot


def rows_of(path):
    return [{"number": number, "text": f"{path} {number}"} for number in range(2)]


def content(path):
    """Rows that name their file, in the format that its name says."""
    rows = rows_of(path)
    if path.endswith(".parquet"):
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        return sink.getvalue()
    if path.endswith(".csv"):
        return ("number,text\n" + "".join(f"{row['number']},{row['text']}\n" for row in rows)).encode()
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    return gzip.compress(text, mtime=0) if path.endswith(".gz") else text


def card(configs):
    return f"---\nlicense: mit\nconfigs:\n{configs}\n---\n# Words\n".encode()


TWO_CONFIGS = card(
    "- config_name: easy\n  data_files: easy/*.parquet\n"
    "- config_name: hard\n  default: true\n  data_files:\n"
    "  - {split: train, path: hard/tr*}\n  - {split: test, path: ['hard/te*', 'hard/more/**']}"
)
TWO_CONFIG_FILES = [
    "easy/a.parquet",
    "hard/tr-0.parquet",
    "hard/tr-1.parquet",
    "hard/te.parquet",
    "hard/more/x/y.parquet",
]
LAYOUTS = {
    "default": (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"], None, None),
    "sharded": (["data/train-00000-of-00001.parquet", "data/hard-00000-of-00001.parquet"], None, None),
    "folders": (["train/a.jsonl", "train/b.jsonl", "test/deep/c.jsonl"], None, None),
    "names": (["my-train.jsonl", "my-test-0.jsonl", "my-test-1.jsonl", "notes.txt"], None, None),
    "gzip": (["train.jsonl.gz", "valid.jsonl.gz"], None, None),
    "csv": (["train.csv", "test.csv"], None, None),
    "one": (["words.jsonl"], b"# No configs\n", None),
    "configs": (TWO_CONFIG_FILES, TWO_CONFIGS, None),
    "named": (TWO_CONFIG_FILES, TWO_CONFIGS, "easy"),
    "globs": (
        ["a/b/c.jsonl", "a/x.jsonl", "z.jsonl"],
        card("- config_name: default\n  data_files: ['a/**/c*', 'z.jsonl']"),
        None,
    ),
    "folder": (["main/train.jsonl", "main/dev.jsonl", "x.csv"], card("- config_name: m\n  data_dir: main"), None),
    "hidden": ([".old/train.jsonl", "train.jsonl", "__x__/test.jsonl"], None, None),
}

ORACLE = """
import json, sys
import datasets
from datasets import load_dataset, load_dataset_builder
datasets.config.USE_PARQUET_EXPORT = False
datasets.disable_progress_bars()
told = {}
for name, config in json.load(sys.stdin).items():
    files = load_dataset_builder(f"acme/{name}", config).config.data_files
    rows = load_dataset(f"acme/{name}", config, streaming=True)
    told[name] = {
        "files": {str(split): list(dict.fromkeys(p.partition("@")[2].partition("/")[2] for p in paths))
                  for split, paths in files.items()},
        "rows": {str(split): list(each) for split, each in rows.items()},
    }
json.dump(told, sys.stdout)
"""


@pytest.fixture(scope="module")
def server():
    with LoopbackHub() as running:
        for name, (paths, readme, _) in LAYOUTS.items():
            running.create_repo(f"acme/{name}")
            running.commit(f"acme/{name}", {path: content(path) for path in paths})
            if readme is not None:
                running.commit(f"acme/{name}", {"README.md": readme})
        yield running


@pytest.fixture
def hub(server, tmp_path):
    return Hub(server.endpoint, server.token, tmp_path, wait=lambda seconds: None)


def at(hub, name, revision="main"):
    return Snapshot.at(hub, DatasetReference(f"acme/{name}", None, revision))


@pytest.fixture(scope="module")
def told_by_datasets(server):
    wanted = json.dumps({name: config for name, (_, _, config) in LAYOUTS.items()})
    done = subprocess.run(
        [sys.executable, "-c", ORACLE],
        input=wanted,
        env=server.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", LAYOUTS)
def test_splits_files_and_rows_are_those_of_datasets(hub, told_by_datasets, name):
    snapshot = at(hub, name)
    splits = snapshot.split_files(LAYOUTS[name][2])
    assert {split: list(files) for split, files in splits.items()} == told_by_datasets[name]["files"]
    assert list(splits) == list(told_by_datasets[name]["files"])
    for split, files in splits.items():
        rows = snapshot.open_rows(files)
        assert [dict(rows[index]) for index in range(len(rows))] == told_by_datasets[name]["rows"][split]


def test_a_split_is_fetched_when_it_is_opened_and_no_other(server, hub):
    snapshot = at(hub, "sharded")
    server.reset_log()
    splits = snapshot.split_files()
    assert [request.origin for request in server.requests] == ["api"]
    snapshot.open_rows(splits["hard"])
    assert sum(request.origin == "cdn" for request in server.requests) == 1


def test_files_given_outright_need_no_card(server, hub):
    snapshot = at(hub, "configs")
    server.reset_log()
    splits = snapshot.split_files(data_files={"test": ["easy/*"]})
    assert splits == {"test": ("easy/a.parquet",)}
    assert not any("README" in request.path for request in server.requests)


def test_the_first_rows_of_a_split_take_its_first_file_only(server, hub):
    snapshot = at(hub, "default")
    files = snapshot.split_files()["train"]
    server.reset_log()
    rows = snapshot.open_rows(files[:1])
    assert (rows.columns, len(rows)) == (("number", "text"), 2)
    assert sum(request.origin == "cdn" for request in server.requests) == 1


def test_a_file_is_read_or_is_not_there(hub):
    snapshot = at(hub, "one")
    assert snapshot.read("README.md") == b"# No configs\n"
    assert snapshot.read("environment.yaml") is None


def test_what_is_read_stays_of_its_commit(server, hub):
    snapshot = at(hub, "gzip")
    before = snapshot.read("train.jsonl.gz")
    server.commit("acme/gzip", {"train.jsonl.gz": gzip.compress(b"{}\n", mtime=0)})
    assert snapshot.read("train.jsonl.gz") == before
    assert at(hub, "gzip").commit_hash != snapshot.commit_hash
    server.commit("acme/gzip", {"train.jsonl.gz": before})


def test_errors_name_the_repository_and_the_commit(server, hub):
    snapshot = at(hub, "configs")
    assert str(snapshot) == f"acme/configs@{server.head('acme/configs')[:7]}"
    with pytest.raises(SourceError, match=rf"^{snapshot}: no config 'hrad'; did you mean 'hard'\?"):
        snapshot.split_files("hrad")
    with pytest.raises(SourceError, match=rf"^{snapshot}: nothing.jsonl: no such file"):
        snapshot.split_files(data_files={"test": ["nothing.jsonl"]})
    with pytest.raises(RevisionNotFound, match="acme/configs@mian: .*did you mean 'main'"):
        at(hub, "configs", "mian")
    server.create_repo("acme/bad")
    server.commit("acme/bad", {"train.parquet": b"PAR1 and no more", "README.md": b"\xff\xfe"})
    snapshot = at(hub, "bad")
    with pytest.raises(SourceError, match=rf"^{snapshot}: README.md is not UTF-8"):
        snapshot.split_files()
    with pytest.raises(SourceError, match=rf"^{snapshot}: train.parquet: cut short"):
        snapshot.open_rows(["train.parquet"])
