"""Slots and their line: first come, first served, no slot lost and none given twice, whoever leaves."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.server.sessions import ServerStopping
from openenv_tasksets.server.slots import CapacityReached, Slots

pytestmark = pytest.mark.anyio


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_without_a_line_a_full_house_is_refused_at_once():
    slots = Slots(2)
    await slots.take()
    await slots.take()
    with pytest.raises(CapacityReached, match="2/2 sessions active") as caught:
        await slots.take()
    assert (caught.value.active_sessions, caught.value.max_sessions, slots.refused) == (2, 2, 1)
    slots.give_back()
    await slots.take()


async def test_a_freed_slot_goes_to_whoever_waits_longest_and_never_to_a_newcomer():
    slots = Slots(1, line_limit=3, line_seconds=60)
    await slots.take()
    served = []

    async def client(name):
        await slots.take()
        served.append(name)

    waiting = [asyncio.create_task(client(name)) for name in "abc"]
    await settled()
    assert slots.waiting == 3
    with pytest.raises(CapacityReached):
        await slots.take()
    slots.give_back()
    newcomer = asyncio.create_task(client("d"))
    await settled()
    assert served == ["a"]
    for _ in range(3):
        slots.give_back()
        await settled()
    assert served == ["a", "b", "c", "d"]
    await asyncio.gather(newcomer, *waiting)


async def test_waiting_has_an_end():
    slots = Slots(1, line_limit=1, line_seconds=0.05)
    await slots.take()
    with pytest.raises(CapacityReached):
        await slots.take()
    assert (slots.waiting, slots.taken, slots.refused) == (0, 1, 1)


async def test_one_that_leaves_gives_its_place_up_and_a_slot_that_it_was_just_given_too():
    slots = Slots(1, line_limit=3, line_seconds=60)
    await slots.take()
    leaver, given, last = (asyncio.create_task(slots.take()) for _ in range(3))
    await settled()
    leaver.cancel()
    await settled()
    assert slots.waiting == 2
    slots.give_back()
    given.cancel()  # in the same turn of the loop
    await settled()
    assert last.done()
    assert last.exception() is None
    assert (slots.waiting, slots.taken) == (0, 1)


async def test_a_line_that_is_dissolved_is_told_why():
    slots = Slots(1, line_limit=2, line_seconds=60)
    await slots.take()
    waiting = [asyncio.create_task(slots.take()) for _ in range(2)]
    await settled()
    slots.dissolve(ServerStopping)
    assert [type(each) for each in await asyncio.gather(*waiting, return_exceptions=True)] == [ServerStopping] * 2
    assert (slots.waiting, slots.taken) == (0, 1)


@given(st.lists(st.sampled_from(["come", "leave", "free"]), max_size=40), st.integers(1, 3), st.integers(0, 3))
def test_whatever_happens_slots_add_up(events, limit, line_limit):
    async def run():
        slots = Slots(limit, line_limit=line_limit, line_seconds=60)
        tasks, holding = [], 0
        for event in events:
            if event == "come":
                tasks.append(asyncio.create_task(slots.take()))
            elif event == "leave" and tasks:
                tasks.pop(0).cancel()
            elif event == "free" and holding:
                slots.give_back()
                holding -= 1
            await settled()
            holding += sum(task.done() and not task.cancelled() and task.exception() is None for task in tasks)
            tasks = [task for task in tasks if not task.done()]
            assert slots.taken == holding <= limit
            assert slots.waiting == len(tasks) <= line_limit
            assert not tasks or slots.full
        for task in tasks:
            task.cancel()
        await settled()

    asyncio.run(run())


async def test_a_slot_that_is_about_to_be_free_is_waited_for_without_a_line_too():
    slots = Slots(1, line_seconds=60)
    await slots.take()
    slots.freeing += 1
    waiting = asyncio.create_task(slots.take())
    await settled()
    assert slots.waiting == 1
    with pytest.raises(CapacityReached):
        await slots.take()
    slots.freeing -= 1
    slots.give_back()
    await waiting
    assert slots.taken == 1


async def test_where_there_is_less_room_than_thought_slots_are_not_handed_on_until_it_fits():
    slots = Slots(3, line_limit=1, line_seconds=60)
    for _ in range(3):
        await slots.take()
    slots.narrow(2)
    slots.narrow(5)
    assert (slots.limit, slots.full) == (2, True)
    waiting = asyncio.create_task(slots.take())
    await settled()
    slots.give_back()
    await settled()
    assert (slots.taken, slots.waiting) == (2, 1)
    slots.give_back()
    await waiting
    assert (slots.taken, slots.waiting) == (2, 0)
