"""Policies: a user's function, and what becomes of what it returns."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import PolicyError, TasksetError
from openenv_tasksets.policy import FunctionPolicy, load_function, text_field, to_action


def act(function: Callable[[dict[str, Any]], Any], observation: Mapping[str, Any], field: str | None = "answer") -> Any:
    return asyncio.run(FunctionPolicy(function, field).begin()(observation))


class Awaitable:
    async def __call__(self, observation: dict[str, Any]) -> str:
        return observation["prompt"].upper()


def test_a_function_may_return_text_or_a_mapping() -> None:
    assert act(lambda seen: seen["prompt"] + "!", {"prompt": "go"}) == {"answer": "go!"}
    assert act(lambda _: {"answer": "x", "sure": True}, {}, None) == {"answer": "x", "sure": True}


def test_a_function_may_be_async_or_an_object_with_an_async_call() -> None:
    async def shout(observation: dict[str, Any]) -> str:
        await asyncio.sleep(0)
        return observation["prompt"].upper()

    assert act(shout, {"prompt": "go"}) == act(Awaitable(), {"prompt": "go"}) == {"answer": "GO"}


def test_a_function_may_change_the_observation_that_it_gets() -> None:
    observation = {"prompt": "go"}
    act(lambda seen: seen.pop("prompt"), observation)
    assert observation == {"prompt": "go"}


def raise_key_error(observation: dict[str, Any]) -> str:
    return observation["nothing"]


async def raise_value_error(_: dict[str, Any]) -> str:
    raise ValueError("no idea")


def leave(_: dict[str, Any]) -> str:
    sys.exit(3)


def run_dry(_: dict[str, Any]) -> Any:
    return next(iter(()))


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (raise_key_error, r"the policy raised KeyError: 'nothing' \(test_policy.py, line \d+\)"),
        (raise_value_error, r"the policy raised ValueError: no idea \(test_policy.py, line \d+\)"),
        (leave, "the policy raised RuntimeError: SystemExit"),
        (run_dry, "the policy raised RuntimeError: .*StopIteration"),
        (lambda _: 7, "the policy returned int; an action is a mapping or text"),
        (lambda _: None, "the policy returned NoneType; an action"),
        (lambda _: {"answer": object()}, "the policy's action has no JSON form"),
        (lambda _: "\ud800", "the policy's action has no JSON form"),
    ],
)
def test_what_a_function_does_wrong_is_a_policy_error(function: Callable[[dict[str, Any]], Any], told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        act(function, {})


def test_text_needs_a_text_field() -> None:
    with pytest.raises(PolicyError, match="no single required text field; return a mapping"):
        to_action("hello", None)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers(-(2**53), 2**53) | st.text("ab") | st.none()))
def test_an_action_of_json_values_stays_as_it_is(action: dict[str, Any]) -> None:
    assert to_action(action, None) == action


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"properties": {"answer": TEXT}, "required": ["answer"]}, "answer"),
        ({"properties": {"metadata": {"type": "object"}, "message": TEXT}, "required": ["message"]}, "message"),
        ({"properties": {"x": {"type": "integer"}}, "required": ["x"]}, None),
        ({"properties": {"a": TEXT, "b": TEXT}, "required": ["a", "b"]}, None),
        ({"properties": {"a": TEXT}}, None),
        ({"type": "object", "additionalProperties": True}, None),
    ],
)
def test_the_text_field_is_the_only_required_one(schema: dict[str, Any], field: str | None) -> None:
    assert text_field(schema) == field


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """``module("name", "code")`` makes an importable module."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return write


def test_a_function_is_imported_by_name_also_below_a_class(module: Callable[[str, str], None]) -> None:
    module("some_policy", "def act(seen): return 'a'\nclass Box:\n    @staticmethod\n    def act(seen): return 'b'")
    assert load_function("some_policy:act")({}) == "a"
    assert load_function("some_policy:Box.act")({}) == "b"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("some_policy", "a policy is named as module:function, not 'some_policy'"),
        (":act", "a policy is named as module:function, not ':act'"),
        ("no_such_module_here:act", "there is no module 'no_such_module_here'; the current folder and"),
        ("some_policy.deeper:act", "'some_policy.deeper' cannot be imported|there is no module 'some_policy.deeper'"),
        (
            "raising_policy:act",
            r"module 'raising_policy' cannot be imported: ZeroDivisionError: .*raising_policy.py, line 2",
        ),
        ("needing_policy:act", "module 'needing_policy' cannot be imported: ModuleNotFoundError: .*no_such_need"),
        ("some_policy:akt", r"'some_policy' has no 'akt'; did you mean 'act'\? There are: 'act'"),
        ("some_policy:number", "some_policy:number is a int, not a function"),
    ],
)
def test_the_ways_to_fail_an_import_are_told_apart(
    module: Callable[[str, str], None], reference: str, told: str
) -> None:
    module("some_policy", "number = 3\ndef act(seen): return 'a'\n")
    module("raising_policy", "\n1 / 0\n")
    module("needing_policy", "import no_such_need\n")
    with pytest.raises(TasksetError, match=told):
        load_function(reference)
