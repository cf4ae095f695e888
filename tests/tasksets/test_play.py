"""Playing: with players and policies that do as they are told."""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, RowError, TasksetError, TimeExceeded
from openenv_tasksets.play import Attempt, TaskSpec, attempts, play, play_episode
from openenv_tasksets.policy import FunctionPolicy
from openenv_tasksets.report import EpisodeRecord
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.task_client import ServerUnusable

Answer = Outcome | Exception


def seen(reward: float | None = None, done: bool = False, limit: str | None = None) -> Outcome:
    return Outcome({"prompt": "?"}, reward, done, limit)


class ScriptedPlayer:
    """Answers a reset and each step from a script that it is given for the task's index."""

    def __init__(self, script: Callable[[int], Sequence[Answer]], state: Mapping[str, Any] | Exception = {}) -> None:  # noqa: B006
        self._script = script
        self._state = state
        self._answers: Iterator[Answer] = iter(())
        self.asked: list[Any] = []
        self.closed = 0

    async def reset(self, selectors: Mapping[str, Any]) -> Outcome:
        self.asked.append(dict(selectors))
        self._answers = iter(self._script(selectors["index"]))
        return self._next()

    async def step(self, action: Mapping[str, Any]) -> Outcome:
        await asyncio.sleep(0)
        self.asked.append(action)
        return self._next()

    async def state(self) -> Mapping[str, Any]:
        if isinstance(self._state, Exception):
            raise self._state
        return self._state

    async def close(self) -> None:
        self.closed += 1

    def _next(self) -> Outcome:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


YES = FunctionPolicy(lambda _: "yes", "answer")
TASK = TaskSpec("task-3", "test", 3, "easy", "sums")


def episode(*answers: Answer, policy: FunctionPolicy = YES, **settings: Any) -> EpisodeRecord:
    player = ScriptedPlayer(lambda _: answers)
    return asyncio.run(play_episode(player, Attempt(TASK, 2), policy, **settings))


def test_an_episode_is_played_to_its_end() -> None:
    player = ScriptedPlayer(lambda _: [seen(), seen(0.25), seen(None), seen(True, done=True)])
    ticks = itertools.count(10.0, 0.5)
    record = asyncio.run(play_episode(player, Attempt(TASK, 2), YES, clock=lambda: next(ticks)))
    assert record == EpisodeRecord(
        "task-3", "test", 3, 2, record.episode_id, "ok", 1.25, 1.0, 3, 0.5, "easy", "sums", done=True
    )
    assert player.asked[0] == {"split": "test", "index": 3, "episode_id": record.episode_id}
    assert player.asked[1:] == [{"answer": "yes"}] * 3


def test_an_episode_may_be_over_at_its_reset() -> None:
    record = episode(seen(0.5, done=True))
    assert (record.status, record.steps, record.reward, record.done) == ("ok", 0, 0.5, True)


def test_no_reward_is_not_zero() -> None:
    assert episode(seen(), seen(done=True)).reward is None


def test_a_limit_of_the_environment_truncates() -> None:
    record = episode(seen(), seen(0.5, limit="max_steps"))
    assert (record.status, record.truncated_by, record.reward, record.done) == ("truncated", "max_steps", 0.5, False)
    assert record.error is None


def test_an_endless_episode_is_truncated_after_so_many_steps() -> None:
    record = episode(*[seen(1.0)] * 9, max_steps=4)
    assert (record.status, record.truncated_by, record.steps) == ("truncated", "client_max_steps", 4)


def raise_boom(_: dict[str, Any]) -> str:
    raise ValueError("boom")


ROW_ERROR = RowError("no text", split="test", row=3, column="answer", location="rows in memory, row 3")


