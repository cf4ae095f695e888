"""Playing: episodes of a policy, several at once, each ending in a record whatever happens to it."""

import asyncio
import logging
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from openenv_tasksets.daemon_call import daemon_call
from openenv_tasksets.loaders.errors import EpisodeError, PolicyError, TasksetError, TimeExceeded
from openenv_tasksets.players import Player
from openenv_tasksets.policy import Policy
from openenv_tasksets.report import EpisodeFailure, EpisodeKey, EpisodeRecord, Label, Status
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.task_client import ServerUnusable

logger = logging.getLogger(__name__)

DEFAULT_MAX_STEPS = 1000
_CLOSING_S = 5.0


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What is known of a task before it is played.

    Attributes:
        id: Its id.
        split: Its split.
        index: Its index in the split as it is served.
        difficulty: Its public difficulty, or None.
        group: Its public group, or None.
    """

    id: str
    split: str
    index: int
    difficulty: Label = None
    group: Label = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An episode to be played: a task, and which attempt at it, from 0."""

    task: TaskSpec
    repeat: int


def attempts(
    tasks: Iterable[TaskSpec], repeat: int = 1, finished: Container[EpisodeKey] = frozenset()
) -> Iterator[Attempt]:
    """Every task ``repeat`` times, task by task, without what is ``finished``; lazily."""
    for task in tasks:
        for number in range(repeat):
            if (task.split, task.index, number) not in finished:
                yield Attempt(task, number)


async def play(
    plan: Iterator[Attempt],
    open_player: Callable[[], Awaitable[Player]],
    policy: Policy,
    on_record: Callable[[EpisodeRecord], None],
    *,
    concurrency: int = 1,
    max_steps: int = DEFAULT_MAX_STEPS,
) -> None:
    """Play a plan to its end.

    An error of an episode is in its record and ends nothing else. What is cancelled or raised leaves no player
    open; the records until then have been given.

    Args:
        plan: What to play, taken one by one, on a thread.
        open_player: Makes a player; called ``concurrency`` times at the start.
        policy: Plays them all.
        on_record: Gets each record as its episode ends, on the event loop.
        concurrency: Episodes at once, >= 1; fewer where the environment has no room for so many.
        max_steps: Actions that an episode may take, >= 1.

    Raises:
        CapacityReached: There is no room for a single player.
        ServerUnusable: The server is gone, or plays other tasks than it is asked for.
        TasksetError: A player cannot be opened, or the plan cannot be read.
    """
    players = await _open_players(open_player, concurrency)
    turn = asyncio.Lock()

    async def work(player: Player) -> None:
        trusted = False
        while (attempt := await _next(plan, turn)) is not None:
            on_record(await play_episode(player, attempt, policy, max_steps=max_steps, check_task=not trusted))
            trusted = True

    try:
        async with asyncio.TaskGroup() as group:
            for player in players:
                group.create_task(work(player))
    except BaseExceptionGroup as group_error:
        # One reason is enough: the others are the same server gone for the other players.
        raise _first(group_error) from None
    finally:
        await _close(players)


