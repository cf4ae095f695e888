"""Streams of tasks: what reset() would select, resumed after kill -9, with rows that pyarrow agrees with."""

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openenv_tasksets.loaders.errors import RowError, StateRefused, TaskNotFound
from openenv_tasksets.loaders.stream_state import reshard
from openenv_tasksets.taskset import Taskset

SIZE = 211
YAML = """\
spec_version: hf-rl-env-0.1
environments:
  - id: sums
    task:
      id: key
      reset: {{prompt: question, answer: answer}}
      visible: [prompt]
      public: [level]
      order: {order}
    frameworks:
      openenv: {{min_version: ">=0.10.0", package: openenv-tasksets, environment: answer}}
"""


def write_folder(folder: Path, order: str = "shuffled") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "environment.yaml").write_text(YAML.format(order=order))
    rows = [{"key": f"k{i}", "question": f"{i}+{i}?", "answer": str(2 * i), "level": i % 3} for i in range(SIZE)]
    for number, part in enumerate((rows[:130], rows[130:])):
        path = folder / f"train-{number:05}-of-00002.parquet"
        pq.write_table(pa.Table.from_pylist(part), path, row_group_size=17)
    return folder


def keys_by_pyarrow(folder: Path) -> list[str]:
    tables = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
    return list(pa.concat_tables(tables)["key"].to_pylist())


def test_the_json_of_a_split_has_the_bound_columns_of_the_rows_that_it_serves(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "tasks")
    for path in folder.glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.append_column("unbound", pa.array(["secret"] * len(table))), path, row_group_size=17)
    taskset = Taskset.from_path(folder)
    bound = ["key", "question", "answer", "level"]
    tables = [pq.read_table(path, columns=bound) for path in sorted(folder.glob("*.parquet"))]
    expected = pa.concat_tables(tables).to_pylist()

    assert [json.loads(line) for line in taskset.split("train").json] == expected
    narrow = taskset.with_view(taskset["train"].where(level=1)).split("train").json
    assert [json.loads(line) for line in narrow] == [row for row in expected if row["level"] == 1]
    assert json.loads(narrow[2]) == expected[7]


@pytest.mark.parametrize("order", ["shuffled", "sequential", "blocks"])
def test_a_stream_gives_the_tasks_that_positions_select(tmp_path: Path, order: str) -> None:
    taskset = Taskset.from_path(write_folder(tmp_path / "tasks", order))
    with taskset.stream(stop=2 * SIZE + 9) as stream:
        found = list(stream)
    assert [position for position, _ in found] == list(range(2 * SIZE + 9))
    for position, task in found:
        assert task == taskset.task("train", taskset.locate("train", position)[1])
    for epoch in (0, 1):
        ids = [task.id for _, task in found[epoch * SIZE : (epoch + 1) * SIZE]]
        assert sorted(ids) == sorted(keys_by_pyarrow(tmp_path / "tasks"))
        assert (ids == keys_by_pyarrow(tmp_path / "tasks")) == (order == "sequential")


@pytest.mark.parametrize("order", ["shuffled", "blocks"])
def test_a_narrowed_split_has_a_stream_and_a_state_of_its_own(tmp_path: Path, order: str) -> None:
    whole = Taskset.from_path(write_folder(tmp_path / "tasks", order))
    narrow = whole.with_view(whole["train"].where(level=1))
    size = narrow.num_tasks("train")
    with narrow.stream(stop=size) as stream:
        tasks = [task for _, task in stream]
    assert sorted(task.index for task in tasks) == list(range(size))
    assert {task.public["level"] for task in tasks} == {1}
    with pytest.raises(StateRefused, match="this state is of another stream"):
        whole.stream().load_state_dict(stream.state_dict())


def test_blocks_of_a_narrowed_split_are_those_of_its_rows(tmp_path: Path) -> None:
    whole = Taskset.from_path(write_folder(tmp_path / "tasks", "blocks"))
    narrow = whole.with_view(whole["train"][100:])
    order = narrow.split("train").order
    assert order.window_end(0) not in (None, 1)
    reversed_ = whole.with_view(whole["train"][::-1])
    with reversed_.stream(stop=SIZE) as stream:
        assert sorted(task.index for _, task in stream) == list(range(SIZE))
    identities = {each.split("train").identity for each in (whole, narrow, reversed_)}
    assert len(identities) == 3


