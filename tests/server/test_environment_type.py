"""What is read from an environment class before an instance is made."""

import pytest
from pydantic import BaseModel

from openenv_tasksets.loaders.errors import EnvironmentNotFound
from openenv_tasksets.server.environment_type import EnvironmentType


class Move(BaseModel):
    to: int


class Plain:
    def __init__(self, size=3):
        self.size = size

    def reset(self, question, seed=None):
        return {}

    def step(self, action: Move) -> dict:
        return {}

    @property
    def state(self):
        return {}

    def close(self):
        pass


def test_a_plain_class_blocks_runs_concurrently_and_executes_nothing():
    kind = EnvironmentType.of(Plain)
    assert (kind.name, kind.blocking, kind.concurrent, kind.executes_rows) == ("Plain", "thread", True, False)
    assert (kind.reset_method, kind.step_method) == ("reset", "step")
    assert kind.accepted.names == {"question", "seed"}
    assert kind.accepted.required == {"question"}


def test_a_class_says_what_it_is():
    class Said(Plain):
        blocking = False
        executes_rows = True
        SUPPORTS_CONCURRENT_SESSIONS = False

    kind = EnvironmentType.of(Said)
    assert (kind.blocking, kind.concurrent, kind.executes_rows) == (False, False, True)


@pytest.mark.parametrize(("blocking", "is_said"), [(False, False), (True, "thread"), ("pool", "pool")])
def test_where_it_runs_is_said_by_the_class_or_by_who_runs_it(blocking, is_said):
    said = EnvironmentType.of(type("Said", (Plain,), {"blocking": blocking}))
    told = EnvironmentType.of(type("Said", (Plain,), {"blocking": "process"}), blocking=blocking)
    assert said.blocking == told.blocking == is_said
    assert said.pooled is told.pooled is (is_said == "pool")


def test_what_is_no_place_to_run_is_refused():
    with pytest.raises(EnvironmentNotFound, match=r"environment 'Plain' was given blocking = 'inline'; expected False"):
        EnvironmentType.of(Plain, blocking="inline")


def test_an_environment_that_wants_one_thread_for_all_cannot_have_any_of_a_pool():
    single = type("Single", (Plain,), {"REQUIRES_SINGLE_THREAD_EXECUTOR": True})
    with pytest.raises(EnvironmentNotFound, match="'Single' has REQUIRES_SINGLE_THREAD_EXECUTOR.*take 'thread'"):
        EnvironmentType.of(single, blocking="pool")


def test_arguments_go_to_the_constructor():
    assert EnvironmentType.of(Plain).make().size == 3
    assert EnvironmentType.of(Plain, {"size": 9}).make().size == 9


def test_schemas_have_titles_of_their_own_or_of_the_environment():
    kind = EnvironmentType.of(Plain)
    assert kind.action.schema["title"] == "Move"
    assert [each.schema["title"] for each in (kind.observation, kind.reset_observation, kind.state)] == [
        "PlainObservation",
        "PlainObservation",
        "State",
    ]


def test_coroutine_methods_of_the_class_are_the_ones_called():
    class Waiting(Plain):
        async def reset_async(self, prompt):
            return {}

        async def step_async(self, action: Move) -> dict:
            return {}

    kind = EnvironmentType.of(Waiting)
    assert (kind.reset_method, kind.step_method) == ("reset_async", "step_async")
    assert kind.accepted.names == {"prompt"}
    assert kind.action.schema["title"] == "Move"


def test_openenvs_own_coroutine_methods_are_not(openenv):
    class Echo(openenv.Environment[openenv.Action, openenv.Observation, openenv.State]):
        def reset(self, seed=None, episode_id=None, question=""):
            return openenv.Observation()

        def step(self, action, timeout_s=None):
            return openenv.Observation()

        @property
        def state(self):
            return openenv.State()

    kind = EnvironmentType.of(Echo)
    assert (kind.reset_method, kind.step_method, kind.concurrent) == ("reset", "step", False)
    titles = [each.schema["title"] for each in (kind.action, kind.observation, kind.reset_observation, kind.state)]
    assert titles == ["Action", "Observation", "Observation", "State"]


def test_a_class_of_ones_own_named_environment_keeps_its_coroutines():
    class Environment(Plain):
        async def reset_async(self):
            return {}

    assert EnvironmentType.of(Environment).reset_method == "reset_async"


@pytest.mark.parametrize("annotation", [dict, None])
def test_reset_may_return_another_type_than_step(annotation):
    class Two(Plain):
        def reset(self) -> Move:
            return Move(to=1)

    assert EnvironmentType.of(Two).reset_observation.schema["title"] == "Move"
