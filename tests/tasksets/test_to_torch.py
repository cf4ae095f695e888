"""Torch datasets: workers share positions out, states resume in mid epoch, and ranks are none of its business."""

import json
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, get_worker_info
from torchdata.stateful_dataloader import StatefulDataLoader

from openenv_tasksets.loaders.errors import SelectionError, StateRefused
from openenv_tasksets.taskset import Taskset

SIZE = 61
ROWS = [{"id": f"k{i}", "q": f"{i}+{i}?", "a": str(2 * i)} for i in range(SIZE)]
TASK = {"id": "id", "reset": {"prompt": "q", "answer": "a"}, "visible": ["prompt"]}

# torchdata calls what torch deprecates; threads of other tests may live when workers are forked.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def taskset(make_taskset: Any) -> Taskset:
    made = make_taskset(ROWS, TASK)
    assert isinstance(made, Taskset)
    return made


def seeds(loader: Any) -> list[int]:
    return [seed for batch in loader for seed in torch.as_tensor(batch["seed"]).tolist()]


def test_a_map_style_dataset_has_the_rows_of_to_hf(taskset: Taskset) -> None:
    table = taskset.to_torch()
    assert [table[place] for place in range(len(table))] == taskset.to_hf().to_list()
    assert table.__getitems__([3, 1]) == [table[3], table[1]]
    assert table[-1] == table[SIZE - 1]
    with pytest.raises(IndexError):
        table[SIZE]
    assert "answer" not in table[0]
    assert taskset.to_torch(hidden=["answer"])[0]["answer"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_map_style_dataset_gives_each_task_once_under_a_shuffling_loader(taskset: Taskset, workers: int) -> None:
    loader = DataLoader(taskset.to_torch(), batch_size=8, shuffle=True, num_workers=workers)
    assert sorted(index for batch in loader for index in batch["index"].tolist()) == list(range(SIZE))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_the_workers_of_a_loader_share_the_positions_of_a_stream(taskset: Taskset, workers: int) -> None:
    stream = taskset.to_torch(iterable=True, start=5, stop=105)
    loader = DataLoader(stream, batch_size=4, num_workers=workers)
    for _ in range(2):
        found = seeds(loader)
        assert sorted(found) == list(range(5, 105))


def test_shards_given_in_so_many_words_are_shared_out_among_their_workers(taskset: Taskset) -> None:
    found = []
    for shard in range(2):
        stream = taskset.to_torch(iterable=True, stop=100, shard_index=shard, shard_count=2)
        own = seeds(DataLoader(stream, batch_size=4, num_workers=2))
        assert {seed % 2 for seed in own} == {shard}
        found += own
    assert sorted(found) == list(range(100))
    tables = [taskset.to_torch(shard_index=shard, shard_count=2) for shard in range(2)]
    assert sorted(row["seed"] for table in tables for row in (table[n] for n in range(len(table)))) == list(range(SIZE))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_resumes_in_mid_epoch_again_and_again(taskset: Taskset, workers: int) -> None:
    """The state goes through JSON; what follows is what an uninterrupted loader gives."""

    def loader() -> Any:
        return StatefulDataLoader(taskset.to_torch(iterable=True, stop=150), batch_size=4, num_workers=workers)

    whole = seeds(loader())
    assert sorted(whole) == list(range(150))
    found: list[int] = []
    state = None
    for batches in (3, 11, 7):
        resumed = loader()
        if state is not None:
            resumed.load_state_dict(json.loads(state))
        batch_iterator = iter(resumed)
        for _ in range(batches):
            found += next(batch_iterator)["seed"].tolist()
        state = json.dumps(resumed.state_dict())
        del batch_iterator, resumed
    assert found == whole[: len(found)]
    last = loader()
    last.load_state_dict(json.loads(state or "{}"))
    assert found + seeds(last) == whole
    assert sorted(seeds(last)) == list(range(150))


def test_an_iterator_and_its_dataset_have_the_state_without_any_loader(taskset: Taskset) -> None:
    dataset = taskset.to_torch(iterable=True)
    rows = iter(dataset)
    first = [next(rows) for _ in range(70)]
    state = dataset.state_dict()
    assert state == rows.state_dict()
    other = taskset.to_torch(iterable=True)
    other.load_state_dict(json.loads(json.dumps(state)))
    following = next(iter(other))
    assert following == next(rows)
    assert [row["seed"] for row in first] == list(range(70))
    assert next(iter(other))["seed"] == 0


def test_a_state_of_another_stream_is_refused_with_both_sides(taskset: Taskset, make_taskset: Any) -> None:
    other = make_taskset(ROWS[1:], TASK).to_torch(iterable=True)
    rows = iter(taskset.to_torch(iterable=True))
    other.load_state_dict(rows.state_dict())
    with pytest.raises(StateRefused, match="this state is of another stream"):
        iter(other)


def test_a_dataset_that_only_workers_iterate_has_no_state_to_mislead(taskset: Taskset) -> None:
    dataset = taskset.to_torch(iterable=True, stop=20)
    seeds(DataLoader(dataset, batch_size=4, num_workers=1))
    with pytest.raises(StateRefused, match="take torchdata's StatefulDataLoader"):
        dataset.state_dict()


@pytest.mark.parametrize("iterable", [False, True])
def test_mistakes_are_said_where_the_dataset_is_made(taskset: Taskset, iterable: Any) -> None:
    with pytest.raises(SelectionError, match="no hidden argument 'gold'"):
        taskset.to_torch(iterable=iterable, hidden=["gold"])
    with pytest.raises(ValueError, match="shard_index is 2; expected 0 to 1"):
        taskset.to_torch(iterable=iterable, shard_index=2, shard_count=2)


@pytest.mark.slow
@pytest.mark.parametrize("iterable", [False, True])
def test_workers_that_are_started_anew_open_the_files_themselves(tmp_path: Any, iterable: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "train.parquet")
    (tmp_path / "environment.yaml").write_text(
        "spec_version: hf-rl-env-0.1\n"
        "environments:\n"
        "  - id: sums\n"
        "    task: {id: id, reset: {prompt: q, answer: a}, visible: [prompt]}\n"
        "    frameworks: {openenv: {package: openenv-tasksets, environment: answer}}\n"
    )
    dataset = Taskset.from_path(tmp_path).to_torch(iterable=iterable, stop=SIZE)
    loader = DataLoader(dataset, batch_size=4, num_workers=2, multiprocessing_context="spawn")
    assert sorted(seeds(loader)) == list(range(SIZE))


def test_the_rank_is_not_looked_at(taskset: Taskset, monkeypatch: pytest.MonkeyPatch) -> None:
    """What launchers set in each rank's environment changes nothing."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert get_worker_info() is None
    assert len(taskset.to_torch()) == SIZE
    assert [row["seed"] for row in taskset.to_torch(iterable=True, stop=9)] == list(range(9))
