"""A session's episodes: which calls are allowed, what a limit does, and what stays when something fails."""

import asyncio
import threading
from functools import partial

import pytest
from one_episode import Clock

from openenv_tasksets.declaration import Limits
from openenv_tasksets.episode import Episode
from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, ResetNeeded, SelectionError, TimeExceeded
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.inline_session import InlineSession
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.pooled_environment import PooledCall
from openenv_tasksets.server.pooled_session import PooledSession
from openenv_tasksets.server.runtime import start_runtime
from openenv_tasksets.server.session import Session, SessionEnded
from openenv_tasksets.task import Hidden, Task

pytestmark = pytest.mark.anyio


class Quiz:
    blocking = False
    made = 0

    def __init__(self):
        type(self).made += 1
        self.steps = 0

    def reset(self, question, fail=False, done=False):
        if fail:
            raise ValueError("cannot begin")
        self.steps = 0
        return {"question": question, "done": done}

    def step(self, action):
        if action.get("fail"):
            raise ValueError("cannot go on")
        if action.get("refuse"):
            raise PolicyError("no such move")
        if action.get("type") == "list_tools":
            return {"tools": []}
        self.steps += 1
        return {"seen": dict(action), "reward": 1.0, "done": bool(action.get("done"))}

    state = None

    def close(self):
        pass


class Slow(Quiz):
    blocking = True

    def __init__(self):
        super().__init__()
        self.let_go = threading.Event()

    def step(self, action):
        self.let_go.wait(0.3)
        return super().step(action)


async def select(request):
    if "spilt" in request:
        raise SelectionError("unknown argument 'spilt'")
    task = Task("train-3", "train", 3, 5, {"question": "?"}, {"level": 1}, Hidden({}), Hidden({}))
    arguments = {"question": "?", **{name: request[name] for name in ("fail", "done") if name in request}}
    ignored = tuple(sorted(request.keys() - {"fail", "done", "episode_id"}))
    return Episode(task, 7, 0, request.get("episode_id"), arguments, ignored)


@pytest.fixture
def clock():
    return Clock()


class AtOnce:
    """A session whose calls take the way without coroutines, as far as it leads."""

    def __init__(self, session):
        self._session = session

    def __getattr__(self, name):
        return getattr(self._session, name)

    async def reset(self, request):
        return await outcome_of(self._session.reset_at_once(request))

    async def step(self, action):
        return await outcome_of(self._session.step_at_once(action))


class Soon:
    """A session of the pool whose calls are told instead of awaited."""

    def __init__(self, session):
        self._session = session

    def __getattr__(self, name):
        return getattr(self._session, name)

    async def reset(self, request):
        return await self._told(self._session.reset_soon, request)

    async def step(self, action):
        return await self._told(self._session.step_soon, action)

    async def _told(self, begin, request):
        told = asyncio.get_running_loop().create_future()
        begun = begin(request, told.set_result)
        return await outcome_of(await told if isinstance(begun, PooledCall) else begun)


async def outcome_of(found):
    return found if isinstance(found, Outcome) else await found


def select_at_once(request):
    try:
        select(request).send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


WAYS = {
    "in turn": select,
    "at once": select_at_once,
    "at once, once the row is read": select,
    "in the pool": select_at_once,
    "in the pool, once the row is read": select,
}


@pytest.fixture(params=WAYS)
def open_session(clock, request):
    async def make(environment=Quiz, **limits):
        pooled = request.param.startswith("in the pool")
        kind = EnvironmentType.of(environment, blocking="pool" if pooled else None)
        start = partial(start_runtime, kind)
        inline = kind.inline and request.param != "in turn"
        session = (InlineSession if inline else PooledSession if pooled else Session)(
            "an-id", await start(), start, WAYS[request.param], Limits(**limits), clock=clock
        )
        if pooled:
            return Soon(session)
        return AtOnce(session) if inline else session

    return make


async def test_an_episode_from_reset_to_done(open_session):
    session = await open_session()
    assert (await session.reset({})).observation == {"question": "?"}
    assert not (await session.step({"a": 1})).done
    assert (await session.step({"done": True})).done
    with pytest.raises(ResetNeeded, match="the episode is done"):
        await session.step({"a": 1})
    await session.reset({})
    assert (await session.step({"a": 1})).reward == 1.0


async def test_a_step_before_reset_is_refused_and_does_not_reach_the_environment(open_session):
    session = await open_session()
    with pytest.raises(ResetNeeded, match="no episode is running"):
        await session.step({"fail": True})


async def test_an_episode_that_is_done_at_once_takes_no_step(open_session):
    session = await open_session()
    assert (await session.reset({"done": True})).done
    with pytest.raises(ResetNeeded, match="the episode is done"):
        await session.step({})


async def test_asking_for_the_tools_is_allowed_at_any_time_and_is_no_step(open_session):
    session = await open_session(max_steps=1)
    ask = {"type": "list_tools", "metadata": {}}
    assert (await session.step(ask)).observation == {"tools": []}
    await session.reset({})
    assert not (await session.step(ask)).to_wire()["done"]
    assert (await session.state())["step_count"] == 0
    assert (await session.step({})).to_wire()["done"]
    assert (await session.step(ask)).observation == {"tools": []}


@pytest.mark.parametrize(
    "action", [{"type": "list_tools", "answer": 1}, {"type": "call_tool"}, {"type": ["list_tools"]}]
)
async def test_nothing_else_passes_for_asking_for_the_tools(open_session, action):
    session = await open_session()
    with pytest.raises(ResetNeeded):
        await session.step(action)