@pytest.mark.parametrize(
    ("answers", "status", "kind", "told"),
    [
        ([EnvironmentFailed("it broke")], "environment_error", "EnvironmentFailed", "it broke"),
        ([ROW_ERROR], "environment_error", "RowError", "column 'answer': no text"),
        ([seen(), EnvironmentFailed("it broke")], "environment_error", "EnvironmentFailed", "it broke"),
        ([seen(), TimeExceeded("too slow")], "time_exceeded", "TimeExceeded", "too slow"),
        (
            [seen(), PolicyError("Invalid message", [{"loc": ["answer"], "msg": "Field required", "type": "missing"}])],
            "policy_error",
            "PolicyError",
            "Invalid message; answer: Field required",
        ),
        ([seen(), PolicyError("Invalid message", [{"msg": "no"}])], "policy_error", "PolicyError", "message; no"),
    ],
)
def test_an_error_is_told_by_its_kind(answers: list[Answer], status: str, kind: str, told: str) -> None:
    record = episode(*answers)
    assert record.status == status
    assert record.error is not None
    assert record.error.type == kind
    assert told in record.error.message
    assert not record.done


def test_rewards_until_an_error_are_kept() -> None:
    record = episode(seen(), seen(0.5), EnvironmentFailed("it broke"))
    assert (record.reward, record.steps, record.failed) == (0.5, 1, True)


def test_a_policy_that_raises_is_a_policy_error() -> None:
    record = episode(seen(), policy=FunctionPolicy(raise_boom, "answer"))
    assert record.status == "policy_error"
    assert record.error is not None
    assert "the policy raised ValueError: boom" in record.error.message


def test_an_unforeseen_error_is_the_environments_and_told_by_its_place_and_not_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        record = episode(seen(), ZeroDivisionError("the answer is 4711"))
    assert record.status == "environment_error"
    assert record.error is not None
    assert record.error.type == "ZeroDivisionError"
    assert "raised in" in record.error.message
    assert "test_play.py, line" in record.error.message
    assert "an episode ended in an unforeseen error: ZeroDivisionError, raised in " in caplog.text
    assert "4711" not in record.error.message + caplog.text


TASKS = [TaskSpec(f"t-{n}", "test", n) for n in range(5)]


def run(
    open_player: Callable[[], Any], tasks: Sequence[TaskSpec] = TASKS, policy: FunctionPolicy = YES, **settings: Any
) -> list[EpisodeRecord]:
    records: list[EpisodeRecord] = []
    asyncio.run(play(attempts(tasks), open_player, policy, records.append, **settings))
    return records


def opener(players: list[ScriptedPlayer], script: Callable[[int], Sequence[Answer]]) -> Callable[[], Any]:
    async def open_player() -> ScriptedPlayer:
        players.append(ScriptedPlayer(script))
        return players[-1]

    return open_player


def test_every_task_is_played_so_often_but_for_what_is_finished() -> None:
    plan = list(attempts(TASKS[:2], 2, {("test", 0, 1)}))
    assert [(each.task.id, each.repeat) for each in plan] == [("t-0", 0), ("t-1", 0), ("t-1", 1)]


def test_a_plan_is_read_lazily() -> None:
    endless = attempts(TaskSpec(str(n), "test", n) for n in itertools.count())
    assert next(endless).task.id == "0"


def test_a_plan_is_played_in_order_by_one_player() -> None:
    players: list[ScriptedPlayer] = []
    records = run(opener(players, lambda index: [seen(), seen(index, done=True)]))
    assert [(record.task_id, record.reward) for record in records] == [(f"t-{n}", n) for n in range(5)]
    assert [player.closed for player in players] == [1]


def test_an_error_ends_no_other_episode() -> None:
    def script(index: int) -> Sequence[Answer]:
        return [seen(), EnvironmentFailed("it broke") if index == 1 else seen(1.0, done=True)]

    assert [record.status for record in run(opener([], script))] == ["ok", "environment_error", "ok", "ok", "ok"]


def test_several_players_share_a_plan_and_each_task_is_played_once() -> None:
    players: list[ScriptedPlayer] = []
    tasks = [TaskSpec(f"t-{n}", "test", n) for n in range(40)]
    records = run(opener(players, lambda _: [seen(), seen(), seen(1.0, done=True)]), tasks, concurrency=4)
    assert Counter(record.task_id for record in records) == Counter(task.id for task in tasks)
    assert len(players) == 4
    assert all(player.asked and player.closed == 1 for player in players)


def test_no_more_episodes_are_in_flight_than_allowed() -> None:
    flying = most = 0

    async def watch(_: dict[str, Any]) -> str:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        while most < 3:
            await asyncio.sleep(0)
        await asyncio.sleep(0.002)
        flying -= 1
        return "yes"

    tasks = [TaskSpec(f"t-{n}", "test", n) for n in range(12)]
    run(opener([], lambda _: [seen(), seen(done=True)]), tasks, FunctionPolicy(watch, "answer"), concurrency=3)
    assert most == 3


