"""What an environment's tools are and give, whatever form its observations have."""

import dataclasses

import pytest
from one_episode import select

from openenv_tasksets.declaration import Limits
from openenv_tasksets.loaders.errors import ResetNeeded
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.runtime import start_runtime
from openenv_tasksets.server.session import Session
from openenv_tasksets.server.tools import NoTools, ToolFailed, call_tool, list_tools

pytestmark = pytest.mark.anyio

FASTMCPS = {"content": [{"type": "text", "text": "hi"}], "structured_content": {"result": "hi"}, "meta": {"a": 1}}


class Made:
    blocking = False

    def reset(self):
        return {}

    def step(self, action):
        return dict(answers[action["type"]], reward=0.5)

    state = None

    def close(self):
        pass


answers = {}


@pytest.fixture
def kind():
    """An environment that takes OpenEnv's tool actions, and answers what ``answers`` says."""
    answers.clear()
    return dataclasses.replace(EnvironmentType.of(Made), tool_actions=True)


async def session_of(kind, limits=Limits(), clock=lambda: 0.0):  # noqa: B008
    async def start():
        return await start_runtime(kind)

    session = Session("s", await start(), start, select, limits, clock=clock)
    await session.reset({})
    return session


async def test_tools_are_listed_under_both_names_of_their_schema_and_none_is_the_trainers(kind):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    answers["list_tools"] = {
        "tools": [
            {"name": "find", "description": "Find it.", "input_schema": schema},
            {"name": "bare"},
            {"name": "reset", "description": "Never.", "input_schema": {}},
            {"description": "nameless"},
            "text",
        ]
    }

    assert await list_tools(kind, await session_of(kind)) == [
        {"name": "find", "description": "Find it.", "inputSchema": schema, "input_schema": schema},
        {"name": "bare", "description": "", "inputSchema": {}, "input_schema": {}},
    ]


@pytest.mark.parametrize("observation", [{}, {"tools": None}, {"tools": {"find": {}}}])
async def test_an_observation_without_a_list_means_no_tools(kind, observation):
    answers["list_tools"] = observation

    with pytest.raises(NoTools):
        await list_tools(kind, await session_of(kind))


@pytest.mark.parametrize(
    ("observation", "text", "structured", "value"),
    [
        ({"result": FASTMCPS}, "hi", {"result": "hi"}, FASTMCPS),
        ({"result": "as text"}, "as text", None, {"result": "as text", "done": False}),
        ({"result": {"a": 1}}, '{"a":1}', {"a": 1}, {"result": {"a": 1}, "done": False}),
        ({"result": [1, None]}, "[1,null]", None, {"result": [1, None], "done": False}),
        ({"result": None}, "null", None, {"result": None, "done": False}),
    ],
)
async def test_a_tools_result_is_for_reading_and_as_a_value(kind, observation, text, structured, value):
    answers["call_tool"] = observation

    answer = await call_tool(kind, await session_of(kind), "find", {})

    assert (answer.content[0]["type"], answer.content[0]["text"]) == ("text", text)
    assert (answer.structured, answer.value, answer.done) == (structured, value, False)


async def test_another_observation_is_given_whole(kind):
    answers["call_tool"] = {"board": [0, 1], "done": True}

    answer = await call_tool(kind, await session_of(kind), "find", {})

    assert answer.structured == answer.value["data"] == {"observation": {"board": [0, 1]}, "done": True}
    assert answer.content[0]["text"] == '{"observation":{"board":[0,1]},"done":true}'


async def test_the_end_of_the_episode_is_said_beside_the_result(kind):
    answers["call_tool"] = {"result": FASTMCPS}

    answer = await call_tool(kind, await session_of(kind, Limits(max_steps=1)), "find", {})

    assert answer.done
    assert answer.value["meta"] == {"a": 1, "done": True}
    assert FASTMCPS["meta"] == {"a": 1}


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ({"result": None, "error": {"error_type": "timeout", "message": "too slow"}}, "too slow"),
        ({"error": {"error_type": "timeout"}}, "the tool failed"),
        ({"error": "as text"}, "as text"),
        ({"result": {**FASTMCPS, "is_error": True}}, "hi"),
        ({"result": {"content": [], "is_error": True}}, "the tool failed"),
    ],
)
async def test_a_tool_that_fails_says_why_and_the_episode_goes_on(kind, observation, message):
    answers["call_tool"] = observation
    session = await session_of(kind)

    with pytest.raises(ToolFailed, match=message):
        await call_tool(kind, session, "find", {})

    assert (await session.state())["step_count"] == 1


@pytest.mark.parametrize("name", ["reset", "step", "state", "close"])
async def test_what_the_trainer_does_is_never_called(kind, name):
    session = await session_of(kind)

    with pytest.raises(ToolFailed, match="Unknown tool"):
        await call_tool(kind, session, name, {})

    assert (await session.state())["step_count"] == 0


async def test_a_call_that_comes_too_late_is_not_made_and_has_no_result(kind):
    now = 0.0
    answers["call_tool"] = {"result": "first"}
    session = await session_of(kind, Limits(episode_seconds=10), lambda: now)
    assert (await call_tool(kind, session, "find", {})).content[0]["text"] == "first"
    now = 11.0

    with pytest.raises(ToolFailed, match="the time of the episode is over; the tool was not called"):
        await call_tool(kind, session, "find", {})
    with pytest.raises(ResetNeeded):
        await call_tool(kind, session, "find", {})

    state = await session.state()
    assert (state["episode_reward"], state["episode_done"]) == (0.5, True)


async def test_rewards_of_steps_and_tools_are_added_and_told_once_a_tool_was_used(kind):
    answers["call_tool"] = {"result": "x"}
    session = await session_of(kind)
    await session.step({"type": "call_tool"})
    assert "episode_reward" not in await session.state()

    await call_tool(kind, session, "find", {})

    assert (await session.state())["episode_reward"] == 1.0
    await session.reset({})
    assert "episode_reward" not in await session.state()


async def test_a_step_is_one_tool_whose_arguments_are_the_actions_fields():
    class Spoken(Made):
        step_tool = "say"

        def step(self, action):
            return {"heard": action, "done": True, "reward": 1}

    kind = EnvironmentType.of(Spoken)
    session = await session_of(kind)

    (tool,) = await list_tools(kind, None)
    assert (tool["name"], tool["description"]) == ("say", "Take one action.")
    assert tool["inputSchema"] == {"type": "object", "additionalProperties": True, "properties": {}}
    answer = await call_tool(kind, session, "say", {"word": "hi"})
    assert answer.structured == {"observation": {"heard": {"word": "hi"}}, "done": True}
    with pytest.raises(ToolFailed, match="Unknown tool: 'shout'; there is 'say'"):
        await call_tool(kind, session, "shout", {})


async def test_an_environment_without_tools_has_none():
    kind = EnvironmentType.of(Made)
    session = await session_of(kind)

    with pytest.raises(NoTools):
        await list_tools(kind, session)
    with pytest.raises(NoTools):
        await call_tool(kind, session, "find", {})
