"""Sessions by id: slots, idleness, connections that come and go, and who makes room for whom."""

import asyncio
import threading
from functools import partial

import pytest
from asking import until
from one_episode import Clock, select

from openenv_tasksets.declaration import Limits
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.runtime import start_runtime
from openenv_tasksets.server.session import Session, SessionEnded, new_session_id
from openenv_tasksets.server.sessions import COME_BACK_S, ServerStopping, Sessions
from openenv_tasksets.server.slots import CapacityReached, Slots

pytestmark = pytest.mark.anyio


class Quiz:
    blocking = False
    open = 0

    def __init__(self):
        type(self).open += 1

    def reset(self):
        return {}

    def step(self, action):
        return {}

    state = None

    def close(self):
        type(self).open -= 1


class Slow(Quiz):
    blocking = "thread"

    def __init__(self):
        super().__init__()
        self.let_go = threading.Event()

    def step(self, action):
        self.let_go.wait(action["seconds"])
        return {}


class Ends(Quiz):
    open = 0

    def step(self, action):
        return {"done": True}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def _every_environment_is_closed():
    before = Quiz.open, Slow.open, Ends.open
    yield
    assert (Quiz.open, Slow.open, Ends.open) == before


@pytest.fixture
def make(clock):
    async def make(environment=Quiz):
        start = partial(start_runtime, EnvironmentType.of(environment))
        return Session(new_session_id(), await start(), start, select, Limits(), clock=clock)

    return make


async def test_a_session_is_found_by_its_id_until_it_is_released(make):
    sessions = Sessions(Slots(2))
    one, other = await sessions.open(make), await sessions.open(make)
    assert (sessions.find(one.id), sessions.find(other.id), sessions.taken) == (one, other, 2)
    await sessions.release(one)
    await sessions.release(one)
    assert sessions.taken == 1
    with pytest.raises(SessionEnded, match=f"Unknown session_id: {one.id}. The session is over, or was idle"):
        sessions.find(one.id)
    with pytest.raises(SessionEnded, match="this session is closed"):
        await one.reset({})
    await sessions.close()
    assert sessions.taken == 0


async def test_at_capacity_a_kept_session_that_nobody_came_back_to_makes_room_the_oldest_first(make):
    sessions = Sessions(Slots(3))
    one, two = await sessions.open(make, kept=True), await sessions.open(make, kept=True)
    three = await sessions.open(make, kept=True)
    sessions.find(one.id)
    four = await sessions.open(make, kept=True)
    assert [sessions.find(each.id) for each in (one, three, four)] == [one, three, four]
    with pytest.raises(SessionEnded):
        sessions.find(two.id)
    with pytest.raises(SessionEnded, match="made room for another"):
        await two.step({})
    with pytest.raises(CapacityReached, match="3/3 sessions active"):
        await sessions.open(make, kept=True)
    await sessions.close()


async def test_a_kept_session_makes_no_room_while_its_client_waits_for_an_answer(make):
    sessions = Sessions(Slots(1))
    session = await sessions.open(partial(make, Slow), kept=True)
    await session.reset({})
    stepping = asyncio.create_task(session.step({"seconds": 30}))
    await until(lambda: session.busy)
    assert not sessions.has_room
    with pytest.raises(CapacityReached, match="1/1 sessions active"):
        await sessions.open(make)
    session._runtime._environment.let_go.set()
    assert (await stepping).done is False
    assert sessions.has_room
    await sessions.open(make)
    await sessions.close()


async def test_whoever_stands_in_line_gets_the_slot_of_a_kept_session_that_nobody_comes_back_to(make, clock):
    sessions = Sessions(Slots(2, line_limit=2, line_seconds=60), clock=clock)
    busy, other = [await sessions.open(partial(make, Slow), kept=True) for _ in range(2)]
    await busy.reset({})
    await other.reset({})
    stepping = [asyncio.create_task(each.step({"seconds": 30})) for each in (busy, other)]
    await until(lambda: busy.busy and other.busy)
    waiting = asyncio.create_task(sessions.open(make))
    await until(lambda: sessions.slots.waiting == 1)
    for each in (busy, other):
        each._runtime._environment.let_go.set()
    await asyncio.wait(stepping)
    sessions.find(other.id)
    clock.now += COME_BACK_S
    assert await waiting
    assert sessions.find(other.id) is other
    with pytest.raises(SessionEnded):
        sessions.find(busy.id)
    await sessions.close()


