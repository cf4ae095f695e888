"""Tasksets and repositories for tests of pushes, in a line."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.loaders.hub import Hub
from openenv_tasksets.publish import push
from openenv_tasksets.taskset import Taskset

REPO = "acme/sums"
TRAIN, TEST = "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"
FILE = """\
# The author's own words.
spec_version: hf-rl-env-0.1
environments:
  - id: sums
    title: Small sums
    splits: [train, test]   # in this order
    task: {reset: {prompt: question, answer: answer}, visible: [prompt]}
    frameworks: {openenv: {min_version: ">=0.10.0", package: openenv-tasksets, environment: answer}}
"""
TASK = {"reset": {"prompt": "question", "answer": "answer"}, "visible": ["prompt"]}
OPENENV = {"openenv": {"min_version": ">=0.10.0", "package": "openenv-tasksets", "environment": "answer"}}


def open_hub(server, token=None, cache="hub"):
    """A hub that never waits; ``token`` False is nobody's."""
    token = server.token if token is None else token
    return Hub(server.endpoint, token=token, cache_dir=server.home / cache, wait=lambda seconds: None)


def sums(count, start=0):
    return [{"question": f"{n} + {n}?", "answer": 2 * n} for n in range(start, start + count)]


def in_memory(rows=None, task=TASK, **environment: Any):
    declared = {"id": "sums", "task": task, "frameworks": OPENENV, **environment}
    declaration = Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [declared]})
    return Taskset.from_rows({"train": sums(30), "test": sums(5)} if rows is None else rows, declaration)


def make_folder(root):
    """A new folder with a taskset of sums, its rows as JSON lines."""
    root.mkdir()
    (root / "environment.yaml").write_text(FILE)
    for name, rows in {"train": sums(30), "test": sums(5)}.items():
        (root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def do_push(taskset, hub, repo_id=REPO, **options: Any):
    return push(taskset.declaration, [taskset], repo_id, hub=hub, **options)


def parquet(rows, **options: Any):
    """Bytes of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, **options)
    return sink.getvalue()


def tasks(taskset, split="train"):
    """All that tasks hold, hidden values too."""
    return [(task.id, task.visible, task.public, task.hidden.reveal()) for task in taskset[split]]


def front(server, revision="main"):
    """Metadata of the card."""
    return yaml.safe_load(server.files(REPO, revision)["README.md"].decode().split("---\n")[1])


def actions(result):
    return {file.path: file.action for file in result.files}


def uploads(server):
    return [request for request in server.requests if request.path.startswith("/_lfs/upload")]