async def play_episode(
    player: Player,
    attempt: Attempt,
    policy: Policy,
    *,
    max_steps: int = DEFAULT_MAX_STEPS,
    check_task: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> EpisodeRecord:
    """Play one episode from reset() to its end.

    Args:
        player: Plays it; not to be used elsewhere meanwhile.
        attempt: What to play.
        policy: Decides.
        max_steps: Actions that the episode may take, >= 1.
        check_task: Ask the player which task it plays.
        clock: Seconds on a monotonic clock.

    Raises:
        ServerUnusable: The server is gone, or plays another task than it was asked for.
    """
    episode = _Episode(attempt, clock)
    try:
        outcome = await player.reset(episode.selectors())
        if check_task:
            await _check_task(player, attempt.task)
        episode.saw(outcome)
        act = policy.begin()
        while not (outcome.done or outcome.truncated_by):
            if episode.steps == max_steps:
                return episode.record("truncated", truncated_by="client_max_steps")
            action = await act(outcome.observation)
            outcome = await player.step(action)
            episode.steps += 1
            episode.saw(outcome)
    except ServerUnusable:
        raise
    except Exception as exc:  # noqa: BLE001 - a record tells of it, and the next episode is played
        return episode.record(*_failure(exc))
    if outcome.truncated_by:
        return episode.record("truncated", truncated_by=outcome.truncated_by)
    return episode.record("ok", done=True)


class _Episode:
    """What an episode has come to so far."""

    def __init__(self, attempt: Attempt, clock: Callable[[], float]) -> None:
        self._attempt = attempt
        self._clock = clock
        self._began = clock()
        self._id = str(uuid.uuid4())
        self._rewards: list[float] = []
        self.steps = 0

    def selectors(self) -> dict[str, str | int]:
        return {"split": self._attempt.task.split, "index": self._attempt.task.index, "episode_id": self._id}

    def saw(self, outcome: Outcome) -> None:
        if outcome.reward is not None:
            self._rewards.append(float(outcome.reward))

    def record(
        self,
        status: Status,
        error: EpisodeFailure | None = None,
        *,
        done: bool = False,
        truncated_by: str | None = None,
    ) -> EpisodeRecord:
        task = self._attempt.task
        return EpisodeRecord(
            task_id=task.id,
            split=task.split,
            index=task.index,
            repeat=self._attempt.repeat,
            episode_id=self._id,
            status=status,
            reward=sum(self._rewards) if self._rewards else None,
            last_reward=self._rewards[-1] if self._rewards else None,
            steps=self.steps,
            seconds=round(self._clock() - self._began, 6),
            difficulty=task.difficulty,
            group=task.group,
            done=done,
            truncated_by=truncated_by,
            error=error,
        )


def _failure(exc: Exception) -> tuple[Status, EpisodeFailure]:
    status: Status = "environment_error"
    message = str(exc)
    if isinstance(exc, PolicyError):
        status = "policy_error"
        message += "".join(f"; {_located(each)}" for each in exc.details[:3])
    elif isinstance(exc, TimeExceeded):
        status = "time_exceeded"
    elif not isinstance(exc, TasksetError):
        # The text of a foreign exception may hold the answer: its type and its place must do.
        message = f"unforeseen; raised in {_place(exc)}"
        logger.error("an episode ended in an unforeseen error: %s, raised in %s", type(exc).__name__, _place(exc))
    return status, EpisodeFailure(type(exc).__name__, message)


def _place(exc: Exception) -> str:
    """The innermost line of the traceback, without its code."""
    *_, (frame, line) = traceback.walk_tb(exc.__traceback__)
    return f"{frame.f_code.co_filename}, line {line}"


def _located(detail: dict[str, object]) -> str:
    location = detail.get("loc")
    path = ".".join(map(str, location)) if isinstance(location, Sequence) else ""
    return f"{path}: {detail.get('msg')}" if path else str(detail.get("msg"))


async def _check_task(player: Player, task: TaskSpec) -> None:
    """A server that drops the selectors would answer other questions, with plausible rewards."""
    try:
        state = await player.state()
    except EpisodeError:
        return
    if state.get("task_id", task.id) != task.id:
        raise ServerUnusable(
            f"the environment plays task {state['task_id']!r} where {task.id!r} (split {task.split!r}, "
            f"index {task.index}) was asked for"
        )


async def _next(plan: Iterator[Attempt], turn: asyncio.Lock) -> Attempt | None:
    async with turn:  # A generator takes one caller at a time.
        return await daemon_call(lambda: next(plan, None))


async def _open_players(open_player: Callable[[], Awaitable[Player]], wanted: int) -> list[Player]:
    opened = await asyncio.gather(*(open_player() for _ in range(wanted)), return_exceptions=True)
    players = [each for each in opened if not isinstance(each, BaseException)]
    errors = [each for each in opened if isinstance(each, BaseException)]
    fatal = [each for each in errors if not isinstance(each, CapacityReached)]
    if fatal or not players:
        await _close(players)
        raise (fatal or errors)[0]
    if errors:
        logger.warning("there is room for %d episodes at once, not %d", len(players), wanted)
    return players


async def _close(players: Sequence[Player]) -> None:
    # An environment that is stuck in a step cannot be closed: it must not keep the run from ending.
    closing = asyncio.gather(*(player.close() for player in players), return_exceptions=True)
    try:
        await asyncio.wait_for(closing, _CLOSING_S)
    except TimeoutError:
        logger.warning("an environment did not close within %g s", _CLOSING_S)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
