"""The files of a taskset of words, for the Hub of tests."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

ENVIRONMENT = """\
  - id: {id}
    task: {{id: key, reset: {{prompt: question, answer: answer}}, visible: [prompt]}}
    frameworks: {{openenv: {{min_version: ">=0.10.0", package: openenv-tasksets, environment: answer}}}}
"""
YAML = "spec_version: hf-rl-env-0.1\nenvironments:\n" + ENVIRONMENT.format(id="spelling")


def parquet(name, count):
    """A file with tasks of this name."""
    sink = io.BytesIO()
    rows = [{"key": f"{name}-{i}", "question": f"{i}?", "answer": str(i), "other": "x" * 50} for i in range(count)]
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


FILES = {
    "environment.yaml": YAML.encode(),
    "README.md": b"# Words\n",
    "data/train-00000-of-00002.parquet": parquet("a", 3),
    "data/train-00001-of-00002.parquet": parquet("b", 2),
    "data/test-00000-of-00001.parquet": parquet("t", 1),
}
TRAIN_IDS = ["a-0", "a-1", "a-2", "b-0", "b-1"]


def ids(taskset, split="train"):
    """Ids of a split's tasks."""
    return [task.id for task in taskset[split]]
