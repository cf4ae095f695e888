"""Turns: so many at once, in order, with the loop's other work in between."""

import asyncio

import pytest

from openenv_tasksets.server.turns import Turns, my_turn

pytestmark = pytest.mark.anyio


async def test_so_many_go_on_at_once_and_others_have_their_turn_in_between():
    turns, done, seen = Turns(4), [], []

    async def work(number):
        await turns.mine()
        done.append(number)

    working = asyncio.gather(*(work(number) for number in range(30)))
    while len(done) < 30:
        await asyncio.sleep(0)
        seen.append(len(done))
    await working
    assert done == list(range(30))
    assert max(later - earlier for earlier, later in zip([0, *seen], seen, strict=False)) == 4
    # Nothing is left to do.
    await asyncio.wait_for(turns.mine(), 10)


async def test_one_that_gives_its_turn_up_takes_none():
    turns, done = Turns(1), []

    async def work(number):
        await turns.mine()
        done.append(number)

    tasks = [asyncio.create_task(work(number)) for number in range(6)]
    await asyncio.sleep(0)
    for task in tasks[2:5]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done == [0, 1, 5]


def test_each_loop_has_its_own():
    async def many():
        await asyncio.gather(*(my_turn() for _ in range(100)))

    for _ in range(2):
        asyncio.run(asyncio.wait_for(many(), 60))
