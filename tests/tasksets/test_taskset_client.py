"""RFC 006's client: episodes in this process and at a server, and what it tells of the rows."""

from functools import partial

import planted_quiz
import pytest
from sample_taskset import row, shards, write_files
from words_folder import FILES, playing_at_a_server

from openenv_tasksets import AutoEnv
from openenv_tasksets.loaders.errors import (
    PolicyError,
    ResetNeeded,
    TasksetError,
)
from openenv_tasksets.players import LocalPlayer
from openenv_tasksets.server.host import Host
from openenv_tasksets.task_client import ServerUnusable
from openenv_tasksets.taskset import Taskset
from openenv_tasksets.taskset_client import TasksetClient


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path / "words", FILES)


@pytest.fixture(params=["in this process", "at a server"])
def env(request, folder):
    """A client of the folder's taskset, both ways."""
    if request.param == "in this process":
        yield AutoEnv.from_env(folder)
        return
    with playing_at_a_server(folder) as client:
        yield client


def test_what_is_told_of_the_row_hides_what_is_hidden(env):
    with env.sync() as env:
        for call in (lambda: env.current_row, env.whole_row):
            with pytest.raises(ResetNeeded, match="call reset"):
                call()
        assert (env.dataset_index, env.position) == (None, None)
        env.reset(task_id="w2")
        assert env.current_row == {
            "id": "w2",
            "split": "train",
            "index": 2,
            "row": 2,
            "key": "w2",
            "topic": "words",
            "prompt": "About 2w terces?",
        }
        assert "secret" not in repr(env) + repr(env.dataset)
        assert env.state()["task_id"] == "w2"


def test_the_whole_row_is_told_in_this_process_only_and_has_no_unbound_column(folder):
    with AutoEnv.from_env(folder).sync() as env:
        env.reset(index=1)
        assert env.whole_row() == {"key": "w1", "question": "About 1w terces?", "answer": "secret w1", "topic": "words"}
    with playing_at_a_server(folder) as client, client.sync() as env:
        env.reset(index=1)
        with pytest.raises(TasksetError, match="only where the environment runs in this process"):
            env.whole_row()


def test_iterating_plays_each_task_once_and_steps_move_no_further(env):
    seen = []
    with env.sync() as env:
        for result in env:
            seen.append((env.dataset_index, result.observation["prompt"], result.done))
            before = env.current_row
            assert env.step({"answer": "no"}).reward == 0.0
            assert env.current_row == before
    assert seen == [(n, f"About {n}w terces?", False) for n in range(5)]


def test_episodes_walk_positions_and_resume_from_one(env, folder):
    taskset = Taskset.from_path(folder)
    expected = [taskset.locate("train", position)[1] for position in range(12)]
    indices, positions = [], []
    with env.sync() as env:
        for _ in env.episodes():
            indices.append(env.dataset_index)
            positions.append(env.position)
            if env.position == 6:
                break
        for _ in env.episodes(positions[-1] + 1):
            indices.append(env.dataset_index)
            if len(indices) == 12:
                break
        assert indices == expected
        shard = env.episodes(2, shard_index=1, shard_count=3)
        assert [next(shard) and env.position for _ in range(3)] == [4, 7, 10]
        with pytest.raises(ValueError, match="shard"):
            env.episodes(shard_index=3, shard_count=3)


@pytest.mark.anyio
async def test_the_same_without_a_thread(env):
    async with env:
        async for result in env:
            result = await env.step({"answer": f"secret w{env.dataset_index}"})
            assert (result.reward, result.done, result.truncated_by) == (1.0, True, None)
        async for _ in env.episodes(3):
            break
        assert env.position == 3
        assert (await env.state())["position"] == 3
        result = await env.reset(split="test", index=0)
        assert (env.current_row["split"], env.current_row["id"]) == ("test", "w5")
    assert env.dataset_index is None
    # Without ``async with`` the first reset opens it again.
    await env.reset(seed=8)
    await env.close()


def test_a_bad_selection_or_action_leaves_no_wrong_row_behind(env):
    with env.sync() as env:
        env.reset(index=1)
        with pytest.raises(PolicyError):
            env.step({"reply": "x"})
        assert env.dataset_index == 1
        with pytest.raises(TasksetError, match="no task 99"):
            env.reset(index=99)
        assert env.dataset_index is None
        env.reset()
        assert env.position == 0


def test_a_limit_ends_an_episode_and_says_so(make_taskset):
    taskset = make_taskset(planted_quiz.ROWS, {**planted_quiz.TASK, "limits": {"max_steps": 2}})
    with TasksetClient(
        taskset, partial(LocalPlayer.open, Host(taskset, planted_quiz.Quiz)), is_remote=False
    ).sync() as env:
        env.reset(index=0)
        assert not env.step({"reply": "no"}).done
        result = env.step({"reply": "no"})
        assert (result.done, result.truncated_by, result.metadata["truncated"]) == (True, "max_steps", True)


def test_a_server_of_other_rows_is_refused(folder, tmp_path):
    other = {**FILES, **shards("train", [[row("x0"), row("x1")]])}
    del other["data/train-00001-of-00002.parquet"], other["data/train-00000-of-00002.parquet"]
    with playing_at_a_server(folder, write_files(tmp_path / "other", other)) as client, client.sync() as env:
        with pytest.raises(ServerUnusable, match="plays task 'x1' where .* has 'w1'"):
            env.reset(index=1)
        assert env.dataset_index is None


def test_a_server_in_another_order_is_refused(folder):
    mine = Taskset.from_path(folder)
    with playing_at_a_server(folder, shuffle_seed=3) as client, client.sync() as env:
        theirs = Taskset.from_path(folder, shuffle_seed=3)
        moved = next(p for p in range(20) if mine.locate("train", p) != theirs.locate("train", p))
        with pytest.raises(ServerUnusable, match="in another order"):
            env.reset(seed=moved)