def test_a_row_that_cannot_become_a_task_is_an_error_at_its_position(make_taskset: Any) -> None:
    rows = [{"q": "a", "a": "#### 1"}, {"q": "b", "a": "none"}, {"q": "c", "a": "#### 3"}]
    reset = {"prompt": "q", "answer": {"column": "a", "extract": "#### (.+)$"}}
    taskset = make_taskset(rows, {"reset": reset, "order": "sequential"})
    with taskset.stream(stop=3) as stream:
        assert next(stream)[1].id == "train-0"
        with pytest.raises(RowError, match="rows in memory, row 1"):
            next(stream)
        assert stream.skip() == 1
        assert [task.id for _, task in stream] == ["train-2"]


def test_an_empty_split_has_no_stream(make_taskset: Any) -> None:
    with pytest.raises(TaskNotFound, match="no tasks, so it has no positions"):
        make_taskset([], {"reset": {"prompt": "q"}}).stream()


def test_a_taskset_comes_back_from_pickle_with_its_views(tmp_path: Path) -> None:
    whole = Taskset.from_path(write_folder(tmp_path / "tasks"), shuffle_seed=5)
    narrow = whole.with_view(whole["train"].where(level=1)).with_view(whole["train"].where(level=1)[3:])
    for taskset in (whole, narrow):
        copy = pickle.loads(pickle.dumps(taskset))
        assert list(copy["train"]) == list(taskset["train"])
        assert copy.split("train").identity == taskset.split("train").identity


CONSUMER = """\
import json, os, sys
from openenv_tasksets.taskset import Taskset

folder, log, saved, shard, count = sys.argv[1:]
stream = Taskset.from_path(folder).stream(shard_index=int(shard), shard_count=int(count))
if os.path.exists(saved):
    with open(saved) as file:
        state = json.load(file)
    stream.load_state_dict(state["stream"])
    os.truncate(log, state["bytes"])
with stream, open(log, "ab") as lines:
    while True:
        for _ in range(7):
            position, task = next(stream)
            lines.write(f"{position} {task.id}\\n".encode())
        lines.flush()
        print("batch", flush=True)
        with open(saved + ".new", "w") as file:
            json.dump({"stream": stream.state_dict(), "bytes": lines.tell()}, file)
        os.replace(saved + ".new", saved)
        print("saved", flush=True)
"""


def run_and_kill(arguments: list[str], lines: int) -> None:
    """Kill -9 a consumer after some lines of its output: behind a batch, or behind a saved state."""
    with subprocess.Popen([sys.executable, "-c", CONSUMER, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("order", ["shuffled", "blocks"])
def test_killed_processes_and_another_number_of_them_do_each_position_once(tmp_path: Path, order: str) -> None:
    """Three uneven shards are killed twice each; two go on from their states, and are killed too."""
    folder = write_folder(tmp_path / "tasks", order)
    states = [tmp_path / f"state-{shard}" for shard in range(3)]
    logs = [tmp_path / f"log-{shard}" for shard in range(5)]
    for shard, lines in enumerate((3, 6, 15)):
        run_and_kill([*map(str, (folder, logs[shard], states[shard], shard, 3))], lines)
    run_and_kill([*map(str, (folder, logs[0], states[0], 0, 3))], 9)
    saved = [json.loads(state.read_text()) for state in states]
    for log, state in zip(logs, saved, strict=False):
        os.truncate(log, state["bytes"])
    for shard, state in enumerate(reshard([each["stream"] for each in saved], 2)):
        states[shard].write_text(json.dumps({"stream": state, "bytes": 0}))
        logs[3 + shard].touch()
        run_and_kill([*map(str, (folder, logs[3 + shard], states[shard], shard, 2))], 60)
        os.truncate(logs[3 + shard], json.loads(states[shard].read_text())["bytes"])
    done = sorted((int(line.split()[0]), line.split()[1]) for log in logs for line in log.read_text().splitlines())
    last = min(json.loads(state.read_text())["stream"]["next"] for state in states[:2])
    assert last > SIZE
    assert [position for position, _ in done if position < last] == list(range(last))
    first_epoch = [key for position, key in done if position < SIZE]
    assert sorted(first_epoch) == sorted(keys_by_pyarrow(folder))
    taskset = Taskset.from_path(folder)
    keys = keys_by_pyarrow(folder)
    assert all(key == keys[taskset.locate("train", position)[1]] for position, key in done)