async def test_the_step_limit_truncates_but_the_environments_own_end_does_not(open_session):
    session = await open_session(max_steps=2)
    await session.reset({})
    assert (await session.step({})).truncated_by is None
    outcome = await session.step({})
    assert (outcome.done, outcome.truncated_by, outcome.reward) == (False, "max_steps", 1.0)
    assert outcome.to_wire()["metadata"] == {"truncated": True, "truncated_by": "max_steps"}
    with pytest.raises(ResetNeeded, match="the episode is done"):
        await session.step({})
    await session.reset({})
    await session.step({})
    outcome = await session.step({"done": True})
    assert (outcome.done, outcome.truncated_by) == (True, None)
    assert "metadata" not in outcome.to_wire()


async def test_an_action_after_the_time_limit_is_not_taken(open_session, clock):
    session = await open_session(episode_seconds=10)
    await session.reset({})
    clock.now += 9
    before = await session.step({"a": 1})
    clock.now += 1
    outcome = await session.step({"a": 2, "done": True})
    assert outcome.observation.items() >= before.observation.items()
    assert (outcome.reward, outcome.done, outcome.truncated_by) == (None, False, "episode_seconds")
    with pytest.raises(ResetNeeded, match="the episode is done"):
        await session.step({})


async def test_an_environment_that_does_not_answer_in_time_is_replaced(open_session, clock):
    session = await open_session(Slow, episode_seconds=10)
    await session.reset({})
    made = Slow.made
    clock.now += 9.99
    with pytest.raises(TimeExceeded, match=r"did not answer within 0.01 s"):
        await session.step({})
    with pytest.raises(ResetNeeded, match="no episode is running"):
        await session.step({})
    await session.reset({})
    assert Slow.made == made + 1
    assert (await session.step({})).reward == 1.0
    await session.close()


class Impatient(Quiz):
    def step(self, action):
        if action.get("fail"):
            raise TimeExceeded("the simulator did not answer")
        return super().step(action)


async def test_an_environment_that_says_that_time_is_exceeded_is_replaced_too(open_session):
    session = await open_session(Impatient)
    await session.reset({})
    made = Impatient.made
    with pytest.raises(TimeExceeded, match="the simulator did not answer"):
        await session.step({"fail": True})
    with pytest.raises(ResetNeeded, match="no episode is running"):
        await session.step({})
    await session.reset({})
    assert Impatient.made == made + 1
    assert (await session.step({})).reward == 1.0


async def test_a_failing_step_leaves_the_episode(open_session):
    session = await open_session()
    await session.reset({})
    with pytest.raises(EnvironmentFailed):
        await session.step({"fail": True})
    with pytest.raises(PolicyError, match="no such move"):
        await session.step({"refuse": True})
    assert (await session.step({})).reward == 1.0
    assert (await session.state())["step_count"] == 1


async def test_a_selection_error_leaves_the_episode(open_session):
    session = await open_session()
    await session.reset({"episode_id": "one"})
    await session.step({})
    with pytest.raises(SelectionError):
        await session.reset({"spilt": "test"})
    state = await session.state()
    assert (state["episode_id"], state["step_count"]) == ("one", 1)
    assert (await session.step({})).reward == 1.0


async def test_a_failing_reset_ends_the_episode_before(open_session):
    session = await open_session()
    await session.reset({"episode_id": "one"})
    await session.step({})
    with pytest.raises(EnvironmentFailed, match=r"failed in reset\(\): ValueError"):
        await session.reset({"fail": True})
    with pytest.raises(ResetNeeded, match="no episode is running"):
        await session.step({})
    assert await session.state() == {"episode_id": None, "step_count": 0}


async def test_state_tells_the_trainer_the_task_but_no_more_before_a_reset(open_session):
    session = await open_session()
    assert await session.state() == {"episode_id": None, "step_count": 0}
    await session.reset({"episode_id": "mine"})
    await session.step({})
    assert await session.state() == {
        "episode_id": "mine",
        "step_count": 1,
        "task_id": "train-3",
        "split": "train",
        "index": 3,
        "position": 7,
        "public": {"level": 1},
    }


async def test_the_environments_own_state_stands_but_for_the_tasks_place_and_the_clients_label(open_session):
    class Stateful(Quiz):
        state = {"episode_id": "its own", "step_count": 40, "task_id": "wrong", "board": [1]}  # noqa: RUF012

    session = await open_session(Stateful)
    assert (await session.state())["episode_id"] == "its own"
    await session.reset({})
    state = await session.state()
    assert (state["episode_id"], state["step_count"], state["task_id"]) == ("its own", 40, "train-3")
    assert state["board"] == [1]
    await session.reset({"episode_id": "mine"})
    assert (await session.state())["episode_id"] == "mine"


async def test_ignored_arguments_are_warned_of_once_a_session(open_session, caplog):
    session = await open_session()
    await session.reset({})
    assert not caplog.records
    await session.reset({"question": "?", "b\nad": 1})
    await session.reset({"other": 1})
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert session.id in caplog.text
    assert "are ignored: 'b\\nad', 'question'" in caplog.text
    second = await open_session()
    await second.reset({"other": 1})
    assert len(caplog.records) == 2


async def test_a_huge_name_does_not_fill_the_log(open_session, caplog):
    await (await open_session()).reset({"x" * 100_000: 1})
    assert len(caplog.text) < 2000


async def test_a_closed_session_does_nothing_more(open_session, clock):
    session = await open_session(episode_seconds=10)
    await session.reset({})
    await session.close()
    await session.close()
    for call in (session.reset({}), session.step({}), session.step({"type": "list_tools"}), session.state()):
        with pytest.raises(SessionEnded, match="this session is closed; connect anew"):
            await call
    clock.now += 99
    with pytest.raises(SessionEnded, match="closed"):
        await session.step({})
