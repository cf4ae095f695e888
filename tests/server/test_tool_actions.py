"""Which environments take OpenEnv's tool actions, and how these are read; and the tool that a step is offered as."""

import warnings
from typing import Any

import pytest

from openenv_tasksets.loaders.errors import EnvironmentNotFound, PolicyError
from openenv_tasksets.server.environment_type import EnvironmentType

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.mcp_types import CallToolAction, ListToolsAction
    from openenv.core.env_server.types import Action


class Base:
    def reset(self):
        return {}

    state = None

    def close(self):
        pass


class Mine(Action):
    word: str


def with_action(annotation):
    def step(self, action):
        return {}

    step.__annotations__["action"] = annotation
    return type("Made", (Base,), {"step": step})


@pytest.mark.parametrize(
    ("action", "takes"),
    [
        (Action, True),
        (CallToolAction, True),
        (ListToolsAction, True),
        (CallToolAction | ListToolsAction, True),
        (CallToolAction | Mine, True),
        (Mine, False),
        (dict, False),
        (dict[str, str], False),
        (str, False),
    ],
)
def test_the_action_says_whether_there_are_tools(action, takes):
    kind = EnvironmentType.of(with_action(action))

    assert kind.tool_actions is takes
    if takes:
        assert kind.action.decode({"type": "list_tools"}) == ListToolsAction()
        called = kind.action.decode({"type": "call_tool", "tool_name": "x", "arguments": {"a": 1}})
        assert called == CallToolAction(tool_name="x", arguments={"a": 1})
        with pytest.raises(PolicyError):
            kind.action.decode({"type": "call_tool"})


def test_openenvs_environment_that_leaves_its_action_open_takes_them():
    class Imported(Environment):  # as openenv import writes it
        reset = Base.reset
        state = Base.state

        def step(self, action: Any, timeout_s=None, **kwargs):
            return {}

    kind = EnvironmentType.of(Imported)
    assert kind.tool_actions
    assert kind.action.decode({"type": "call_tool", "tool_name": "x", "arguments": {}}) == CallToolAction(tool_name="x")
    assert kind.action.decode({"word": "x"}) == {"word": "x"}
    assert not EnvironmentType.of(with_action(Any)).tool_actions


def test_an_environment_with_tools_takes_its_other_actions_too(guess_environment):
    kind = EnvironmentType.of(guess_environment)

    assert kind.tool_actions
    assert kind.action.decode({"metadata": {"a": 1}}) == Action(metadata={"a": 1})
    assert kind.action.schema["title"] == "Action"
    with pytest.raises(PolicyError):
        kind.action.decode({"type": ["list_tools"]})


@pytest.mark.parametrize("name", ["reset", "step", "state", "close", "", "two words", 3])
def test_what_is_no_name_for_a_tool_is_refused(name):
    with pytest.raises(EnvironmentNotFound, match="has step_tool = "):
        EnvironmentType.of(type("Made", (with_action(dict),), {"step_tool": name}))
