"""Tasksets under TRL's sampler and Accelerate's sharding: each group of completions is of one task.

TRL computes advantages over ``num_generations`` rows that stand together once the batches of all ranks are
gathered. Were the dataset sharded already, two tasks would meet in one group.
"""

from collections import Counter
from typing import Any

import pytest
from torch.utils.data import DataLoader

from openenv_tasksets.taskset import Taskset

GENERATIONS, PROMPTS = 4, 6
ROWS = [{"id": f"k{i}", "q": f"{i}+{i}?", "a": str(2 * i)} for i in range(48)]
TASK = {"id": "id", "reset": {"prompt": "q", "answer": "a"}, "visible": ["prompt"]}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def taskset(make_taskset: Any) -> Taskset:
    made = make_taskset(ROWS, TASK)
    assert isinstance(made, Taskset)
    return made


def rows_as_they_are(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return batch


def gathered(dataset: Any, ranks: int) -> list[list[dict[str, Any]]]:
    """The batches of all ranks, put together step by step as TRL gathers them."""
    from accelerate.data_loader import prepare_data_loader
    from trl.trainer.utils import RepeatSampler

    loaders = []
    for rank in range(ranks):
        # Each rank has a sampler of its own, with the same seed.
        sampler = RepeatSampler(dataset, mini_repeat_count=GENERATIONS, batch_size=PROMPTS, shuffle=True, seed=3)
        size = PROMPTS * GENERATIONS // ranks
        loader = DataLoader(dataset, batch_size=size, sampler=sampler, collate_fn=rows_as_they_are)
        loaders.append(prepare_data_loader(loader, num_processes=ranks, process_index=rank, put_on_device=False))
    return [[row for part in parts for row in part] for parts in zip(*loaders, strict=True)]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("kind", ["to_torch", "to_hf"])
def test_each_group_is_of_one_task_and_each_task_has_one_group(taskset: Taskset, kind: str, ranks: int) -> None:
    steps = gathered(getattr(taskset, kind)(), ranks)
    rows = [row for step in steps for row in step]
    groups = [rows[start : start + GENERATIONS] for start in range(0, len(rows), GENERATIONS)]
    assert all(len({row["task_id"] for row in group}) == 1 for group in groups)
    assert Counter(group[0]["task_id"] for group in groups) == {f"k{i}": 1 for i in range(48)}


def test_sharding_twice_would_mix_tasks(taskset: Taskset) -> None:
    """What the rule is there for: ranks that each bring a shard of their own see other rows under one number."""
    from accelerate.data_loader import prepare_data_loader
    from trl.trainer.utils import RepeatSampler

    parts = []
    for rank in range(2):
        shard = taskset.to_torch(shard_index=rank, shard_count=2)
        sampler = RepeatSampler(shard, mini_repeat_count=GENERATIONS, batch_size=3, shuffle=False)
        loader = DataLoader(shard, batch_size=GENERATIONS // 2, sampler=sampler, collate_fn=rows_as_they_are)
        parts.append(prepare_data_loader(loader, num_processes=2, process_index=rank, put_on_device=False))
    steps = [[row for part in step for row in part] for step in zip(*parts, strict=True)]
    assert any(len({row["task_id"] for row in step}) > 1 for step in steps)


@pytest.mark.parametrize("ranks", [1, 2])
def test_accelerate_shares_out_a_stream(taskset: Taskset, ranks: int) -> None:
    """Every rank makes the same stream, and Accelerate takes of each batch what is its rank's."""
    from accelerate.data_loader import prepare_data_loader

    seeds: list[int] = []
    for rank in range(ranks):
        stream = taskset.to_torch(iterable=True, stop=96)
        loader = prepare_data_loader(
            DataLoader(stream, batch_size=8), num_processes=ranks, process_index=rank, put_on_device=False
        )
        seeds += [seed for batch in loader for seed in batch["seed"].tolist()]
    assert sorted(seeds) == list(range(96))