async def test_whoever_comes_behind_others_in_line_takes_no_session_away_that_they_wait_a_while_for(make, clock):
    sessions = Sessions(Slots(1, line_limit=2, line_seconds=60), clock=clock)
    busy = await sessions.open(partial(make, Slow), kept=True)
    await busy.reset({})
    stepping = asyncio.create_task(busy.step({"seconds": 30}))
    await until(lambda: busy.busy)
    waiting = [asyncio.create_task(sessions.open(make))]
    await until(lambda: sessions.slots.waiting == 1)
    busy._runtime._environment.let_go.set()
    await stepping
    assert not sessions.has_room
    waiting.append(asyncio.create_task(sessions.open(make)))
    await until(lambda: sessions.slots.waiting == 2)
    assert sessions.find(busy.id) is busy
    await sessions.close()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in told] == [ServerStopping] * 2


async def test_where_the_line_is_full_a_kept_session_makes_room_at_once(make, clock):
    sessions = Sessions(Slots(1, line_limit=1, line_seconds=60), clock=clock)
    busy = await sessions.open(partial(make, Slow), kept=True)
    await busy.reset({})
    stepping = asyncio.create_task(busy.step({"seconds": 30}))
    await until(lambda: busy.busy)
    first = asyncio.create_task(sessions.open(make))
    await until(lambda: sessions.slots.waiting == 1)
    busy._runtime._environment.let_go.set()
    await stepping
    second = asyncio.create_task(sessions.open(make))
    await sessions.release(await first)
    assert await second
    with pytest.raises(SessionEnded):
        sessions.find(busy.id)
    await sessions.close()


async def test_one_with_a_connection_makes_no_room(make):
    sessions = Sessions(Slots(1))
    await sessions.open(make)
    with pytest.raises(CapacityReached):
        await sessions.open(make)
    await sessions.close()


async def test_an_idle_session_is_ended_and_its_connection_told(make, clock):
    told = []
    sessions = Sessions(Slots(3), idle_seconds=0.2, clock=clock)
    idle = await sessions.open(make, holder=told.append)
    used = await sessions.open(make)
    clock.now += 0.15
    await used.reset({})
    clock.now += 0.1
    await until(lambda: sessions.taken == 1)
    assert told == ["this session is over: it was idle for more than 0.2 s"]
    with pytest.raises(SessionEnded, match="idle for more than 0.2 s"):
        await idle.step({})
    assert sessions.find(used.id) is used
    clock.now += 1
    await until(lambda: sessions.taken == 0)


async def test_a_session_in_the_middle_of_a_call_is_not_idle(make, clock):
    sessions = Sessions(Slots(1), idle_seconds=0.05, clock=clock)
    session = await sessions.open(partial(make, Slow))
    await session.reset({})
    stepping = asyncio.create_task(session.step({"seconds": 0.5}))
    await asyncio.sleep(0)
    clock.now += 1
    assert (await stepping).done is False
    await session.reset({})
    clock.now += 1
    await until(lambda: sessions.taken == 0)


async def test_without_a_limit_no_session_is_ever_idle(make, clock):
    sessions = Sessions(Slots(1), clock=clock)
    session = await sessions.open(make)
    clock.now += 10**9
    await asyncio.sleep(0.05)
    assert (await session.reset({})).observation == {}
    await sessions.close()


@pytest.mark.parametrize("broke", [True, False])
async def test_without_grace_a_connection_takes_its_session_with_it(make, broke):
    sessions = Sessions(Slots(1))
    session = await sessions.open(make, holder=lambda _why: None)
    assert not sessions.outlives(session, broke=broke)
    await sessions.leave(session, broke=broke)
    assert sessions.taken == 0


