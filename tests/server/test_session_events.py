"""What is told of a session's episodes."""

import logging

import pytest

from openenv_tasksets.server.host import Host

pytestmark = pytest.mark.anyio


class Quiz:
    blocking = False

    def reset(self, question):
        return {}

    def step(self, action):
        return {"reward": 0.5}

    state = None

    def close(self):
        pass


async def test_an_episode_is_told_of_by_its_ids_and_by_nothing_that_it_hides(make_taskset, caplog):
    rows = [{"question": "c4n4ry"}] * 3
    host = Host(make_taskset(rows, {"reset": {"question": "question"}, "limits": {"max_steps": 2}}), Quiz)
    session = await host.open_session()
    with caplog.at_level(logging.INFO, "openenv_tasksets.server"):
        await session.reset({"index": 2})
        await session.step({})
        await session.step({})
    ids = {"environment": "quiz", "session_id": session.id, "task_id": "train-2"}
    assert [(record.msg, record.facts) for record in caplog.records] == [
        ("episode began", {**ids, "split": "train", "index": 2, "position": None}),
        ("episode ended", {**ids, "steps": 2, "reward": 0.5, "truncated_by": "max_steps"}),
    ]
    await host.close()


async def test_what_a_session_ignores_is_warned_of_once(make_taskset, caplog):
    host = Host(make_taskset([{"question": "c4n4ry"}], {"reset": {"question": "question"}}), Quiz)
    session = await host.open_session()
    for _ in range(2):
        await session.reset({"question": "mine", "colour": "red"})
    (warning,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert warning.getMessage() == (
        f"session {session.id}: reset() arguments that are bound by the row or unknown to the environment are ignored: "
        "'colour', 'question'"
    )
    await host.close()
