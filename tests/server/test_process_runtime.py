"""An environment in a process of its own: what it may do there, and what a server learns of its end."""

import asyncio
import datetime
import math
import os
import signal
import time
from dataclasses import dataclass

import pytest

from openenv_tasksets.loaders.errors import (
    EnvironmentFailed,
    EnvironmentNotFound,
    PolicyError,
    RowRefused,
    TimeExceeded,
)
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.errors import wire_error
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.process_runtime import ProcessRuntime
from openenv_tasksets.server.runtime import EnvironmentGone, start_runtime

pytestmark = pytest.mark.anyio
CANARY = "c4n4ry"


@dataclass
class Move:
    do: str = ""
    number: int = 0


class Apart:
    blocking = "process"

    def __init__(self, fail=False, hang=False):
        if fail:
            raise ValueError(CANARY)
        if hang:
            time.sleep(600)
        self.steps = 0

    def reset(self, **arguments):
        self.arguments = arguments
        return {"types": {name: type(value).__name__ for name, value in arguments.items()}}

    def step(self, action: Move):
        self.steps += 1
        if action.do == "raise":
            raise ValueError(CANARY)
        if action.do == "refuse":
            raise RowRefused("the row is odd")
        if action.do == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if action.do == "exit":
            os._exit(3)
        if action.do == "print":
            print(CANARY)
        while action.do == "hang":
            pass
        return {"number": action.number, "big": 2**70, "reward": math.nan if action.do == "nan" else 1, "done": True}

    @property
    def state(self):
        return {"pid": os.getpid(), "steps": self.steps}

    def close(self):
        pass


class ApartAndAsync(Apart):
    async def step(self, action: Move):
        await asyncio.sleep(0)
        return super().step(action)


async def started(environment=Apart, **arguments):
    return await start_runtime(EnvironmentType.of(environment, arguments))


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("environment", [Apart, ApartAndAsync])
async def test_an_episode_in_another_process(environment):
    runtime = await started(environment)
    assert isinstance(runtime, ProcessRuntime)
    when = datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC)
    begun = await runtime.reset({"text": "a", "raw": b"\0\xff", "when": when, "big": 2**70})
    assert begun.observation == {"types": {"text": "str", "raw": "bytes", "when": "datetime", "big": "int"}}
    assert await runtime.step({"number": 3}) == Outcome({"number": 3, "big": 2**70}, 1, True)
    assert (await runtime.step({"do": "nan"})).reward is None
    state = await runtime.state()
    assert (state["steps"], state["pid"] != os.getpid()) == (2, True)
    await runtime.close()
    assert not lives(state["pid"])


async def test_its_errors_are_told_as_those_of_one_in_this_process(caplog):
    runtime = await started()
    await runtime.reset({})
    with pytest.raises(EnvironmentFailed, match=r"environment 'Apart' failed in step\(\): ValueError") as caught:
        await runtime.step({"do": "raise"})
    error = wire_error(caught.value)
    assert error.facts["error_id"] in caplog.text
    assert "in step" in caplog.text
    assert CANARY not in caplog.text + str(error)
    with pytest.raises(RowRefused, match="the row is odd"):
        await runtime.step({"do": "refuse"})
    with pytest.raises(PolicyError) as refused:
        await runtime.step({"number": "many"})
    assert [each["loc"] for each in refused.value.details] == [["number"]]
    with pytest.raises(EnvironmentFailed, match="the arguments cannot be handed to a process"):
        await runtime.reset({"function": lambda: None})
    assert (await runtime.state())["steps"] == 2
    await runtime.close()


@pytest.mark.parametrize(("do", "how"), [("die", "was killed by SIGKILL"), ("exit", "ended with 3")])
async def test_a_process_that_ends_is_told_and_leaves_nothing(do, how):
    runtime = await started()
    await runtime.reset({})
    pid = (await runtime.state())["pid"]
    with pytest.raises(EnvironmentGone, match=f"environment 'Apart' is gone: its process {how} in step"):
        await runtime.step({"do": do})
    await runtime.close()
    assert not lives(pid)


async def test_a_process_that_ends_while_nobody_asks_it_is_noticed(caplog):
    runtime = await started()
    await runtime.reset({})
    assert not runtime.gone
    os.kill((await runtime.state())["pid"], signal.SIGKILL)
    while not runtime.gone:
        await asyncio.sleep(0.01)
    await runtime.close()
    assert "environment 'Apart' is gone: its process was killed by SIGKILL while nobody asked it" in caplog.text
    caplog.clear()
    await runtime.close()
    assert caplog.text == ""


@pytest.mark.parametrize("how", ["too long", "cancelled"])
async def test_one_that_hangs_is_killed(how):
    runtime = await started()
    await runtime.reset({})
    pid = (await runtime.state())["pid"]
    if how == "too long":
        with pytest.raises(TimeExceeded, match=r"within 0.2 s"):
            await runtime.step({"do": "hang"}, 0.2)
    else:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(runtime.step({"do": "hang"}), 0.2)
    await asyncio.wait_for(runtime.close(), 60)
    assert not lives(pid)


async def test_a_constructor_that_fails_or_hangs_leaves_no_process():
    with pytest.raises(EnvironmentFailed, match="environment 'Apart' could not be made: ValueError"):
        await started(fail=True)
    with pytest.raises(TimeExceeded):
        await start_runtime(EnvironmentType.of(Apart, {"hang": True}), 3)


async def test_what_it_prints_is_not_on_the_servers_standard_output(capfd):
    runtime = await started()
    await runtime.reset({})
    await runtime.step({"do": "print"})
    await runtime.close()
    assert capfd.readouterr().out == ""


async def test_a_class_that_another_process_cannot_find_is_refused_at_once():
    class Local(Apart):
        pass

    with pytest.raises(EnvironmentNotFound, match=r"<locals>.Local is not where another process finds it"):
        EnvironmentType.of(Local)


@pytest.mark.parametrize("blocking", ["threads", None, 1])
def test_another_way_to_block_is_refused(blocking):
    with pytest.raises(EnvironmentNotFound, match="expected False, True, 'thread', 'pool' or 'process'"):
        EnvironmentType.of(type("Odd", (Apart,), {"blocking": blocking}))