async def test_with_grace_a_session_whose_connection_broke_is_taken_up_again(make):
    sessions = Sessions(Slots(1), grace_seconds=0.3)
    session = await sessions.open(make, holder=lambda _why: None)
    await session.reset({})
    with pytest.raises(SessionEnded, match=f"Session {session.id} has a connection already"):
        sessions.attach(session.id, lambda _why: None)
    await sessions.leave(session, broke=True)
    assert sessions.taken == 1
    again = sessions.attach(session.id, lambda _why: None)
    assert again is session
    await asyncio.sleep(0.5)
    assert (await again.step({})).done is False
    await sessions.leave(session, broke=True)
    await until(lambda: sessions.taken == 0)
    with pytest.raises(SessionEnded, match="its connection broke, and nobody took it up again in time"):
        await session.step({})


async def test_with_grace_one_that_was_closed_in_order_is_over(make):
    sessions = Sessions(Slots(1), grace_seconds=60)
    session = await sessions.open(make, holder=lambda _why: None)
    await sessions.leave(session, broke=False)
    assert sessions.taken == 0


@pytest.mark.parametrize("broke", [True, False])
async def test_a_kept_session_outlives_its_connections(make, broke):
    sessions = Sessions(Slots(1))
    session = await sessions.open(make, kept=True)
    sessions.attach(session.id, lambda _why: None)
    await sessions.leave(session, broke=broke)
    assert sessions.attach(session.id, lambda _why: None) is session
    await sessions.close()


async def test_closing_ends_every_session_and_tells_it(make):
    told = []
    sessions = Sessions(Slots(3), grace_seconds=60)
    await sessions.open(make, holder=told.append)
    await sessions.open(make, kept=True)
    await sessions.leave(await sessions.open(make, holder=told.append), broke=True)
    await sessions.close()
    assert (told, sessions.taken) == (["this session is over: the server is stopping"], 0)


async def test_a_constructor_that_fails_gives_its_slot_back():
    async def fail():
        raise ValueError("no")

    sessions = Sessions(Slots(1))
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await sessions.open(fail)
    assert sessions.taken == 0


async def test_a_slot_that_is_freed_goes_to_the_session_that_waits_for_it(make):
    sessions = Sessions(Slots(1, line_limit=1, line_seconds=60))
    first = await sessions.open(make)
    waiting = asyncio.create_task(sessions.open(make))
    await asyncio.sleep(0)
    assert not waiting.done()
    await sessions.release(first)
    assert sessions.find((await waiting).id) is waiting.result()
    await sessions.close()


async def test_draining_ends_what_is_idle_waits_for_what_is_played_and_begins_nothing(make):
    told = []
    sessions = Sessions(Slots(2, line_limit=1, line_seconds=60))
    idle = await sessions.open(make, holder=lambda why: told.append(("idle", why)))
    playing = await sessions.open(partial(make, Ends), holder=lambda why: told.append(("playing", why)))
    waiting = asyncio.create_task(sessions.open(make))
    await playing.reset({})
    draining = asyncio.create_task(sessions.drain(60))
    with pytest.raises(ServerStopping):
        await waiting
    with pytest.raises(ServerStopping, match="no session and no episode is begun any more"):
        await sessions.open(make)
    idle.used_at = playing.used_at = -1000.0  # long ago, on whichever clock
    await until(lambda: told == [("idle", "this session is over: the server is stopping")])
    with pytest.raises(SessionEnded, match="the server is stopping"):
        await idle.step({})
    assert not draining.done()
    assert (await playing.step({})).done
    playing.used_at = -1000.0
    await draining
    assert [name for name, _why in told] == ["idle", "playing"]
    await until(lambda: sessions.taken == 0)


async def test_draining_waits_no_longer_than_it_is_told(make, clock):
    sessions = Sessions(Slots(1), clock=clock)
    session = await sessions.open(make)
    await session.reset({})
    draining = asyncio.create_task(sessions.drain(5))
    await asyncio.sleep(0.05)
    assert not draining.done()
    clock.now += 6
    await draining
    assert sessions.find(session.id) is session
    await sessions.close()