def test_where_there_is_less_room_fewer_play(caplog: pytest.LogCaptureFixture) -> None:
    players: list[ScriptedPlayer] = []

    async def open_player() -> ScriptedPlayer:
        if len(players) == 2:
            raise CapacityReached(2, 2)
        players.append(ScriptedPlayer(lambda _: [seen(), seen(done=True)]))
        return players[-1]

    assert len(run(open_player, concurrency=5)) == 5
    assert "there is room for 2 episodes at once, not 5" in caplog.text


def test_no_room_at_all_is_an_error() -> None:
    async def open_player() -> ScriptedPlayer:
        raise CapacityReached(1, 1)

    with pytest.raises(CapacityReached):
        run(open_player, concurrency=2)


def test_players_that_cannot_be_opened_end_the_run_and_the_others_are_closed() -> None:
    players: list[ScriptedPlayer] = []

    async def open_player() -> ScriptedPlayer:
        if players:
            raise EnvironmentFailed("the constructor raised")
        players.append(ScriptedPlayer(lambda _: []))
        return players[-1]

    with pytest.raises(EnvironmentFailed, match="the constructor raised"):
        run(open_player, concurrency=3)
    assert players[0].closed == 1


def test_a_server_that_is_gone_ends_the_run_and_leaves_no_player_open() -> None:
    players: list[ScriptedPlayer] = []

    def script(index: int) -> Sequence[Answer]:
        return [ServerUnusable("gone")] if index == 2 else [seen(), seen(done=True)]

    with pytest.raises(ServerUnusable, match="gone"):
        run(opener(players, script), concurrency=2)
    assert [player.closed for player in players] == [1, 1]


def test_a_plan_that_cannot_be_read_ends_the_run() -> None:
    def tasks() -> Iterator[TaskSpec]:
        yield TASKS[0]
        raise TasksetError("no more pages")

    with pytest.raises(TasksetError, match="no more pages"):
        asyncio.run(play(attempts(tasks()), opener([], lambda _: [seen(done=True)]), YES, lambda _: None))


@pytest.mark.parametrize("state", [{"task_id": "t-0"}, {}, EnvironmentFailed("no state")])
def test_a_player_is_trusted_that_names_the_task_or_none(state: Mapping[str, Any] | Exception) -> None:
    async def open_player() -> ScriptedPlayer:
        return ScriptedPlayer(lambda _: [seen(), seen(done=True)], state)

    assert [record.status for record in run(open_player)] == ["ok"] * 5


def test_a_player_that_plays_another_task_is_refused() -> None:
    async def open_player() -> ScriptedPlayer:
        return ScriptedPlayer(lambda _: [seen(), seen(done=True)], {"task_id": "t-7"})

    with pytest.raises(ServerUnusable, match=r"plays task 't-7' where 't-0' \(split 'test', index 0\) was asked for"):
        run(open_player)


def test_a_cancelled_run_has_given_its_records_and_closes_its_players() -> None:
    players: list[ScriptedPlayer] = []
    records: list[EpisodeRecord] = []

    async def think_for_ever(observation: dict[str, Any]) -> str:
        if len(records) == 2:
            await asyncio.sleep(60)
        return "yes"

    async def scenario() -> None:
        policy = FunctionPolicy(think_for_ever, "answer")
        script = opener(players, lambda _: [seen(), seen(done=True)])
        running = asyncio.create_task(play(attempts(TASKS), script, policy, records.append))
        async with asyncio.timeout(60):
            while len(records) < 2:
                await asyncio.sleep(0.001)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    assert [record.task_id for record in records] == ["t-0", "t-1"]
    assert players[0].closed == 1


@pytest.mark.slow
def test_a_player_that_does_not_close_does_not_keep_the_run_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(ScriptedPlayer):
        async def close(self) -> None:
            await asyncio.sleep(3600)

    async def open_player() -> ScriptedPlayer:
        return Stuck(lambda _: [seen(), seen(done=True)])

    assert len(run(open_player)) == 5
    assert "an environment did not close within 5 s" in caplog.text
